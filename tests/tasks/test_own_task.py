"""docs/own_task.md says what is true: its code blocks run as they stand. And JSONL's errors."""

import json
import re
import sys

import pytest

from t5lite.data import seqio_door
from tasks.jsonl import add_jsonl_task
from tasks.metrics import exact_match
from tests.conftest import REPOSITORY

_DOC = REPOSITORY / "docs" / "own_task.md"


def _code_blocks() -> dict[str, str]:
    """The document's Python blocks by the file name that stands before each."""
    pattern = re.compile(r"`(\w+\.py)`:\n\n```python\n(.*?)```", re.DOTALL)
    return dict(pattern.findall(_DOC.read_text()))


@pytest.fixture
def data_root(tmp_path, monkeypatch):
    monkeypatch.setenv("T5LITE_DATA_DIR", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def _write_jsonl(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(text) + "\n")


def _load(name, split):
    (task,) = seqio_door.load_eval_tasks(name, split=split, task_feature_lengths={})
    return task


def test_the_documented_jsonl_task_runs(data_root):
    documented = re.search(r"```json\n(.*?)\n```", _DOC.read_text())
    line = json.loads(documented.group(1))
    more = [{"question": f"q{i}", "answers": [f"a{i}", f"b{i}"]} for i in range(20)]
    _write_jsonl(data_root / "trivia" / "train.jsonl", more)
    _write_jsonl(data_root / "trivia" / "dev.jsonl", [line])
    code = _code_blocks()["my_tasks.py"]
    assert len(code.split("add_jsonl_task(")[1].strip().splitlines()) <= 10
    (data_root / "my_tasks.py").write_text(code)
    seqio_door.import_tasks(["my_tasks"])

    task = _load("my_trivia", "validation")
    (example,) = task.examples
    assert example.inputs_text == (
        "Answer in a few words.\n\nQuestion: Which planet is nearest to the sun?\nAnswer:"
    )
    for right in line["answers"]:
        assert task.predict_metrics([right]) == {"accuracy": 1.0}
    assert task.predict_metrics(["Venus"]) == {"accuracy": 0.0}
    targets = [e.targets_text for e in _load("my_trivia", "train").examples]
    assert {target[0] for target in targets} == {"a", "b"}
    assert str(data_root / "my_tasks.py") in seqio_door.task_source("my_trivia").provenance


def test_the_documented_handwritten_task_runs(data_root):
    (data_root / "sums").mkdir()
    (data_root / "sums" / "train.csv").write_text("1,2,3\n4,5,9\n")
    (data_root / "sums" / "dev.csv").write_text("2,2,4\n")
    (data_root / "my_sums.py").write_text(_code_blocks()["my_sums.py"])
    seqio_door.import_tasks(["my_sums"])

    train = _load("my_sums", "train")
    assert [e.inputs_text for e in train.examples] == ["What is 1 plus 2?", "What is 4 plus 5?"]
    assert train.predict_metrics(["3", "8"]) == {"accuracy": 0.5}
    assert seqio_door.rates("my_mixture", {}) == {"my_sums": 1.0}
    before = seqio_door.task_source("my_sums").fingerprint
    (data_root / "sums" / "train.csv").write_text("1,2,3\n4,5,9\n6,6,12\n")
    assert seqio_door.task_source("my_sums").fingerprint != before
    sys.modules.pop("my_sums")


def test_templates_fields_numbers_and_braces(data_root):
    _write_jsonl(data_root / "a.jsonl", [{"q": "x{y}", "n": 3}, "", {"q": "é\u2028z", "n": 0.5}])
    add_jsonl_task("own_braces", files={"train": "a.jsonl"}, inputs="{{{q}}} {n}", targets="n")
    examples = _load("own_braces", "train").examples
    assert [e.inputs_text for e in examples] == ["{x{y}} 3", "{é\u2028z} 0.5"]
    assert [e.targets_text for e in examples] == ["3", "0.5"]


def test_a_changed_file_changes_the_fingerprint(data_root):
    _write_jsonl(data_root / "b.jsonl", [{"q": "x", "a": "y"}])
    add_jsonl_task("own_changing", files={"train": "b.jsonl"}, inputs="q", targets="a")
    before = seqio_door.task_source("own_changing").fingerprint
    assert seqio_door.task_source("own_changing").fingerprint == before
    _write_jsonl(data_root / "b.jsonl", [{"q": "x", "a": "z"}, {"q": "x", "a": "y"}])
    assert seqio_door.task_source("own_changing").fingerprint != before


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([{"q": "x", "a": "y"}, '{"q": "x"'], r"c\.jsonl, line 2, column 10: malformed JSON"),
        (["[1]"], r"c\.jsonl, line 1: expected a JSON object, found a list"),
        ([{"q": "x", "a": "y"}, {"a": "y"}], r"c\.jsonl, line 2: field 'q' is missing"),
        ([{"q": None, "a": "y"}], r"line 1: field 'q': expected a string, found null"),
        ([{"q": True, "a": "y"}], r"line 1: field 'q': expected a string, found true or false"),
        ([{"q": "x", "a": []}], r"line 1: field 'a' is an empty list"),
        ([{"q": "x", "a": ["y", None]}], r"line 1: field 'a'\[1\]: expected a string"),
        ([{"q": "x", "a": float("nan")}], r"line 1: field 'a': expected a string, found NaN"),
        (['{"q": "x \\ud83d", "a": "y"}'], r"c\.jsonl, line 1: field 'q' is no text: character 3"),
        ([{"Q": "x", "a": "y"}], r"field 'q' is missing \(fields: 'Q', 'a'\)"),
    ],
)
def test_faulty_lines_are_named(data_root, request, lines, message):
    _write_jsonl(data_root / "c.jsonl", lines)
    name = f"own_faulty_{abs(hash(request.node.name))}"
    add_jsonl_task(
        name, files={"train": "c.jsonl"}, inputs="{q}", targets="a", metrics=(exact_match,)
    )
    with pytest.raises(ValueError, match=message):
        _load(name, "train")


def test_a_missing_file_names_task_split_and_path(data_root):
    add_jsonl_task("own_missing", files={"train": "no.jsonl"}, inputs="q", targets="a")
    with pytest.raises(
        ValueError, match=r"no\.jsonl: .*No such file.*'own_missing', split 'train'"
    ):
        _load("own_missing", "train")


def test_no_data_root_is_said_at_registration(monkeypatch):
    monkeypatch.delenv("T5LITE_DATA_DIR", raising=False)
    with pytest.raises(ValueError, match="no data folder is set"):
        add_jsonl_task("own_rootless", files={"train": "a.jsonl"}, inputs="q", targets="a")


@pytest.mark.parametrize(
    ("template", "message"),
    [("{q", "malformed template"), ("{}", "not a field name"), ("{0}", "not a field name")],
)
def test_malformed_templates_are_said_at_registration(data_root, template, message):
    with pytest.raises(ValueError, match=f"'own_template', inputs: .*{message}"):
        add_jsonl_task("own_template", files={"train": "a.jsonl"}, inputs=template, targets="a")
