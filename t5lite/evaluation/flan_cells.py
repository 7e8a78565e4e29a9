"""What stands in the table of Flan's suites, as texts, for terminals, Markdown and pages."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from t5lite.evaluation.estimates import Estimate
from t5lite.evaluation.finished import TaskScore, mean_score
from t5lite.evaluation.flan_table import ModelRow
from t5lite.evaluation.published import PUBLISHED
from t5lite.evaluation.suite_score import SuiteScore, how_asked
from t5lite.evaluation.suites import SUITES, Suite

NONE = "-"


class Cells(NamedTuple):
    """A table of texts.

    Attributes:
      titles: Of its columns.
      rows: Its cells.
      right: The columns that are flush right.
    """

    titles: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: Sequence[int]


def main_table(rows: Sequence[ModelRow]) -> Cells:
    """Models, baselines, and the published rows; scores in percent.

    A star says that the score is not of the whole suite.
    """
    titles = ["model", "normalized average", *(suite.title for suite in SUITES), "source"]
    ours = [
        [
            row.label,
            "partial" if row.normalized_average is None else f"{row.normalized_average:.1f}",
            *(_score(row.suites.get(suite.name)) for suite in SUITES),
            "this evaluation",
        ]
        for row in rows
    ]
    baselines = [f"{statistics.fmean(suite.baselines.values()):.1f}" for suite in SUITES]
    published = [
        [
            found.model,
            NONE if found.normalized_average is None else f"{found.normalized_average:.1f}",
            *(_number(found.scores.get(suite.name)) for suite in SUITES),
            found.source,
        ]
        for found in PUBLISHED
    ]
    at_zero = ["baseline", "0.0", *baselines, "what the normalized average counts as 0"]
    return Cells(titles, [*ours, at_zero, *published], range(1, len(titles) - 1))


def evaluation_table(rows: Sequence[ModelRow]) -> Cells:
    """Every evaluation: score and interval, what was there, how it was asked, what went wrong."""
    titles = ["model", "suite", "score", "95% interval", "there", "examples", "unparsed"]
    titles += ["skipped", "dropped shots", "split", "asked"]
    cells = []
    for row in rows:
        for suite in SUITES:
            if found := row.suites.get(suite.name):
                there = f"{len(found.members)} of {len(suite.members)} {suite.member_noun}"
                sums = _sums(list(found.members.values()), there)
                split = found.evaluation.split
                cells.append([row.label, suite.title, *sums, split, found.asked])
        for other in row.others:
            there = "1 task" if len(other.tasks) == 1 else f"{len(other.tasks)} tasks"
            sums = _sums(list(other.tasks.values()), there)
            asked = ", ".join(how_asked(other.config)) if other.config else "not recorded"
            cells.append([row.label, other.mixture_or_task_name, *sums, other.split, asked])
    return Cells(titles, cells, [2, 3, 5, 6, 7, 8])


def task_table(rows: Sequence[ModelRow], suite: Suite) -> Cells:
    """The members of a suite: score, interval and counts of each model."""
    found = [(row.label, row.suites[suite.name]) for row in rows if suite.name in row.suites]
    columns = ["score", "95% interval", "examples", "unparsed", "skipped"]
    several = len(found) > 1
    titles = [suite.member_noun, "baseline"]
    for label, _ in found:
        titles += [f"{label}: {column}" if several else column for column in columns]
    cells = [
        [
            member,
            f"{baseline:.1f}",
            *(text for _, score in found for text in _member(score.members.get(member))),
        ]
        for member, baseline in suite.baselines.items()
    ]
    return Cells(titles, cells, range(1, len(titles)))


def notes(rows: Sequence[ModelRow]) -> list[str]:
    """What a reader has to know: what lacks, and what was done otherwise than in the paper."""
    found = []
    for row in rows:
        if row.gaps:
            found.append(
                f"{row.label} is partial, and what is not there is not averaged: it has no "
                "normalized average."
            )
        for suite in SUITES:
            score = row.suites.get(suite.name)
            parts = ["not evaluated"] if score is None else [*score.gaps, *score.deviations]
            if parts:
                found.append(f"{row.label}, {suite.title}: {'; '.join(parts)}.")
    return found


def _score(score: SuiteScore | None) -> str:
    if score is None or not score.members:
        return NONE
    return f"{score.score.value:.1f}{'*' if score.gaps else ''}"


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:.1f}"


def _sums(scores: Sequence[TaskScore], there: str) -> list[str]:
    """Score, interval, what was there, examples and what went wrong, of all members together."""
    counts = ["num_examples", "num_unparsed", "num_skipped", "num_dropped_exemplars"]
    totals = [f"{sum(getattr(score, name) for score in scores):,}" for name in counts]
    if not scores:
        return [NONE, NONE, there, *totals]
    mean = mean_score(scores)
    interval = _interval(mean) if all(score.has_interval for score in scores) else NONE
    return [f"{mean.value:.1f}", interval, there, *totals]


def _member(score: TaskScore | None) -> list[str]:
    if score is None:
        return [NONE] * 5
    interval = _interval(score.score) if score.has_interval else NONE
    counts = [score.num_examples, score.num_unparsed, score.num_skipped]
    return [f"{score.score.value:.1f}", interval, *(f"{count:,}" for count in counts)]


def _interval(estimate: Estimate) -> str:
    return f"{estimate.low:.1f} to {estimate.high:.1f}"
