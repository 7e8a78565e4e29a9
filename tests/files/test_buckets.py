"""Buckets of both kinds, at emulators on this machine: what holds on a disk holds there."""

import concurrent.futures
import json
import socket
import subprocess
import sys
from unittest import mock

import fsspec
import numpy as np
import pytest
from orbax.checkpoint._src.path import gcs_utils

from t5lite.checkpoints.buckets import COMMIT_FILE
from t5lite.checkpoints.checkpointer import CheckpointConfig, Checkpointer
from t5lite.checkpoints.load import load_model_dir
from t5lite.checkpoints.model_dir import ModelDescription
from t5lite.convert import convert
from t5lite.data.contamination.evaluation_texts import evaluation_sets, read_texts
from t5lite.data.stores import build, shared_stores
from t5lite.data.tasks import environment
from t5lite.decoding.journal import Journal
from t5lite.evaluation.finished import labelled
from t5lite.evaluation.preference.choosing import choose_answers
from t5lite.evaluation.preference.pairs import read_pairs
from t5lite.files import bucket_lock, buckets
from t5lite.files.appended_file import AppendedFile
from t5lite.files.appended_lines import AppendedLines
from t5lite.files.hashes import FileHashes
from t5lite.files.local_paths import storage_path, writable_file, writable_folder
from t5lite.files.locks import take_lock
from t5lite.files.whole_file import write_whole
from t5lite.models.parameters import flatten_names
from tests.buckets import BUCKET, CLOSED, emulators
from tests.checkpoints.test_checkpointer import abstract, save, state
from tests.toy_run import toy_train

SCHEMES = ("gs", "s3")


@pytest.fixture(scope="module", autouse=True)
def _emulators(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch, emulators() as variables:
        for name, value in variables.items():
            patch.setenv(name, value)
        patch.setenv("EPATH_USE_TF", "false")
        patch.setattr(buckets, "_COPIES", str(tmp_path_factory.mktemp("copies")))
        _forget_drivers()
        yield
    _forget_drivers()


def _forget_drivers():
    for driver in map(fsspec.get_filesystem_class, SCHEMES):
        driver.clear_instance_cache()
    gcs_utils.get_bucket.cache_clear()


@pytest.fixture(params=SCHEMES)
def folder(request):
    return path_of(f"{request.param}://{BUCKET}/{request.function.__name__}")


def path_of(address):
    return storage_path(address, name="--x")


def metrics(model_dir):
    lines = map(json.loads, (model_dir / "metrics.jsonl").read_text().splitlines())
    return [(x["step"], x["loss"], x["grad_norm"]) for x in lines]


def test_a_file_is_whole_and_listed_at_once(folder):
    assert not list(folder.parent.glob(f"{folder.name}/*"))
    for text in ("one", "another"):
        write_whole(folder / "a" / "file", text)
        assert (folder / "a" / "file").read_text() == text
        assert [path.name for path in folder.iterdir()] == ["a"]


def test_of_several_who_create_an_object_one_does(folder):
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda n: buckets.create_object(folder / "x", b"%d" % n), range(8)))
    assert sum(made) == 1
    assert (folder / "x").read_bytes() == b"%d" % made.index(True)


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("gs://nowhere/run", "bucket nowhere does not exist"),
        ("s3://nowhere/run", "bucket nowhere does not exist"),
        (f"gs://{CLOSED}/run", f"bucket {CLOSED} cannot be used.*give this machine credentials"),
    ],
)
def test_a_missing_or_forbidden_bucket_stops_a_run_at_once(address, problem, tmp_path):
    for use in (
        lambda: toy_train(address, tmp_path),
        lambda: toy_train(tmp_path / "run", address),
        lambda: convert.convert(str(tmp_path), address),
        lambda: writable_folder(address, name="--output_dir"),
    ):
        with pytest.raises(ValueError, match=rf"{address}: {problem}"):
            use()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_bucket_that_does_not_answer_is_given_up(scheme, monkeypatch):
    monkeypatch.setattr(buckets, "_ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for variable in ("STORAGE_EMULATOR_HOST", "AWS_ENDPOINT_URL"):
            monkeypatch.setenv(variable, "http://{}:{}".format(*silent.getsockname()))
        _forget_drivers()
        with pytest.raises(ValueError, match=r"bucket silent cannot be used \(FSTimeoutError"):
            path_of(f"{scheme}://silent/run")
    _forget_drivers()


def test_a_name_that_drivers_take_for_a_pattern_is_refused():
    with pytest.raises(ValueError, match=r"--x gs://b/a\[1\]: names in buckets are without"):
        path_of("gs://b/a[1]")


def test_a_driver_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "upath", None)
    with pytest.raises(ValueError, match=r"--x s3://b/c: .*pip install 't5lite\[s3\]'"):
        path_of("s3://b/c")


