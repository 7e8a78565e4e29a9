"""Rates, intervals and agreement: against scipy, worked examples, and properties."""

import itertools

import pytest
import scipy.stats
from hypothesis import example, given
from hypothesis import strategies as st

from t5lite.evaluation.preference.judgments import IDENTICAL, Judgment
from t5lite.evaluation.preference.win_rates import (
    agreement,
    cohens_kappa,
    wilson_interval,
    win_rate,
    win_rates,
)


def judgments(verdicts, *, judge="person", category="c"):
    return [
        Judgment(
            pair=f"{n}",
            id=f"{n}",
            category=category,
            model_a="x",
            model_b="y",
            verdict=verdict,
            judge=judge,
        )
        for n, verdict in enumerate(verdicts)
        if verdict is not None
    ]


@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (0, 20), (7, 20), (150, 190), (190, 190)])
def test_the_interval_is_scipys(k, n):
    expected = scipy.stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
    assert wilson_interval(k, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, 2 * n), st.just(n))))
@example((0, 75))
@example((150, 75))
def test_the_interval_holds_the_rate_and_is_the_same_from_the_other_side(halves):
    successes, num = halves[0] / 2, halves[1]
    low, high = wilson_interval(successes, num)
    assert 0 <= low <= successes / num <= high <= 1
    assert wilson_interval(num - successes, num) == pytest.approx((1 - high, 1 - low), abs=1e-9)


def test_ties_and_bad_answers_are_half_a_win():
    rate = win_rate(judgments(["a", "a", "b", "tie", "both_bad", "a"]))
    assert rate[:5] == (6, 3, 1, 1, 1)
    assert rate.rate == pytest.approx(4 / 6)
    assert (rate.low, rate.high) == wilson_interval(4, 6)


def test_rates_are_by_category():
    both = judgments("ab", category="z") + judgments("aa", category="b")
    assert {name: rate.rate for name, rate in win_rates(both).items()} == {"b": 1.0, "z": 0.5}
    assert list(win_rates(both)) == ["b", "z"]


def table(*rows):
    """Pairs of verdicts, as often as the table of two judges says."""
    return [
        ("ab"[i], "ab"[j])
        for i, j in itertools.product(range(2), repeat=2)
        for _ in range(rows[i][j])
    ]


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        # Of 50, 35 alike; by chance 0.5 * 0.6 + 0.5 * 0.4 = 0.5.
        (table((20, 5), (10, 15)), 0.4),
        # Of 100, 60 alike in both; by chance 0.54 and 0.46, so the same share is worth more here.
        (table((45, 15), (25, 15)), (0.60 - 0.54) / (1 - 0.54)),
        (table((25, 35), (5, 35)), (0.60 - 0.46) / (1 - 0.46)),
        ([("a", "b"), ("b", "a")], -1.0),
        ([("a", "a"), ("b", "b"), ("tie", "tie")], 1.0),
        ([("a", "a"), ("a", "b")], 0.0),
        ([("a", "a"), ("a", "a")], None),
    ],
)
def test_kappa(verdicts, expected):
    assert cohens_kappa(verdicts) == (expected if expected is None else pytest.approx(expected))


def test_judges_are_compared_on_what_both_judged():
    person = judgments(["a", "both_bad", "b", "a", None, "tie"])
    model = judgments(["a", "tie", "a", None, "b", "tie"], judge="m")
    # The last pair's answers are identical, on which nobody was asked.
    same = judgments([None] * 5 + ["tie"], judge=IDENTICAL)
    found = agreement(person[:-1] + same, model[:-1] + same)
    assert (found.num_pairs, found.share) == (3, pytest.approx(2 / 3))
    assert found.kappa == pytest.approx(0.5)
    assert agreement(person[:1], model[1:]) is None
