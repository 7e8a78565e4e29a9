"""The Task of a folder that `t5lite prompt2model` fills, beside the form of its reference."""

import json

import pytest

from t5lite.data.tasks.instructed import instructed_inputs
from tests.synthetic_data.prompt2model.folders import SPEC, write_folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("T5LITE_DATA_DIR", str(write_folder(tmp_path)))
    return tmp_path


@pytest.fixture(scope="module")
def reader():
    pytest.importorskip("seqio")
    from tasks.prompt2model import ExampleReader

    return ExampleReader()


def test_prompts_have_the_references_form(folder, reader):
    """`post_process_example` of Prompt2Model's TextualizeProcessor, for a model with an encoder."""
    rows = [json.loads(line) for line in (folder / "data/test.jsonl").read_text().splitlines()]
    found = reader("test")
    assert [(x.id, x.targets, x.references) for x in found] == [
        (row["id"], row["output"], (row["output"],)) for row in rows
    ]
    assert [x.inputs for x in found] == [
        f"<task {row['dataset']}>{SPEC.instruction}\nExample:\n{row['input']}\nLabel:\n"
        for row in rows
    ]
    assert found[0].inputs == instructed_inputs(SPEC.instruction, rows[0]["input"])


def test_it_is_an_ordinary_task_with_metrics(folder):
    seqio = pytest.importorskip("seqio")
    import tasks.prompt2model  # noqa: F401

    task = seqio.TaskRegistry.get("prompt2model")
    example = next(task.get_dataset(split="train", shuffle=False).as_numpy_iterator())
    vocabulary = task.output_features["inputs"].vocabulary
    assert vocabulary.decode(example["inputs"].tolist()).startswith("<task 0>Say which")
    found = {name: v for fn in task.metric_fns for name, v in fn(["a", "b"], ["a", "c"]).items()}
    assert found["accuracy"] == 0.5 and 0 < found["chrf++"] < 100


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"input": "a b"}, "line 1.*'output'"),
        ({"input": "a b", "output": 3}, "line 1.*'output'"),
        ({"input": "a b", "output": "a", "dataset": "mine"}, "line 1.*'dataset' is 'mine'"),
        ({"input": "a b", "output": "a", "id": 7}, "line 1.*'id'"),
    ],
)
def test_a_malformed_line_is_named(folder, reader, line, message):
    (folder / "data/train.jsonl").write_text(json.dumps(line) + "\n")
    with pytest.raises(ValueError, match=message):
        reader("train")


def test_a_line_needs_no_id(folder, reader):
    (folder / "data/train.jsonl").write_text('{"input": "a b", "output": "a"}\n')
    (found,) = reader("train")
    assert found.id == "train_00000" and found.inputs.startswith("<task 0>")


def test_missing_files_are_named_with_the_flag(folder, reader):
    assert reader.data_status().state == "present"
    (folder / "prompt_spec.json").unlink()
    with pytest.raises(ValueError, match=r"there is no .*prompt_spec.json .*--data_dir"):
        reader("train")
    (folder / "data/test.jsonl").unlink()
    assert reader.data_status().state == "missing"


def test_other_files_or_another_instruction_are_another_task(folder, reader):
    from t5lite.data.tasks.fingerprint import fingerprint

    before = fingerprint(reader.fingerprint_parts())
    assert fingerprint(reader.fingerprint_parts()) == before
    spec = json.loads((folder / "prompt_spec.json").read_text())
    (folder / "prompt_spec.json").write_text(json.dumps(spec | {"instruction": "Other."}))
    assert fingerprint(reader.fingerprint_parts()) != before
