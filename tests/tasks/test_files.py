"""Tasks over CSV, Parquet and saved data sets: the same examples whatever the format."""

import json
import pathlib

import pytest

from t5lite.data.tasks import seqio_adapter, seqio_registry
from t5lite.data.tasks.task_metrics import Answers
from tasks.files import add_file_task
from tasks.metrics import exact_match
from tests.conftest import REPOSITORY

SAVED = REPOSITORY / "tests" / "data" / "sources" / "saved_by_datasets"
ROWS = [{"q": f"q {i}, é", "a": f"a {i}"} for i in range(3)]
TEXTS = [(f"Q: q {i}, é A:", f"a {i}") for i in range(3)]


@pytest.fixture
def data_root(tmp_path, monkeypatch):
    monkeypatch.setenv("T5LITE_DATA_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def add(new_name):
    """Registers a Task under a name of this test's."""
    return lambda **arguments: add_file_task(new_name(), **arguments).name


def texts(name, split="train"):
    return [(e["inputs"], e["targets"]) for e in seqio_adapter.iterate_texts(name, split)]


def write(path):
    import pyarrow.parquet

    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(ROWS))
    else:
        sign = "," if path.suffix == ".csv" else "\t"
        rows = [["q", "a"], *([f'"{row["q"]}"', row["a"]] for row in ROWS)]
        path.write_text("".join(sign.join(row) + "\n" for row in rows), encoding="utf-8")


@pytest.mark.parametrize("suffix", ["csv", "tsv", "json", "parquet"])
def test_every_format_gives_the_same_examples(data_root, add, suffix):
    write(data_root / f"x.{suffix}")
    name = add(files={"train": f"x.{suffix}"}, inputs="Q: {q} A:", targets="a")
    assert texts(name) == TEXTS
    (task,) = seqio_adapter.load_eval_tasks(name, split="train", task_feature_lengths={})
    assert [(e.inputs_text, e.targets_text) for e in task.examples] == TEXTS
    assert seqio_registry.get(name).num_input_examples("train") == 3
    before = seqio_adapter.task_source(name).fingerprint
    (data_root / f"x.{suffix}").write_bytes(b"other")
    assert seqio_adapter.task_source(name).fingerprint != before


def test_a_saved_data_set_with_nested_fields(data_root, add):
    name = add(
        files={"train": SAVED, "test": str(SAVED)},
        inputs="{q} ({n}, {label}, {messages.0.content})",
        targets="a.text",
        metrics=(exact_match,),
    )
    assert [text for text, _ in texts(name, "test")] == ["question 4 (4, 0, hé 4)"]
    (task,) = seqio_adapter.load_eval_tasks(name, split="test", task_feature_lengths={})
    for right in ("answer 4", "reply 4"):
        assert task.measure(Answers(texts=[right])).values == {"accuracy": 1.0}
    assert sorted(text[:10] for text, _ in texts(name)) == [f"question {i}" for i in range(4)]


def test_a_null_is_named_and_a_function_may_stand_for_it(data_root, add):
    files = {"train": str(SAVED)}
    name = add(files=files, inputs="{x}", targets="q")
    with pytest.raises(ValueError, match=r"\.arrow, row \d: field 'x': .* found null; .*function"):
        texts(name)
    half = lambda row: "none" if row["x"] is None else str(row["x"])  # noqa: E731
    name = add(files=files, inputs=half, targets=lambda row: row["a"]["text"])
    assert {text for text, _ in texts(name)} == {"none", "0.5"}


def test_names_with_spaces_and_dots(data_root, add):
    (data_root / "x.csv").write_text("Question Text,a.b,3\nx,y,z\n")
    name = add(
        files={"train": "x.csv"}, inputs="{Question Text} {a.b:>3} {{}}", targets="Question Text"
    )
    assert texts(name) == [("x   y {}", "x")]


def test_what_is_no_template_is_said_at_registration(data_root):
    for inputs, message in ((3, "expected a template, the name of a field or a function"),):
        with pytest.raises(ValueError, match=f"'files_bad', inputs: {message}"):
            add_file_task("files_bad", files={"train": "x.csv"}, inputs=inputs, targets="a")
    with pytest.raises(ValueError, match="files is empty"):
        add_file_task("files_bad", files={}, inputs="q", targets="a")


def test_reading_is_a_stream(data_root, add):
    (data_root / "x.csv").write_text("q,a\nx,y\nbroken\n")
    name = add(files={"train": pathlib.Path("x.csv")}, inputs="q", targets="a")
    examples = seqio_adapter.iterate_texts(name, "train")
    assert next(examples)["inputs"] == "x"
    with pytest.raises(ValueError, match=r"x\.csv, line 3: the row has not the 2 fields"):
        next(examples)
