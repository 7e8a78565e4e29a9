"""The difference of two models' scores on the same examples: an interval and a test.

For scores of 0 and 1 the test is McNemar's in its exact form and the interval Tango's; for others a
permutation test and a bootstrap. All numbers are on the scale of the scores.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from t5lite.evaluation.estimates import Estimate, mean_of

_NUM_RESAMPLES = 9999
# Signs drawn at once, so that memory does not grow with the examples.
_BATCH = 256
# Scores from 0 to 1 whose differences differ by less differ as floats are rounded.
_ROUNDING = 1e-12


@dataclasses.dataclass(frozen=True)
class PairedDifference:
    """Scores of two models, A and B, on the same examples.

    Attributes:
      num_pairs: How many examples.
      mean_a: A's mean score.
      mean_b: B's.
      num_better: Examples where B's score is higher than A's.
      num_worse: Where it is lower.
      difference: `mean_b - mean_a` with its 95% confidence interval.
      p_value: Of the hypothesis that both score alike, two-sided.
      test: Which test it is of.
    """

    num_pairs: int
    mean_a: float
    mean_b: float
    num_better: int
    num_worse: int
    difference: Estimate
    p_value: float
    test: str


def compare_task(scores_a: Sequence[float], scores_b: Sequence[float]) -> PairedDifference:
    """Compares two models on the examples of one Task.

    Args:
      scores_a: A's score of each example.
      scores_b: B's, in the same order.

    Returns:
      With McNemar's exact test (a binomial test of the examples that only one of them answers
      right) and Tango's score interval where all scores are 0 or 1; else with a permutation test
      that exchanges A and B within examples, and a bootstrap interval over examples.
    """
    a, b = np.asarray(scores_a, np.float64), np.asarray(scores_b, np.float64)
    assert a.shape == b.shape and len(a), "pairs of scores, and at least one"
    differences = b - a
    better, worse = int((differences > 0).sum()), int((differences < 0).sum())
    if np.isin([a, b], (0.0, 1.0)).all():
        low, high = tango_interval(better, worse, num_pairs=len(a))
        p_value, test = mcnemar_p_value(better, worse), "McNemar, exact"
    else:
        low, high = _bootstrap_interval(differences)
        p_value, test = permutation_p_value([differences]), "permutation"
    mean = float(differences.mean())
    return PairedDifference(
        num_pairs=len(a),
        mean_a=float(a.mean()),
        mean_b=float(b.mean()),
        num_better=better,
        num_worse=worse,
        difference=Estimate(mean, low, high),
        p_value=p_value,
        test=test,
    )


def compare_suite(
    tasks: Sequence[PairedDifference], differences: Sequence[np.ndarray]
) -> PairedDifference:
    """Compares two models on several Tasks, each of the same weight, as a suite's mean has it.

    Args:
      tasks: What was found for each Task.
      differences: By Task, B's score minus A's of each example.

    Returns:
      Unweighted means over the Tasks; their interval is combined from those of the Tasks
      (`mean_of`), the test exchanges A and B within examples.
    """
    return PairedDifference(
        num_pairs=sum(task.num_pairs for task in tasks),
        mean_a=float(np.mean([task.mean_a for task in tasks])),
        mean_b=float(np.mean([task.mean_b for task in tasks])),
        num_better=sum(task.num_better for task in tasks),
        num_worse=sum(task.num_worse for task in tasks),
        difference=mean_of([task.difference for task in tasks]),
        p_value=permutation_p_value(differences),
        test="permutation",
    )


def mcnemar_p_value(num_better: int, num_worse: int) -> float:
    """McNemar's test in its exact form: of what changed, is half better and half worse?"""
    from scipy import stats

    changed = num_better + num_worse
    return float(stats.binomtest(num_better, changed, 0.5).pvalue) if changed else 1.0


def permutation_p_value(differences: Sequence[np.ndarray]) -> float:
    """Probability of a difference at least as large when A and B are exchanged at random.

    Args:
      differences: By Task, B's score minus A's of each example; all Tasks weigh the same.

    Returns:
      The two-sided p-value: exact where there are at most 9,999 ways to exchange, else of so many
      drawn with a fixed seed.
    """
    from scipy import stats

    weighted = np.concatenate([task / len(task) for task in differences])
    changed = weighted[weighted != 0]  # exchanging equal scores changes nothing
    if len(changed) < 2:  # one alone is as far from 0 with either sign
        return 1.0
    found = stats.permutation_test(
        (changed,),
        # Sums that are equal must not differ by their rounding.
        lambda x, axis: np.round(np.sum(x, axis=axis), 12),
        permutation_type="samples",
        n_resamples=_NUM_RESAMPLES,
        batch=_BATCH,
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    return float(found.pvalue)


def tango_interval(num_better: int, num_worse: int, *, num_pairs: int) -> tuple[float, float]:
    """The score interval for a difference of paired proportions, 95%.

    All differences that a score test does not reject: Tango, Statistics in Medicine 17 (1998),
    891-908. It has a width also where nothing changed.

    Args:
      num_better: Pairs where only B is right.
      num_worse: Pairs where only A is right.
      num_pairs: All pairs.

    Returns:
      Its lower and upper end, within -1 and 1.
    """
    from scipy import optimize, stats

    z = float(stats.norm.ppf(0.975))
    mean = (num_better - num_worse) / num_pairs

    def excess(difference: float) -> float:
        score = _tango_score(num_better, num_worse, num_pairs, difference)
        return score - math.copysign(z, mean - difference)

    # The score falls in `difference` and is 0 at the mean.
    low = -1.0 if mean == -1 else optimize.brentq(excess, -1, mean - 1e-12)
    high = 1.0 if mean == 1 else optimize.brentq(excess, mean + 1e-12, 1)
    return float(low), float(high)


def _tango_score(num_better: int, num_worse: int, num_pairs: int, difference: float) -> float:
    """Standardized distance of what was found from a true `difference`."""
    distance = num_better - num_worse - num_pairs * difference
    # The share of pairs where only A is right, most likely given the difference.
    linear = -num_better - num_worse + (2 * num_pairs - num_better + num_worse) * difference
    constant = -num_worse * difference * (1 - difference)
    root = math.sqrt(max(0.0, linear * linear - 8 * num_pairs * constant))
    share = (root - linear) / (4 * num_pairs)
    variance = num_pairs * (2 * share + difference * (1 - difference))
    return distance / math.sqrt(max(variance, 1e-30))


def _bootstrap_interval(differences: np.ndarray) -> tuple[float, float]:
    from scipy import stats

    if np.ptp(differences) < _ROUNDING:  # nothing to resample
        return float(differences.mean()), float(differences.mean())
    found = stats.bootstrap(
        (differences,),
        np.mean,
        n_resamples=_NUM_RESAMPLES,
        batch=_BATCH,
        method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(found.low), float(found.high)