# ------------------------------------------------------------------------------ lines and locks


def test_what_is_added_is_written_now_and_again_and_where_it_is_asked_for(folder):
    seconds = [0.0]
    path = folder / "lines"
    file = AppendedFile(path, now=lambda: seconds[0])
    file.append(b"a")
    assert not path.exists()
    seconds[0] = 31.0
    file.append(b"b")
    file.append(b"c")
    assert path.read_bytes() == b"ab", "a process killed here loses c"
    again = AppendedFile(path)
    again.append(b"d")
    again.sync()
    assert path.read_bytes() == b"abd"
    again.truncate(1)
    again.close()
    assert path.read_bytes() == b"a"


def test_a_journal_goes_on_after_what_the_bucket_has(folder):
    settings = {"settings": {"step": 1}, "num_lines": 4, "chunk_size": 2}
    with Journal(folder / "out.jsonl", **settings) as journal:
        journal.append([{"n": 0}, {"n": 1}])
    with Journal(folder / "out.jsonl", **settings) as journal:
        assert journal.num_done == 2
        journal.append([{"n": 2}, {"n": 3}])
        journal.finish()
    assert (folder / "out.jsonl").read_text() == "".join(f'{{"n": {n}}}\n' for n in range(4))
    with AppendedLines(folder / "out.jsonl", name="--output") as lines:
        lines.take_back()
    assert sorted(p.name for p in folder.iterdir()) == ["out.jsonl", "out.jsonl.settings.json"]
    assert (folder / "out.jsonl").read_text().count("\n") == 3


def take(folder):
    return take_lock(folder / ".lock", held="somebody writes", remedy="wait.")


@pytest.fixture
def elsewhere(monkeypatch):
    """Makes this process take the holders of locks for processes of other machines."""
    monkeypatch.setattr(bucket_lock, "_is_dead", lambda content: False)
    monkeypatch.setattr(bucket_lock, "BEAT_SECONDS", 3600.0)

    def sleeping(what):
        monkeypatch.setattr(bucket_lock.time, "sleep", lambda seconds: what())

    return sleeping


def test_a_lock_is_held_by_who_lives(folder, elsewhere):
    lock = take(folder)
    number, content = bucket_lock._latest(folder / ".lock")
    elsewhere(lambda: (folder / ".lock" / f"{number:08d}").write_bytes(content + b" "))
    with pytest.raises(ValueError, match=r"somebody writes \(process \d+ of .* holds .*; wait"):
        take(folder)
    lock.release()
    assert not folder.exists()
    take(folder).release()


def test_a_lock_of_who_shows_no_life_is_taken_over_once(folder, elsewhere):
    elsewhere(lambda: None)
    old = take(folder)
    new = take(folder)
    old._holding.beat(1)
    with pytest.raises(ValueError, match="another one has taken over"):
        old.check()
    new.check()
    old.release()
    assert bucket_lock._latest(folder / ".lock")[0] == 2
    new.release()


