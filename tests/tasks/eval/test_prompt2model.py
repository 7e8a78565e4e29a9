"""Prompt2Model's benchmarks: what is asked, what they are scored by, and faulty files."""

import json

import pytest

from t5lite.data.tasks import seqio_adapter
from t5lite.data.tasks.task_metrics import Answers
from tests.tasks.eval.suite_folder import write

pytest.importorskip("seqio")
from tasks.eval import data_status
from tasks.eval.prompt2model import FILES


def load(name):
    (task,) = seqio_adapter.load_eval_tasks(
        name, split=FILES[name][0], task_feature_lengths={"inputs": 512, "targets": 64}
    )
    return task


def test_squad_forgives_what_its_evaluation_does_and_says_what_is_equal_to_the_letter(folder):
    task = load("squad_0shot")
    (example,) = task.examples
    assert example.inputs_text == "Question: Where is it ? Context: In the Alps."
    assert example.targets_text == "the Alps" and [*example.references] == ["the Alps", "Alps"]
    assert task.measure(Answers(texts=["alps."])).values == {
        "accuracy": 1,
        "f1": 1,
        "unparsed": 0,
        "exact_match": 0,
    }
    assert task.measure(Answers(texts=[" Alps\n"])).values["exact_match"] == 1


def test_mconala_has_an_example_for_each_snippet(folder):
    task = load("mconala_ja_0shot")
    assert [(e.id, e.inputs_text, e.targets_text) for e in task.examples] == [
        ("7/1", "リスト`li`の先頭を得る", "li[0]"),
        ("7/2", "リスト`li`の先頭を得る", "first, *_ = li\nfirst"),
        ("8/3", "終了する", "exit()"),
    ]
    right = [example.targets_text for example in task.examples]
    assert task.measure(Answers(texts=right)).values == {"chrf++": 100, "exact_match": 1}
    assert task.measure(Answers(texts=["", "", ""])).values == {"chrf++": 0, "exact_match": 0}


def test_temporal_expressions(folder):
    task = load("temporal_0shot")
    assert [(e.inputs_text, e.targets_text) for e in task.examples] == [
        ("[Posted: 2013-03-22] It ended in July.", "July == 2012-07"),
        ("[Posted: 2013-09-27] Eat!", "N/A"),
    ]
    found = task.measure(Answers(texts=["July == 2012-07", "July == 2012-07"])).values
    assert found["exact_match"] == 0.5 and 50 < found["chrf++"] < 100


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("squad_0shot", {"data": []}, "holds no question"),
        ("squad_0shot", [], "expected an object, found a list"),
        ("mconala_ja_0shot", {"intent": "x"}, "expected a JSON list of examples"),
        ("mconala_ja_0shot", [], "expected a JSON list of examples"),
        ("mconala_ja_0shot", [{"intent": "x", "question_id": 1}], "example 1.*'snippet'"),
        (
            "mconala_ja_0shot",
            [{"intent": " ", "snippet": "x", "question_id": 1}],
            "example 1: its 'intent' is empty",
        ),
        ("mconala_ja_0shot", ["x"], "example 1"),
        ("temporal_0shot", [["a", "b", "date"], ["a", "b"]], "example 2: expected a list of three"),
        ("temporal_0shot", [["a", None, "date"]], "example 1: expected a list of three"),
    ],
)
def test_a_file_of_another_layout_is_named(folder, name, content, complaint):
    path = folder / FILES[name][1]
    write(path, json.dumps(content))
    (status,) = [status for status in data_status(verify=True) if status.task == name]
    assert status.state == "broken" and str(path) in status.why
    with pytest.raises(ValueError, match=complaint):
        load(name)
