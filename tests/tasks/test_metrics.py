"""Metrics of Tasks, against their definitions."""

import pytest

from tasks.metrics import (
    ClosedTarget,
    answer_accuracy,
    chrf_plus_plus,
    closed_exact_match,
    exact_match,
)


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


def test_chrf_plus_plus_is_sacrebleus_of_the_whole_corpus():
    CHRF = pytest.importorskip("sacrebleu.metrics").CHRF
    targets = ["the cat sat", ["a dog ran off", "one dog ran"], "日本 の 犬", "café"]
    predictions = ["the cat sat down", "one dog runs", None, "cafe\u0301"]
    streams = [
        ["the cat sat", "a dog ran off", "日本 の 犬", "café"],
        [None, "one dog ran", None, None],
    ]
    expected = CHRF(word_order=2).corpus_score(
        ["" if p is None else p for p in predictions], streams
    )
    assert chrf_plus_plus(targets, predictions) == {"chrf++": expected.score}
    assert 0 < expected.score < 100
    assert chrf_plus_plus(["a b"], [" a  b\n"]) == {"chrf++": 100}
    assert chrf_plus_plus(["café"], ["cafe\u0301"])["chrf++"] < 100, "as the texts are"
    with pytest.raises(ValueError, match="0 targets"):
        chrf_plus_plus([], [])
