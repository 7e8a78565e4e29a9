"""Confidence intervals of mean scores over examples, and of means over Tasks.

They say how far the score of another sample of examples from the same source may lie, and nothing
of other prompts or seeds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

CONFIDENCE = 0.95

Interval = tuple[float, float]


def scale_of(values: Iterable[float]) -> float | None:
    """What a right answer scores in a metric: 1, or 100 as in T5's metrics.

    Args:
      values: Of many examples, of other Tasks too: zeros alone say nothing.

    Returns:
      None where they do not say it, or lie on another scale.
    """
    found = np.fromiter(values, np.float64)
    if not len(found) or not found.min() >= 0:
        return None
    most = found.max()
    return next((right for right in (1.0, 100.0) if 0 < most <= right), None)


def of_mean(values: Sequence[float], *, right: float | None = None) -> Interval | None:
    """The confidence interval of the mean of some examples' scores.

    Of scores that are all right or wrong it is Wilson's of a share, which holds for few examples,
    and for shares near 0 and 1 too (https://doi.org/10.1080/01621459.1927.10502953); of others that
    of Student's t, as far as it lies on the scores' scale, where that is known.

    Args:
      values: A score for each example: 0 or 1, or 0 or 100, or any numbers.
      right: What a right answer scores; where it is None, these values say it (`scale_of`).

    Returns:
      The lower and the upper end; None where one score alone says nothing of how they vary, and
      where all are 0 on a scale that is not known.
    """
    from scipy import stats

    found = np.asarray(values, np.float64)
    if not len(found) or not np.isfinite(found).all():
        return None
    right = scale_of(found) if right is None else right
    if right is not None and np.isin(found, (0.0, right)).all():
        share = stats.binomtest(int((found == right).sum()), len(found)).proportion_ci(
            CONFIDENCE, method="wilson"
        )
        return float(share.low * right), float(share.high * right)
    if len(found) < 2 or not found.any():
        return None
    error = float(stats.sem(found))
    if error == 0.0:  # Equal scores, which Student's t has no interval for.
        return float(found.mean()), float(found.mean())
    low, high = stats.t.interval(CONFIDENCE, len(found) - 1, loc=found.mean(), scale=error)
    if right is not None:
        low, high = max(low, 0.0), min(high, right)
    return float(low), float(high)


def of_mean_of_means(means: Sequence[float], intervals: Sequence[Interval]) -> Interval:
    """The confidence interval of the unweighted mean of several independent means.

    From their own intervals, each side by itself, by the method of variance estimates recovery (Zou
    and Donner, https://doi.org/10.1002/sim.3095), so that shares near 0 and 1 keep the form of
    their intervals.

    Args:
      means: One a Task.
      intervals: That of each, all of one confidence.

    Returns:
      The lower and the upper end.
    """
    mean = math.fsum(means) / len(means)
    below, above = (
        math.hypot(*(ends[side] - x for x, ends in zip(means, intervals, strict=True))) / len(means)
        for side in (0, 1)
    )
    return mean - below, mean + above


def of_mean_of_shares(shares: Sequence[float], sizes: Sequence[int]) -> Interval:
    """The confidence interval of the unweighted mean of several independent shares.

    Wilson's of one share of as many examples as give the mean's variance. Where Tasks differ in
    their shares the mean varies less, so that it is a little wide; the recovery of variances from
    Wilson's intervals of few examples is far too narrow (at one each, 76% instead of 95%).

    Args:
      shares: Of right answers, one a Task, each in [0, 1].
      sizes: Examples of each.

    Returns:
      The lower and the upper end.
    """
    from scipy import stats

    share = math.fsum(shares) / len(shares)
    size = len(sizes) ** 2 / math.fsum(1 / size for size in sizes)
    z = float(stats.norm.ppf((1 + CONFIDENCE) / 2))
    centre = (share + z**2 / (2 * size)) / (1 + z**2 / size)
    half = math.hypot(math.sqrt(share * (1 - share) / size), z / (2 * size)) * z / (1 + z**2 / size)
    return max(centre - half, 0.0), min(centre + half, 1.0)
