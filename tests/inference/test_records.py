"""One line of predictions.jsonl: which fields it has, and in what types."""

import json

import numpy as np

from t5lite.inference.records import Record, Sample, plain, unit_scores, write_records

RECORD = Record(
    task="t", index=0, inputs="é?", targets="a", references=("a", "b"), prediction="\ud800"
)


def test_a_record_has_the_fields_of_its_kind(tmp_path):
    ranked = Record(
        **{**vars(RECORD), "id": 0, "options": ("a", "b"), "option_scores": (-1.0, -2.0)}
    )
    sampled = Record(**{**vars(RECORD), "samples": [Sample(text="x", answer=1, log_likelihood=-1)]})
    write_records(tmp_path / "p.jsonl", [RECORD, ranked, sampled])
    lines = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    fields = [
        *("task", "index", "inputs", "targets", "references", "prediction", "answer", "score"),
        *("metrics", "num_shots", "num_dropped", "skipped"),
    ]
    assert list(lines[0]) == fields
    assert set(lines[1]) - set(fields) == {"id", "options", "option_scores"}
    assert lines[1]["id"] == 0
    assert lines[2]["samples"] == [{"text": "x", "answer": 1, "log_likelihood": -1}]


def test_answers_of_any_type_become_json():
    answer = {1: np.float32(0.5), "b": (np.array([1, 2]), b"\xff", {3}), "n": None, "c": 1j}
    assert plain(answer) == {"1": 0.5, "b": [[1, 2], "\\xff", [3]], "n": None, "c": "1j"}


def test_equal_sets_become_equal_lists():
    # Sets of small integers that share a slot keep the order in which they were filled.
    found, other = {0, 8}, {8, 0}
    assert list(found) != list(other)
    assert plain(found) == plain(frozenset(other)) == [0, 8]
    assert plain({"b", ("a", 1)}) == ["b", ["a", 1]]


def test_scores_lie_between_0_and_1():
    assert unit_scores([0.0, 0.25]) == [0.0, 0.25]
    assert unit_scores([0.0, 25.0]) == [0.0, 0.25]
    assert unit_scores([-1.0, 0.5]) is None
    assert unit_scores([0.5, float("nan")]) is None
