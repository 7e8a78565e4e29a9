"""Tests and intervals of paired scores against scipy, exact enumeration and likelihoods."""

import itertools
import math

import numpy as np
import pytest
from scipy import optimize, stats

from t5lite.evaluation.paired_difference import (
    compare_suite,
    compare_task,
    mcnemar_p_value,
    permutation_p_value,
    tango_interval,
)


def pairs_of(better, worse, *, both=3, neither=2):
    """Scores of A and of B where so many examples are better and worse."""
    a = [0] * better + [1] * worse + [1] * both + [0] * neither
    return a, [1] * better + [0] * worse + [1] * both + [0] * neither


def test_a_task_by_hand():
    found = compare_task(*pairs_of(6, 1, both=2, neither=1))
    assert (found.num_pairs, found.num_better, found.num_worse) == (10, 6, 1)
    assert (found.mean_a, found.mean_b) == (0.3, 0.8)
    assert found.difference.value == pytest.approx(0.5)
    # Of 7 changes 6 or more, or 1 or fewer, are better: 2 (7 + 1) / 2^7.
    assert found.p_value == pytest.approx(16 / 128)
    assert found.test == "McNemar, exact"


def test_two_that_answer_alike_do_not_differ():
    found = compare_task([1, 0, 1], [1, 0, 1])
    assert found.p_value == 1.0 and found.difference.value == 0
    assert found.difference.low == pytest.approx(-found.difference.high)
    assert found.difference.high > 0.3, "three examples prove little"
    assert permutation_p_value([np.zeros(4)]) == 1.0


@pytest.mark.parametrize(("better", "worse"), [(0, 1), (3, 9), (12, 2), (20, 20)])
def test_mcnemar_is_the_permutation_test_of_zeros_and_ones(better, worse):
    """Exchanging A and B within pairs that changed is tossing a coin for each."""
    a, b = map(np.array, pairs_of(better, worse))
    exact = mcnemar_p_value(better, worse)
    assert permutation_p_value([b - a]) == pytest.approx(exact, abs=0.02)


def log_likelihood_root(better, worse, pairs, difference):
    """Tango's score with the nuisance share found by a search instead of in closed form."""
    counts = np.array([better, worse, pairs - better - worse])

    def minus_log_likelihood(share):
        shares = np.array([share + difference, share, 1 - 2 * share - difference])
        return -stats.multinomial.logpmf(counts, pairs, shares / shares.sum())

    bounds = (max(0.0, -difference) + 1e-12, (1 - difference) / 2 - 1e-12)
    share = optimize.minimize_scalar(
        minus_log_likelihood, bounds=bounds, method="bounded", options={"xatol": 1e-12}
    ).x
    variance = pairs * (2 * share + difference - difference**2)
    return (better - worse - pairs * difference) / math.sqrt(variance)


@pytest.mark.parametrize(
    ("better", "worse", "pairs"), [(3, 7, 40), (12, 2, 50), (0, 5, 20), (1, 0, 4)]
)
def test_the_interval_ends_where_the_score_test_begins_to_reject(better, worse, pairs):
    low, high = tango_interval(better, worse, num_pairs=pairs)
    z = stats.norm.ppf(0.975)
    assert log_likelihood_root(better, worse, pairs, low) == pytest.approx(z, abs=1e-4)
    assert log_likelihood_root(better, worse, pairs, high) == pytest.approx(-z, abs=1e-4)


@pytest.mark.parametrize(("n", "better", "worse"), [(15, 0.3, 0.1), (15, 0.5, 0.2), (30, 0.1, 0)])
def test_the_interval_holds_the_true_difference_as_often_as_it_says(n, better, worse):
    covered = 0.0
    shares = [better, worse, 1 - better - worse]
    for b, c in itertools.product(range(n + 1), repeat=2):
        probability = stats.multinomial.pmf([b, c, n - b - c], n, shares) if b + c <= n else 0
        if probability > 1e-7:
            low, high = tango_interval(b, c, num_pairs=n)
            covered += probability * (low <= better - worse <= high)
    assert 0.93 < covered < 0.995


def test_all_better_and_all_worse_have_an_end_at_one():
    assert tango_interval(10, 0, num_pairs=10)[1] == 1.0
    assert tango_interval(0, 10, num_pairs=10)[0] == -1.0
    low, high = tango_interval(10, 0, num_pairs=10)
    assert tango_interval(0, 10, num_pairs=10) == pytest.approx((-high, -low))


def test_scores_between_are_compared_by_permutation_and_bootstrap():
    rng = np.random.default_rng(0)
    a = rng.random(60)
    b = np.clip(a + rng.normal(0.1, 0.2, 60), 0, 1)
    found = compare_task(a, b)
    assert found.test == "permutation"
    theirs = stats.ttest_rel(b, a)
    assert found.p_value == pytest.approx(theirs.pvalue, abs=0.01)
    low, high = theirs.confidence_interval()
    assert found.difference.low == pytest.approx(low, abs=0.01)
    assert found.difference.high == pytest.approx(high, abs=0.01)


@pytest.mark.parametrize(("a", "b"), [([0.1] * 3, [0.3] * 3), ([0.1, 0.3, 0.5], [0.3, 0.5, 0.7])])
def test_equal_differences_have_an_interval_without_width(a, b):
    found = compare_task(a, b).difference
    assert found.low == found.value == found.high == pytest.approx(0.2)


def test_a_suite_counts_every_task_alike():
    tasks = {"long": pairs_of(30, 10, both=40, neither=20), "short": pairs_of(0, 2, both=1)}
    found = [compare_task(*scores) for scores in tasks.values()]
    differences = [np.subtract(b, a) for a, b in tasks.values()]
    suite = compare_suite(found, differences)
    assert suite.difference.value == pytest.approx((0.2 - 2 / 5) / 2)
    assert suite.num_pairs == 105
    assert suite.difference.low < suite.difference.value < suite.difference.high


def test_a_suites_permutations_are_counted_exactly_where_they_are_few():
    differences = [np.array([1.0, 0.0]), np.array([1.0, 1.0, -1.0, 0.0])]
    weights = np.array([1 / 2, 1 / 4, 1 / 4, 1 / 4])
    sums = [abs(np.dot(signs, weights)) for signs in itertools.product((1, -1), repeat=4)]
    expected = np.mean([total >= 3 / 4 - 1e-9 for total in sums])
    assert permutation_p_value(differences) == pytest.approx(expected)
