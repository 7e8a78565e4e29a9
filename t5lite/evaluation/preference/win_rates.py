"""How often a model's answers are preferred, and how far two judges agree."""

from __future__ import annotations

import collections
import math
from collections.abc import Sequence
from typing import NamedTuple

from scipy import special

from t5lite.evaluation.preference.judgments import IDENTICAL, Judgment
from t5lite.inference.intervals import CONFIDENCE


class WinRate(NamedTuple):
    """How model A fares against model B.

    Attributes:
      num_pairs: Pairs judged.
      wins: Those where A's answer is better.
      losses: Those where B's is.
      ties: Those where both are equally good.
      both_bad: Those where both are bad.
      rate: Wins, with half of the ties and of those where both are bad, as a share of all.
      low: Lower end of its 95% confidence interval.
      high: Upper end.
    """

    num_pairs: int
    wins: int
    losses: int
    ties: int
    both_bad: int
    rate: float
    low: float
    high: float


def win_rate(judgments: Sequence[Judgment]) -> WinRate:
    """The share of pairs in which model A's answer is preferred, a tie being half a win.

    The interval is Wilson's, of as many yes-or-no trials as there are pairs. Ties vary less than
    these, so with many of them it is wider than it need be, never narrower.

    Args:
      judgments: One or more.
    """
    count = collections.Counter(judgment.verdict for judgment in judgments)
    wins, losses, ties, both_bad = (count[v] for v in ("a", "b", "tie", "both_bad"))
    successes, num = wins + (ties + both_bad) / 2, len(judgments)
    low, high = wilson_interval(successes, num)
    return WinRate(num, wins, losses, ties, both_bad, successes / num, low, high)


def win_rates(judgments: Sequence[Judgment]) -> dict[str, WinRate]:
    """The win rate of each category, in the order of their names.

    Args:
      judgments: One or more.
    """
    by_category: dict[str, list[Judgment]] = {}
    for judgment in sorted(judgments, key=lambda judgment: judgment.category):
        by_category.setdefault(judgment.category, []).append(judgment)
    return {category: win_rate(found) for category, found in by_category.items()}


def wilson_interval(successes: float, num: int) -> tuple[float, float]:
    """The 95% score interval of a share (E. B. Wilson, JASA 22 (1927), 209-212).

    `scipy.stats.binomtest` computes the same, of whole numbers only.

    Args:
      successes: How many of the trials succeeded; a half counts as one that did so by half.
      num: How many trials, 1 or more.
    """
    z = float(special.ndtri((1 + CONFIDENCE) / 2))
    share = successes / num
    center = share + z * z / (2 * num)
    spread = z * math.sqrt(share * (1 - share) / num + z * z / (4 * num * num))
    scale = 1 + z * z / num
    # The ends are on both sides of the share, which rounding does not know at 0 and 1.
    low, high = (center - spread) / scale, (center + spread) / scale
    return max(min(low, share), 0.0), min(max(high, share), 1.0)


class Agreement(NamedTuple):
    """How far two judges agree on the pairs that both judged.

    Attributes:
      num_pairs: How many those are, pairs of identical answers apart.
      share: Those on which they say the same.
      kappa: Cohen's kappa: 1 for judges who always agree, 0 for what judges would who say each as
        often, but by chance; None where chance alone would make them agree on all.
    """

    num_pairs: int
    share: float
    kappa: float | None


def agreement(first: Sequence[Judgment], second: Sequence[Judgment]) -> Agreement | None:
    """Compares two judges; "both are bad" is a tie here, which a model as judge says no other way.

    Args:
      first: One judge's judgments.
      second: The other's.

    Returns:
      None where no pair was judged by both.
    """
    said, others = (
        {j.pair: _said(j) for j in js if j.judge != IDENTICAL} for js in (first, second)
    )
    both = [(verdict, others[pair]) for pair, verdict in said.items() if pair in others]
    if not both:
        return None
    return Agreement(len(both), sum(a == b for a, b in both) / len(both), cohens_kappa(both))


def cohens_kappa(verdicts: Sequence[tuple[str, str]]) -> float | None:
    """Agreement beyond chance (J. Cohen, Educational and Psychological Measurement 20 (1960)).

    Args:
      verdicts: What both judges said of each pair, one or more.

    Returns:
      None where both say always the same one thing, of which kappa is not defined.
    """
    num = len(verdicts)
    observed = sum(a == b for a, b in verdicts)
    first, second = (collections.Counter(said) for said in zip(*verdicts, strict=True))
    by_chance = sum(first[verdict] * second[verdict] for verdict in first)
    if by_chance == num * num:
        return None
    return (observed * num - by_chance) / (num * num - by_chance)


def _said(judgment: Judgment) -> str:
    return "tie" if judgment.verdict == "both_bad" else judgment.verdict
