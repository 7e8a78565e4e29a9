"""Scores with their confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from t5lite.inference.intervals import of_mean_of_means, of_mean_of_shares


class Estimate(NamedTuple):
    """A value with its 95% confidence interval."""

    value: float
    low: float
    high: float


def mean_of(estimates: Sequence[Estimate]) -> Estimate:
    """The unweighted mean of estimates of different examples, such as a suite's of its Tasks'."""
    values = [estimate.value for estimate in estimates]
    ends = of_mean_of_means(values, [(e.low, e.high) for e in estimates])
    return Estimate(sum(values) / len(values), *ends)


def mean_of_shares(estimates: Sequence[Estimate], sizes: Sequence[int]) -> Estimate:
    """The unweighted mean of shares of right answers, in percent, each of so many examples."""
    shares = [estimate.value / 100 for estimate in estimates]
    low, high = of_mean_of_shares(shares, sizes)
    return Estimate(100 * sum(shares) / len(shares), 100 * low, 100 * high)
