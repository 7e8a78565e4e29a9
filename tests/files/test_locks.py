"""Locks: one holder at a time, also while the file of a lock is deleted."""

import fcntl
import pathlib

import pytest

from t5lite.checkpoints import model_dir
from t5lite.decoding.journal import Journal
from t5lite.files.appended_lines import AppendedLines
from t5lite.files.locks import take_lock


def append_lines(folder):
    with AppendedLines(folder / "a.jsonl", name="--output"):
        pass


def write_journal(folder):
    with Journal(folder / "a.jsonl", settings={}, num_lines=1, chunk_size=1):
        pass


def fail_to_train(folder):
    @model_dir.leaves_no_empty_folder
    def train(*, model_dir):
        held = take(pathlib.Path(model_dir) / ".lock")
        raise RuntimeError(held.lock_file)

    with pytest.raises(RuntimeError):
        train(model_dir=str(folder))


def take(path):
    return take_lock(path, held="somebody writes", remedy="wait.")


@pytest.mark.parametrize("write", [append_lines, write_journal, fail_to_train])
def test_a_lock_is_deleted_by_who_holds_it(write, tmp_path, monkeypatch):
    deleted = []

    def unlink(path, missing_ok=False):
        if path.name.endswith(".lock"):
            with pytest.raises(ValueError, match=r"somebody writes \(it holds .*lock\); wait\."):
                take(path)
            deleted.append(path)
        original(path, missing_ok=missing_ok)

    original = pathlib.Path.unlink
    monkeypatch.setattr(pathlib.Path, "unlink", unlink)
    write(tmp_path)
    assert deleted and not list(tmp_path.glob("*.lock"))


def test_who_opened_a_lock_that_is_deleted_then_does_not_hold_it(tmp_path, monkeypatch):
    path = tmp_path / ".lock"

    def after_it_is_deleted(descriptor, operation):
        if operation & fcntl.LOCK_EX:
            path.unlink()
        flock(descriptor, operation)

    flock = fcntl.flock
    monkeypatch.setattr(fcntl, "flock", after_it_is_deleted)
    with pytest.raises(ValueError, match="somebody writes"):
        take(path)
    assert not path.exists()


def test_a_folder_that_was_moved_or_deleted_is_told(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    lock = take(folder / ".lock")
    lock.check()
    folder.rename(tmp_path / "away")
    with pytest.raises(ValueError, match=r"run was moved or deleted while"):
        lock.check()
    folder.mkdir()  # another of its name
    with pytest.raises(ValueError, match=r"run was moved or deleted while"):
        lock.check()
    folder.rmdir()
    (tmp_path / "away").rename(folder)
    lock.check()
    lock.release()
