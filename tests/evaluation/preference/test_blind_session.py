"""A person's way through the pairs: order, verdicts, undo, ends and beginnings."""

import json

import pytest

from t5lite.evaluation.preference.blind_session import BlindSession
from t5lite.evaluation.preference.judgments import IDENTICAL, read_judgments
from t5lite.files.appended_lines import AppendedLines
from tests.evaluation.preference.answer_files import pairs


@pytest.fixture
def compared(tmp_path):
    return pairs(tmp_path, same=("q2",))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "judgments.jsonl"


def through(compared, path, choices, *, seed=0):
    """Says one thing after another; the pairs that were shown, and the last state."""
    with AppendedLines(path, name="--output") as lines:
        session = BlindSession(compared, lines, seed=seed)
        shown, state = [], session.state()
        for choice in choices:
            shown.append(state["pair"])
            state = session.judge(state["pair"]["digest"], choice)
        return shown, state


def test_every_pair_is_shown_once_and_verdicts_are_of_who_stood_there(compared, path):
    shown, state = through(compared, path, ["left", "right", "tie", "both_bad"])
    assert state["pair"] is None and (state["num_done"], state["num_pairs"]) == (5, 5)
    same, *said = read_judgments(path)
    assert (same.id, same.judge, same.verdict) == ("q2", IDENTICAL, "tie")
    assert {judgment.id for judgment in said} == {"p1", "p2", "p3", "q1"}
    winners = [pair["left"] for pair in shown[:1]] + [pair["right"] for pair in shown[1:2]]
    for winner, judgment in zip(winners, said, strict=False):
        assert winner == f"{ {'a': 'X', 'b': 'Y'}[judgment.verdict] } says {judgment.id}"
    assert [judgment.verdict for judgment in said[2:]] == ["tie", "both_bad"]
    for pair, judgment in zip(shown, said, strict=True):
        assert pair["left"].startswith("X" if judgment.first == "a" else "Y")
        assert (judgment.model_a, judgment.model_b, judgment.judge) == ("x", "y", "person")


def test_what_is_shown_does_not_say_whose_an_answer_is(compared, path):
    (pair,), _ = through(compared, path, ["tie"])
    assert set(pair) == {"digest", "category", "prompt", "left", "right"}


def test_an_interrupted_session_ends_as_one_in_a_piece(compared, tmp_path):
    choices = ["left", "tie", "right", "left"]
    through(compared, tmp_path / "whole.jsonl", choices)
    for end in range(4):
        path = tmp_path / f"{end}.jsonl"
        through(compared, path, choices[:end])
        with path.open("ab") as file:  # what a kill in the middle of a line leaves
            file.write(b'{"pair": "')
        through(compared, path, choices[end:])
        assert path.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_undo_shows_the_last_pair_again_and_stops_at_the_first(compared, path):
    with AppendedLines(path, name="--output") as lines:
        session = BlindSession(compared, lines, seed=0)
        first = session.state()
        assert not first["can_undo"] and session.undo(1) is None
        second = session.judge(first["pair"]["digest"], "left")
        assert second["can_undo"] and second["num_done"] == 2
        assert session.undo(1) is None, "asked for before the verdict was known"
        assert session.undo(2) == first
        assert session.undo(1) is None and session.num_done == 1
        session.judge(first["pair"]["digest"], "right")
    _, again = read_judgments(path)
    assert again.verdict == ("b" if again.first == "a" else "a")


def test_undo_reaches_behind_the_beginning_of_a_session(compared, path):
    (before,), _ = through(compared, path, ["left"])
    with AppendedLines(path, name="--output") as lines:
        session = BlindSession(compared, lines, seed=0)
        assert session.undo(session.num_done)["pair"] == before


def test_a_second_click_judges_nothing(compared, path):
    with AppendedLines(path, name="--output") as lines:
        session = BlindSession(compared, lines, seed=0)
        digest = session.state()["pair"]["digest"]
        assert session.judge(digest, "left") is not None
        assert session.judge(digest, "left") is None
        assert session.num_done == 2


def test_judgments_of_other_answers_are_not_mixed_with(compared, path, tmp_path):
    through(compared, path, ["left"])
    (tmp_path / "other").mkdir()
    others = pairs(tmp_path / "other", "r1 r2")
    with pytest.raises(ValueError, match=r"line 1: judges other answers to 'q2'.* --output"):
        through(others, path, [])
    said = json.loads(path.read_text().splitlines()[1]) | {"judge": "some-model"}
    path.write_text(json.dumps(said) + "\n")
    with pytest.raises(ValueError, match=r"line 1: 'some-model' judges here, .* --output"):
        through(compared, path, [])
    path.write_text('{"pair": "x"}\n')
    with pytest.raises(ValueError, match="line 1: field 'id' is missing"):
        through(compared, path, [])


def test_a_session_goes_on_under_the_names_that_it_began_with(compared, path):
    through(compared, path, ["left"])
    begun = path.read_bytes()
    renamed = compared._replace(model_b="z")
    with pytest.raises(ValueError, match=r"line 1: compares x with y, .* x and z; .* NAME=FILE"):
        through(renamed, path, [])
    assert path.read_bytes() == begun
    through(compared, path, ["tie", "tie", "tie"])
    assert len(read_judgments(path)) == 5


def test_a_pair_that_is_judged_twice_is_refused_before_more_is_judged(compared, path):
    through(compared, path, ["left"])
    path.write_bytes(path.read_bytes() + path.read_bytes().splitlines(keepends=True)[1])
    with pytest.raises(ValueError, match=r"line 3: prompt .* is judged a second time; take"):
        through(compared, path, [])
