"""A data folder with a little of each suite."""

import pytest

from tests.tasks.eval.suite_folder import write_folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("T5LITE_DATA_DIR", str(tmp_path))
    return write_folder(tmp_path)
