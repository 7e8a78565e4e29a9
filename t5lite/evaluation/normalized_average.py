"""The normalized average of Flan's Table 5: one number for six suites.

How it is made was worked out from the numbers that the paper prints (arXiv 2210.11416, section
2.3): see `normalized_average`.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping

from t5lite.evaluation.suites import SUITES


def normalize(score: float, baseline: float) -> float:
    """Puts a score on a scale where the baseline has 0 and no mistake 100.

    Args:
      score: In percent.
      baseline: What counts as 0, in percent, below 100.

    Returns:
      `100 (score - baseline) / (100 - baseline)`, negative below the baseline.
    """
    return 100 * (score - baseline) / (100 - baseline)


def normalized_average(scores: Mapping[str, Mapping[str, float]]) -> float:
    """The unweighted mean of six suites, each the unweighted mean of its normalized members.

    The suites are MMLU and BBH, each direct and with chain of thought, TyDiQA and MGSM. Every
    subject, subtask and language is normalized by itself, with a baseline of 25 for MMLU, of each
    subtask's own for BBH (mostly its chance), and of 0 for the two others.

    Args:
      scores: By suite (`Suite.name`) and member, in percent; all suites and all members.

    Returns:
      The average, at most 100.

    Raises:
      ValueError: A suite or a member is missing: what is not there is not averaged.
    """
    missing = [
        f"{suite.title}: {member}"
        for suite in SUITES
        for member in suite.members
        if member not in scores.get(suite.name, {})
    ]
    if missing:
        raise ValueError(
            f"the normalized average needs all members of all six suites; {len(missing)} are "
            f"missing, such as {missing[0]}."
        )
    return statistics.fmean(
        statistics.fmean(
            normalize(scores[suite.name][member], baseline)
            for member, baseline in suite.baselines.items()
        )
        for suite in SUITES
    )