KILLED = """
import os, signal, sys
from t5lite.files.local_paths import storage_path
from t5lite.files.locks import take_lock
lock = take_lock(storage_path(sys.argv[1], name="") / ".lock", held="", remedy="")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_of_this_machine_held_is_free(folder, monkeypatch):
    process = subprocess.run([sys.executable, "-c", KILLED, str(folder)])
    assert process.returncode == -9 and (folder / ".lock" / "00000001").exists()
    monkeypatch.setattr(bucket_lock.time, "sleep", lambda seconds: pytest.fail("nobody waits"))
    take(folder).release()


# --------------------------------------------------------------------------- copies and hashes


def test_a_copy_is_kept_as_the_folder_is(folder):
    for name, text in {"a": "1", "b/c": "2", "d": "3"}.items():
        write_whole(folder / name, text)
    copy = buckets.local_copy(folder)
    times = {name: (copy / name).stat().st_mtime_ns for name in ("a", "b/c")}
    write_whole(folder / "a", "other")
    (folder / "d").unlink()
    assert buckets.local_copy(folder) == copy
    assert (copy / "a").read_text() == "other" and not (copy / "d").exists()
    assert (copy / "b/c").stat().st_mtime_ns == times["b/c"]
    assert buckets.local_copy(folder / "b" / "c").read_text() == "2"
    with pytest.raises(FileNotFoundError, match="none does not exist"):
        buckets.local_copy(folder / "none")


def test_files_that_changed_are_found_by_what_the_bucket_says(folder, tmp_path):
    for name in ("a", "b", "c"):
        write_whole(folder / name, f"file {name}")
    FileHashes.of(folder).save()
    hashes = FileHashes.read(folder)
    assert hashes.differences() == {}
    (folder / "a").unlink()
    write_whole(folder / "b", "longer than it was")
    write_whole(folder / "c", "file x")
    found = hashes.differences()
    assert list(found) == ["a", "b", "c"] and "its hash is" in found["c"]
    copied = FileHashes(tmp_path, hashes.files)
    write_whole(tmp_path / "a", "file a")
    assert list(copied.differences()) == ["b", "c"]


def test_a_token_store_is_built_once_for_all_machines(folder, monkeypatch, tmp_path):
    settings = {"split": "train", "task_modules": ["tests.toy_tasks"], "cache_dir": str(folder)}
    first = build.open_stores(["toy_copy"], num_workers=1, **settings)[0]
    monkeypatch.setattr(buckets, "_COPIES", str(tmp_path))  # another machine
    monkeypatch.setattr(build, "_write", lambda job: pytest.fail("it is built"))
    second = build.open_stores(["toy_copy"], num_workers=1, **settings)[0]
    assert second.path.is_relative_to(tmp_path)
    np.testing.assert_array_equal(first.tokens, second.tokens)
    second.check_tokens()
    # One that was not written to its end is none.
    shared = shared_stores.SharedStores(folder)
    for file in list(folder.rglob("meta.json")):
        file.unlink()
    shared.fetch([str(second.path.with_name("other"))])
    assert not second.path.with_name("other").exists()


def test_the_data_folder_may_be_in_a_bucket(folder, monkeypatch):
    write_whole(folder / "task" / "data.jsonl", "{}")
    monkeypatch.setenv(environment.DATA_DIR_VARIABLE, str(folder))
    assert (environment.data_dir() / "task" / "data.jsonl").read_text() == "{}"


def test_files_that_are_named_may_be_in_a_bucket(folder):
    answers, chosen = folder / "answers.jsonl", folder / "new" / "chosen.jsonl"
    several = {"inputs": "q", "predictions": ["a", "b"], "scores": [-1.0, -3.0]}
    write_whole(answers, json.dumps(several) + "\n")
    choose_answers(str(answers), output=str(chosen))
    with pytest.raises(ValueError, match="is the file of answers itself"):
        choose_answers(str(chosen), output=str(chosen))
    pairs = read_pairs(f"ours={chosen}", str(chosen), inputs_field="inputs")
    assert (pairs.model_a, pairs.model_b, pairs.pairs[0].answers) == ("ours", "chosen", ("a", "a"))
    assert labelled([f"ours={folder}", str(folder)], name="compare") == {
        "ours": folder,
        folder.name: folder,
    }
    sets = evaluation_sets([f"ours={folder}", str(answers)])
    assert {name: list(read_texts(files)) for name, files in sets.items()} == {
        "ours": ["q\na\nb", "q\na"],
        "answers": ["q\na\nb"],
    }
    assert writable_file(f"{folder}.model", name="--output").name == f"{folder.name}.model"


# ----------------------------------------------------------------------------- runs and models


def test_checkpoints_are_whole_or_left_out(folder):
    save(folder, [1, 2], CheckpointConfig(keep=3))
    checkpoints = folder / "checkpoints"
    (checkpoints / "2" / COMMIT_FILE).unlink()  # As where a process was killed before.
    reader = Checkpointer(folder, read_only=True)
    assert reader.all_steps() == [1]
    restored = reader.restore_state(1, abstract(state()))
    np.testing.assert_array_equal(
        restored["params"]["dense"]["kernel"], state(1)["params"]["dense"]["kernel"]
    )
    checkpointer = Checkpointer(folder, CheckpointConfig(keep=3))
    of_step = {"data_state": {}, "config": "", "metrics": {}}
    with (
        mock.patch.object(FileHashes, "save", side_effect=OSError("refused")),
        pytest.raises(ValueError, match=r"checkpoint 2 could not be saved .*: refused"),
    ):
        checkpointer.save(2, state(2), **of_step)
        checkpointer.wait()
    assert [path.name for path in checkpoints.iterdir()] == ["1"]
    checkpointer.save(3, state(3), **of_step)
    checkpointer.close()
    assert {path.name for path in checkpoints.iterdir()} == {"1", "3"}
    part = next((checkpoints / "3" / "state").rglob("d/*"))
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    with pytest.raises(ValueError, match=r"checkpoint .*3 is damaged: .*Checkpoint 1 is whole"):
        Checkpointer(folder, read_only=True).restore_state(3, abstract(state()))


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_bit_and_its_model_is_read_and_converted(cache_dir):
    """Straight in one kind of bucket, resumed in the other."""
    straight, killed = (path_of(f"{scheme}://{BUCKET}/run") for scheme in SCHEMES)
    changes = {"train_steps": 8, "checkpoint": CheckpointConfig(period=4)}
    toy_train(straight, cache_dir, **changes)
    _leave_as_if_killed(straight, killed)
    toy_train(killed, cache_dir, **changes)
    assert metrics(killed) == metrics(straight) and len(metrics(killed)) == 8
    assert list((killed / "tensorboard").iterdir()) and (killed / "report.html").exists()
    assert Checkpointer(killed, read_only=True).all_steps() == [4, 8]
    models = [load_model_dir(path) for path in (straight, killed)]
    first, second = (flatten_names(model.params) for model in models)
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name])
    hf, back = path_of(f"gs://{BUCKET}/hf"), path_of(f"s3://{BUCKET}/back")
    quiet = {"verified": False, "progress": False, "say": lambda text: None}
    convert.convert(str(killed), str(hf), **quiet)
    convert.convert(str(hf), str(back), **quiet)
    assert {"config.json", "model.safetensors", "hashes.json"} <= {p.name for p in hf.iterdir()}
    assert ModelDescription.load(back).model.d_model == ModelDescription.load(killed).model.d_model
    with pytest.raises(ValueError, match="is there already and not empty"):
        convert.convert(str(killed), str(hf), **quiet)


def _leave_as_if_killed(straight, folder):
    """Writes what a process leaves that is killed while it writes the checkpoint of step 8."""
    for name in buckets.list_objects(straight):
        if name != f"checkpoints/8/{COMMIT_FILE}":
            (folder / name).write_bytes((straight / name).read_bytes())
    holder = {"host": "h", "process": 2**22 + 1, "started": 0.0, "machine": bucket_lock._machine()}
    write_whole(folder / ".lock" / "00000007", json.dumps(holder))
