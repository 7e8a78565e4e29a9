"""Metrics of Tasks, against their definitions."""

import pytest

from tasks.metrics import ClosedTarget, answer_accuracy, closed_exact_match, exact_match


def test_exact_match():
    assert exact_match(["a", "b"], [" a\n", "B"]) == {"accuracy": 0.5}
    assert exact_match([["a", "b"], "c"], ["b", "d"]) == {"accuracy": 0.5}
    with pytest.raises(ValueError, match="2 targets but 1 predictions"):
        exact_match(["a", "b"], ["a"])
    with pytest.raises(ValueError, match="no targets"):
        exact_match([], [])


def test_a_blind_guess_is_right_once_in_so_many_choices():
    targets = [ClosedTarget("yes", 2), ClosedTarget("cow", 4)]
    found = closed_exact_match(targets, ["yes", "yes"])
    assert found == {"accuracy": 0.5, "blind_guess": (1 / 2 + 1 / 4) / 2}
    with pytest.raises(ValueError, match="2 targets but 1 predictions"):
        closed_exact_match(targets, ["yes"])
    with pytest.raises(ValueError, match="no targets"):
        closed_exact_match([], [])


def test_no_answer_is_wrong_and_counted():
    assert exact_match(["a", "b"], ["a", None]) == {"accuracy": 0.5}
    found = answer_accuracy(["a", ["b", "c"], "d"], ["a", "c", None])
    assert found == {"accuracy": pytest.approx(2 / 3), "unparsed": pytest.approx(1 / 3)}
    closed = answer_accuracy([ClosedTarget("(A)", 4), ClosedTarget("(B)", 2)], ["(A)", None])
    assert closed == {"accuracy": 0.5, "blind_guess": 0.375, "unparsed": 0.5}
