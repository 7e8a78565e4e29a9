"""Where stores lie."""

import pathlib

import pytest

from t5lite.data.stores import plan


@pytest.mark.parametrize("name", ["..", ".", "...", "../x", "/etc", "a/../../b", "a\0b", "mini:a"])
def test_no_name_of_a_task_leads_out_of_the_cache(name):
    root = pathlib.Path("/cache")
    folder = root / plan._as_folder(name)
    assert folder.parent == root
    assert folder.name not in ("", ".", "..") and "\0" not in folder.name
