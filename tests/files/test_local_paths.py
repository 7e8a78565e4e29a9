"""Names of folders: what works, and what is refused before anything is done."""

import os
import pathlib
import string

import hypothesis
import hypothesis.strategies as st
import jax
import numpy as np
import pytest

from t5lite.checkpoints.checkpointer import Checkpointer
from t5lite.checkpoints.model_dir import ModelDescription
from t5lite.convert.checkpoint_stream import read_leaf
from t5lite.convert.new_folder import check_new
from t5lite.data.tasks import environment
from t5lite.files.local_paths import check_storable, local_path, writable_folder
from tests.checkpoints.test_checkpointer import abstract, save, state

ADDRESSES = ["az://bucket/run", "hdfs://a/b", "https://example.com/m"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_refused_as_it_was_written(address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(environment.DATA_DIR_VARIABLE, address)
    monkeypatch.setenv(environment.CACHE_DIR_VARIABLE, address)
    for use in (
        lambda: local_path(address, name="--x"),
        lambda: writable_folder(address, name="--x"),
        lambda: Checkpointer(address, read_only=True),
        lambda: ModelDescription.load(address),
        lambda: check_new(address),
        environment.data_dir,
        environment.cache_dir,
    ):
        with pytest.raises(ValueError, match=f"{address}: t5lite reads and writes gs:// and s3://"):
            use()
    assert not list(tmp_path.iterdir()), "no folder called gs: is left behind"


def test_the_home_folder_is_filled_in(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert local_path("~/run", name="--x") == tmp_path / "run"


@pytest.mark.parametrize("text", ["", "  ", "a\0b", "x" * 300, "a/" + "\u00e9" * 128, "\udcff"])
def test_what_is_no_path_is_refused(text):
    with pytest.raises(ValueError, match="--x"):
        local_path(text, name="--x")


@pytest.mark.parametrize(
    "name", ["a b%20#&", "a'b\"c$HOME;", "\u65e5\u672c \U0001f600", "a:b{c}\n"]
)
def test_odd_names_that_can_be_stored_are_read_back(name, tmp_path):
    save(tmp_path / name, [1])
    check_storable(tmp_path / name, name="--x")
    assert Checkpointer(tmp_path / name, read_only=True).saved_shapes(1)


@pytest.mark.parametrize("name", ["a[b]", "a\\b", "[work]/run", "gs:/run", "**", "a?b"])
def test_names_that_cannot_be_stored_are_refused_before_anything_is_written(name, tmp_path):
    folder = tmp_path / name
    with pytest.raises(ValueError, match="checkpoints cannot lie in a folder called"):
        Checkpointer(folder, read_only=False)
    assert not list(tmp_path.iterdir())


@hypothesis.settings(max_examples=8, deadline=None, derandomize=True, database=None)
@hypothesis.given(
    name=st.lists(st.sampled_from([*string.punctuation.replace("/", ""), "a", " ", "\n", "\u00e9"]))
    .map("".join)
    .filter(lambda name: name not in ("", ".", ".."))
)
def test_whatever_a_folder_is_called_it_is_refused_or_read_back(name, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / name
    try:
        check_storable(folder, name="--x")
    except ValueError:
        return
    save(folder, [1])
    reader = Checkpointer(folder, read_only=True)
    restored = reader.restore_state(1, abstract(state()))
    jax.tree.map(np.testing.assert_array_equal, restored, state(1))
    assert read_leaf(folder, 1, "step") == 1


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    for name in ("file", "file/run"):
        with pytest.raises(ValueError, match=rf"--x .*/{name}: .*/file is a file\."):
            writable_folder(tmp_path / name, name="--x")
    assert writable_folder(tmp_path / "a" / "b", name="--x") == tmp_path / "a" / "b"
    with pytest.raises(ValueError, match="no room for the names of files"):
        writable_folder(tmp_path.joinpath(*["x" * 200] * 20), name="--x")
    assert os.listdir(tmp_path) == ["file"]


def test_a_link_that_leads_nowhere_is_no_folder(tmp_path):
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("link", "link/run"):
        with pytest.raises(ValueError, match="/link is a link to nowhere, which is not there"):
            writable_folder(tmp_path / name, name="--x")
    (tmp_path / "nowhere").mkdir()
    assert writable_folder(tmp_path / "link/run", name="--x")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ValueError, match="cannot be written to: Permission denied"):
        writable_folder(pathlib.Path(tmp_path), name="--x")
