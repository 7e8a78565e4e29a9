"""The paper's rule, on its own example and in general; and files of answers."""

import json
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t5lite.cli import main
from t5lite.evaluation.preference.choosing import choose, choose_answers
from t5lite.files.json_files import write_lines


def test_the_papers_example():
    """With a median of -20, an answer of -3 is left out; the best of the others stays."""
    assert choose([-25.0, -3.0, -20.0, -18.0, -31.0]) == (3, (1,))


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([-7.0], (0, ())),
        ([-20.0, -10.0, -30.0], (1, ())),  # -10 is half the median, not better than it
        ([-20.0, -9.9, -30.0], (0, (1,))),
        ([-8.0, -8.0, -9.0], (0, ())),  # the first drawn of equals
        ([-1.0, -40.0], (1, (0,))),  # the median of two is their mean, -20.5
        ([-1.0, -2.0, -40.0, -50.0, -60.0], (2, (0, 1))),
        ([0.0, 0.0, 0.0], (0, ())),
        ([1e-7, -30.0, -20.0], (2, (0,))),
    ],
)
def test_edges(scores, expected):
    assert choose(scores) == expected


@given(st.lists(st.floats(-1e4, 0, allow_subnormal=False), min_size=1, max_size=9))
def test_the_choice_is_the_best_of_those_not_better_than_half_the_median(scores):
    chosen, dropped = choose(scores)
    half = statistics.median(scores) / 2
    assert set(dropped) == {i for i, score in enumerate(scores) if score > half}
    assert chosen not in dropped
    assert all(score <= scores[chosen] for i, score in enumerate(scores) if i not in dropped)


@pytest.mark.parametrize("scores", [[], [float("nan")], [-1.0, float("-inf")]])
def test_what_cannot_be_ranked_is_refused(scores):
    with pytest.raises(ValueError, match="finite"):
        choose(scores)


def several(**changes):
    return {
        "id": 1,
        "inputs": "é?",
        "prediction": "x",
        "score": -9.0,
        "was_cut": True,
        "predictions": ["x", "y\ud800", "z"],
        "scores": [-9.0, -1.0, -8.0],
    } | changes


def test_a_file_of_one_answer_a_line_is_written(tmp_path, capsys):
    source, target = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    lines = [several(), several(id=2, scores=[-5.0, -6.0, -7.0])]
    write_lines(source, lines)
    assert main(["preference", "choose", str(source), f"--output={target}"]) == 0
    first, second = map(json.loads, target.read_text().splitlines())
    assert first == {
        "id": 1,
        "inputs": "é?",
        "prediction": "z",
        "score": -8.0,
        "chosen": 2,
        "num_dropped": 1,
    }
    assert (second["prediction"], second["chosen"], second["num_dropped"]) == ("x", 0, 0)
    assert "2 answers: " in (said := capsys.readouterr().out) and "Of 6 samples 1 were" in said


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"prediction": "x"}, r"line 1: field 'predictions' is missing.*num_return_sequences"),
        (several(scores=[-1.0]), "line 1: 3 predictions and the scores"),
        (several(scores=[-1.0, None, -2.0]), "line 1: 3 predictions and the scores"),
    ],
)
def test_lines_of_another_kind_are_refused(tmp_path, line, message):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(line) + "\n")
    with pytest.raises(ValueError, match=message):
        choose_answers(str(path), output=str(tmp_path / "b.jsonl"))
    assert not (tmp_path / "b.jsonl").exists()
    with pytest.raises(ValueError, match="the file of answers itself"):
        choose_answers(str(path), output=str(path))
