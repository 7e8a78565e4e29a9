"""Intervals beside their definitions, and beside draws whose mean is known."""

import numpy as np
import pytest
from scipy import stats

from t5lite.inference import intervals


@pytest.mark.parametrize("right", [1.0, 100.0])
def test_shares_have_wilsons_interval(right):
    n, k, z = 20, 3, stats.norm.ppf(0.975)
    low, high = intervals.of_mean([right] * k + [0.0] * (n - k))
    # Its ends are where the share differs from what was found by z standard errors of its own.
    for end in (low / right, high / right):
        assert abs(k / n - end) == pytest.approx(z * np.sqrt(end * (1 - end) / n))
    assert low < right * k / n < high


def test_shares_of_all_and_none_keep_a_width():
    for right in (1.0, 100.0):
        low, high = intervals.of_mean([0.0] * 10, right=right)
        assert low == 0.0 and high == pytest.approx(0.2775 * right, rel=1e-3)
    assert intervals.of_mean([1.0] * 10)[0] < 1.0 == intervals.of_mean([1.0] * 10)[1]
    assert intervals.of_mean([1.0]) is not None


def test_other_scores_have_students():
    values = np.random.default_rng(0).uniform(size=9)
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert intervals.of_mean(values.tolist()) == pytest.approx(tuple(expected))
    assert intervals.of_mean([0.5, 0.5]) == (0.5, 0.5)


def test_an_interval_ends_where_scores_do():
    low, high = intervals.of_mean([0.5, 0.0, 0.0], right=1.0)
    assert low == 0.0 < high < 1.0
    low, high = intervals.of_mean([50.0, 100.0, 100.0])
    assert 0.0 < low < high == 100.0
    assert intervals.of_mean([-1.0, 0.0, 0.5])[0] < -1.0  # on no known scale


@pytest.mark.parametrize("values", [[], [0.3], [0.3, float("nan")], [0.0] * 10])
def test_what_says_nothing_of_its_spread_has_none(values):
    assert intervals.of_mean(values) is None


@pytest.mark.parametrize(
    ("values", "right"),
    [
        ([0.0, 1.0], 1.0),
        ([0.3, 0.0], 1.0),
        ([0.0, 100.0], 100.0),
        ([0.0, 33.3], 100.0),
        ([0.0, 0.0], None),
        ([], None),
        ([-1.0, 1.0], None),
        ([120.0, 1.0], None),
        ([float("nan"), 1.0], None),
    ],
)
def test_what_a_right_answer_scores_is_seen_in_the_values(values, right):
    assert intervals.scale_of(values) == right


def test_the_mean_over_tasks_is_covered_as_often_as_is_said():
    rng = np.random.default_rng(1)
    shares, sizes = np.array([0.02, 0.5, 0.9]), (40, 60, 30)
    covered = 0
    for _ in range(400):
        draws = [(rng.random(n) < p).astype(float) for p, n in zip(shares, sizes, strict=True)]
        low, high = intervals.of_mean_of_means(
            [d.mean() for d in draws], [intervals.of_mean(d.tolist(), right=1.0) for d in draws]
        )
        covered += low <= shares.mean() <= high
    assert 0.92 <= covered / 400 <= 0.98


@pytest.mark.parametrize(("num_tasks", "size"), [(44, 1), (21, 4), (3, 50)])
@pytest.mark.parametrize("spread", [0.0, 0.2])
def test_the_mean_of_shares_is_covered_however_few_examples_each_has(num_tasks, size, spread):
    rng = np.random.default_rng(2)
    shares = 0.25 + spread * np.linspace(-1, 1, num_tasks)
    covered = 0
    for _ in range(500):
        found = rng.binomial(size, shares) / size
        low, high = intervals.of_mean_of_shares(found, [size] * num_tasks)
        covered += low <= shares.mean() <= high
    assert covered / 500 >= 0.93
    # One Task alone has Wilson's.
    alone = intervals.of_mean_of_shares([0.15], [20])
    assert alone == pytest.approx(intervals.of_mean([1.0] * 3 + [0.0] * 17))


def test_one_mean_alone_keeps_its_interval():
    one = (0.1, 0.4)
    assert intervals.of_mean_of_means([0.2], [one]) == pytest.approx(one)
