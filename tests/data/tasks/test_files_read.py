"""Files that a Task reads are found out while its store is built, and watched from then on."""

import functools
import glob
import logging
import os
import time
from contextlib import nullcontext

import pytest
import seqio
import tensorflow as tf

from t5lite.data.stores import build
from t5lite.data.tasks import files_read
from t5lite.data.tasks.files_read import FilesRead, changed_since
from t5lite.data.tasks.seqio_adapter import output_features

TEXTS = {"inputs": tf.TensorSpec((), tf.string), "targets": tf.TensorSpec((), tf.string)}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "one.tsv").write_text("a\tb\nc\td\n")
    (tmp_path / "data" / "two.tsv").write_text("e\tf\n")
    return tmp_path / "data"


def rows(paths):
    for path in paths:
        with open(path) as file:
            for line in file:
                yield dict(zip(TEXTS, line.rstrip("\n").split("\t"), strict=True))


def split_columns(line):
    inputs, targets = tf.unstack(tf.strings.split(line, "\t"), num=2)
    return {"inputs": inputs, "targets": targets}


# They hide their paths, so that only reading shows them.
def by_python(split, shuffle_files, *, hidden):
    paths = lambda: rows([os.path.join(*hidden, "one.tsv")])  # noqa: E731
    return tf.data.Dataset.from_generator(paths, output_signature=TEXTS)


def by_listing(split, shuffle_files, *, hidden):
    paths = lambda: rows(sorted(glob.glob(os.path.join(*hidden, "*.tsv"))))  # noqa: E731
    return tf.data.Dataset.from_generator(paths, output_signature=TEXTS)


def by_tensorflow(split, shuffle_files, *, hidden):
    files = tf.data.Dataset.list_files(os.path.join(*hidden, "*.tsv"), shuffle=False)
    return files.interleave(tf.data.TextLineDataset).map(split_columns)


@pytest.fixture(params=[by_python, by_listing, by_tensorflow])
def task(request, folder, own_tasks):
    """A Task of a FunctionDataSource that reads the folder, and what it is to notice."""
    name = f"reads_{request.param.__name__}"
    seqio.TaskRegistry.add(
        name,
        source=seqio.FunctionDataSource(
            functools.partial(request.param, hidden=("/", *folder.parts[1:])), splits=["train"]
        ),
        preprocessors=[seqio.preprocessors.tokenize, seqio.preprocessors.append_eos],
        output_features=output_features(),
    )
    return name


def store(task, folder):
    [found] = build.open_stores(
        [task], split="train", cache_dir=folder.parent / "cache", num_workers=1, progress=False
    )
    return found


def text(found):
    return bytes(int(i) - 3 for i in found.tokens if i > 2).decode()


def test_a_changed_file_is_read_again(task, folder, caplog):
    caplog.set_level(logging.INFO)
    before = store(task, folder)
    assert "ab" in text(before)
    assert store(task, folder).path == before.path
    time.sleep(0.01)  # a file system's clock may be no finer
    (folder / "one.tsv").write_text("a\tB\nc\td\n")
    after = store(task, folder)
    assert "aB" in text(after)
    assert f"task {task} is read anew" in caplog.text and "one.tsv" in caplog.text
    assert store(task, folder).path == after.path
    assert "ab" in text(before), "who reads the first store goes on reading it"
    assert before.made_of["files"] != after.made_of["files"]
    assert before.made_of["source"] == after.made_of["source"]
    (folder / "one.tsv").rename(folder / "elsewhere")
    with pytest.raises(ValueError, match=r"one\.tsv") if "python" in task else nullcontext():
        assert "aB" not in text(store(task, folder))


def test_a_file_more_in_a_folder_that_python_lists_is_noticed(task, folder):
    before = store(task, folder)
    (folder / "zoo.tsv").write_text("x\ty\n")
    assert text(store(task, folder)).endswith("xy") == ("listing" in task)
    (folder / "zoo.tsv").unlink()
    assert store(task, folder).path == before.path


def test_code_libraries_writing_and_temporary_files_do_not_count(folder, tmp_path):
    (folder / "code.py").write_text("")
    with FilesRead(leave_out=tmp_path / "cache") as files:
        for path in (os.__file__, tf.__file__, folder / "code.py", folder / "one.tsv"):
            open(path, "rb").close()
        open(tmp_path / "written", "w").close()
        for path in (tmp_path / "temporary", tmp_path / "cache" / "meta.json"):
            path.parent.mkdir(exist_ok=True)
            path.write_text("")
            open(path).close()
        (tmp_path / "temporary").unlink()
        os.listdir(os.path.dirname(os.__file__))
    open(folder / "two.tsv").close()
    assert list(files.states) == [str(folder / "one.tsv")]
    assert not files_read.is_recording()
    assert changed_since(files.states) == {}
