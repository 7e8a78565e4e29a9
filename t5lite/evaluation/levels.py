"""Behind `t5lite eval levels`: scores by level of generalization, as OPT-IML reports them.

Reads finished evaluations of the Mixtures of a split (docs/levels.md).
"""

from __future__ import annotations

import collections
import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

from t5lite.data.tasks.level_split import LEVELS, Level
from t5lite.evaluation.finished import (
    METRICS,
    FinishedEvaluation,
    evaluation_folders,
    labelled,
    read_evaluation,
)
from t5lite.evaluation.suite_score import how_asked
from t5lite.files.json_files import write_object
from t5lite.files.local_paths import storage_path
from t5lite.files.whole_file import write_whole
from t5lite.inference.intervals import CONFIDENCE, Interval
from t5lite.messages.tables import format_markdown, format_table

_TITLE = "Scores by level of generalization"
_LEGEND = (
    "Percent: the unweighted mean over Tasks, each by its own metric, and how far that of other "
    "Tasks of the same kind may lie (95%, Student's t over Tasks)."
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LevelScore:
    """What one model scores at one level, asked in one way.

    Attributes:
      model: What the model is called.
      split: The split's name.
      level: The level.
      asked: How, in words.
      evaluation: The evaluation's name.
      scores: Of each Task, in percent.
      metrics: How many Tasks are scored by each metric.
    """

    model: str
    split: str
    level: Level
    asked: str
    evaluation: str
    scores: Mapping[str, float]
    metrics: Mapping[str, int]

    @property
    def mean(self) -> float:
        """Over Tasks, in percent."""
        return sum(self.scores.values()) / len(self.scores)

    @property
    def interval(self) -> Interval | None:
        """Of the mean; None where one Task, or equal scores, say nothing of how others vary."""
        from scipy import stats

        values = [*self.scores.values()]
        error = float(stats.sem(values)) if len(values) > 1 else 0.0
        if not error:
            return None
        ends = stats.t.interval(CONFIDENCE, len(values) - 1, loc=self.mean, scale=error)
        return max(float(ends[0]), 0.0), min(float(ends[1]), 100.0)


def report(
    folders: Sequence[str], *, output: str, names: Sequence[str] | None = None
) -> list[LevelScore]:
    """Prints the scores of models by level, and writes `levels.md` and `levels.json`.

    Args:
      folders: `[LABEL=]DIR` of each model's evaluations.
      output: Folder to write to; made where it does not exist.
      names: The evaluations of each folder to read; all when None.

    Returns:
      The scores, by model, split, way of asking and level.

    Raises:
      ValueError: A folder holds no evaluation of a level, or one that is malformed, or two of one
        level that were asked alike.
    """
    found = []
    for label, folder in labelled(folders, name="t5lite eval levels").items():
        found += _level_scores(label, folder, names=names)
    found.sort(key=lambda one: (one.model, one.split, one.asked, LEVELS.index(one.level)))
    titles = ("model", "split", "asked", "level", "Tasks", "mean", "95%", "metrics")
    rows = [_row(one) for one in found]
    means = _means(found)
    mean_titles = ("model", "split", "mean of levels", "of")
    mean_rows = [(model, split, f"{mean:.1f}", of) for (model, split), (mean, of) in means.items()]
    print(f"{_TITLE}. {_LEGEND}\n\n{format_table(titles, rows, right=(4, 5))}")
    parts = [f"# {_TITLE}", _LEGEND, format_markdown(titles, rows, right=(4, 5))]
    if mean_rows:
        print(f"\n{format_table(mean_titles, mean_rows, right=(2,))}")
        parts.append(format_markdown(mean_titles, mean_rows, right=(2,)))
    _write(storage_path(output, name="--output"), found, text="\n\n".join(parts) + "\n")
    return found


def _level_scores(
    label: str, folder: pathlib.Path, *, names: Sequence[str] | None
) -> list[LevelScore]:
    folders = evaluation_folders(folder, holding=METRICS, names=names, flag="t5lite eval levels")
    by_way: dict[tuple[str, Level, str], LevelScore] = {}
    for one in folders.values():
        score = _level_score(label, read_evaluation(one))
        if score is None:
            continue
        first = by_way.setdefault((score.split, score.level, score.asked), score)
        if first is not score:
            raise ValueError(
                f"{folder}: {first.evaluation} and {score.evaluation} both evaluate "
                f"{score.split}_{score.level}, asked alike ({score.asked}); name those to show, as "
                f"in --evaluations={first.evaluation}"
            )
    found = list(by_way.values())
    if not found:
        wanted = ", ".join(f"NAME_{level}" for level in LEVELS)
        raise ValueError(
            f"t5lite eval levels {folder}: none of the {len(folders)} evaluations there is of a "
            f"level, with a score; evaluate {wanted} of a split (`t5lite tasks split`)"
        )
    return found


def _level_score(label: str, evaluation: FinishedEvaluation) -> LevelScore | None:
    """The score of an evaluation of one level; None where it is of something else."""
    name = evaluation.mixture_or_task_name
    level = next((level for level in LEVELS if name.endswith(f"_{level}")), None)
    if level is None or not evaluation.tasks:
        return None
    return LevelScore(
        model=label,
        split=name.removesuffix(f"_{level}"),
        level=level,
        asked=", ".join(how_asked(evaluation.config)) or "not recorded",
        evaluation=evaluation.name,
        scores={task: found.score.value for task, found in evaluation.tasks.items()},
        metrics=dict(collections.Counter(found.metric for found in evaluation.tasks.values())),
    )


def _row(one: LevelScore) -> tuple[str, ...]:
    ends = one.interval
    return (
        one.model,
        one.split,
        one.asked,
        one.level,
        f"{len(one.scores):,}",
        f"{one.mean:.1f}",
        "" if ends is None else f"{ends[0]:.1f} to {ends[1]:.1f}",
        ", ".join(f"{metric} ({count:,})" for metric, count in one.metrics.items()),
    )


def _means(found: Sequence[LevelScore]) -> dict[tuple[str, str], tuple[float, str]]:
    """By model and split the mean of all levels, each asked in all ways that all were asked in.

    It is what OPT-IML chose its models by: the mean over three levels, zero-shot and five-shot.
    """
    by_split: dict[tuple[str, str], dict[str, dict[Level, LevelScore]]] = {}
    for one in found:
        by_split.setdefault((one.model, one.split), {}).setdefault(one.asked, {})[one.level] = one
    means = {}
    for key, by_way in by_split.items():
        whole = {way: scores for way, scores in by_way.items() if len(scores) == len(LEVELS)}
        if whole:
            values = [one.mean for scores in whole.values() for one in scores.values()]
            means[key] = (sum(values) / len(values), "; ".join(whole))
    return means


def _write(folder: pathlib.Path, found: Sequence[LevelScore], *, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "levels.md", text.encode("utf-8", "backslashreplace"))
    records = [
        {**dataclasses.asdict(one), "mean": one.mean, "interval": one.interval} for one in found
    ]
    write_object(folder / "levels.json", {"levels": records})
    print(f"In {folder}: levels.md, levels.json")
