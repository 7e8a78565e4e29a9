"""Finished evaluations, read from the folders that `t5lite eval` wrote; no model is needed."""

from __future__ import annotations

import dataclasses
import pathlib
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from t5lite.evaluation.estimates import Estimate, mean_of, mean_of_shares
from t5lite.files.json_files import read_object
from t5lite.files.local_paths import named_path
from t5lite.messages.suggest import did_you_mean
from t5lite.messages.value_types import check_type

METRICS = "metrics.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaskScore:
    """What an evaluation found of one Task.

    Attributes:
      metric: Its name.
      score: In percent, with the 95% interval.
      has_interval: Whether the evaluation gives one; else both its ends are the score.
      num_examples: How many there are, those skipped among them.
      num_unparsed: Outputs that no answer was found in.
      num_skipped: Examples that were not asked.
      num_cut: Answers that the most tokens cut off, each draw counted.
      num_dropped_exemplars: Demonstrations left out for want of room, of all examples together.
      by_num_samples: Where several draws vote, the score in percent when the first 1, 2, ... do.
    """

    metric: str
    score: Estimate
    has_interval: bool
    num_examples: int
    num_unparsed: int
    num_skipped: int
    num_cut: int
    num_dropped_exemplars: int
    by_num_samples: Sequence[float] = ()


def mean_score(scores: Sequence[TaskScore]) -> Estimate:
    """The unweighted mean of Tasks' scores; accuracies are shares of right answers."""
    values = [score.score for score in scores]
    if not all(score.metric == "accuracy" and score.has_interval for score in scores):
        return mean_of(values)
    return mean_of_shares(values, [score.num_examples - score.num_skipped for score in scores])


@dataclasses.dataclass(frozen=True, kw_only=True)
class FinishedEvaluation:
    """What `metrics.json` says.

    Attributes:
      name: Of the evaluation, which is its folder's.
      mixture_or_task_name: What was evaluated.
      split: As it was asked for.
      step: Of the model's checkpoint.
      config: The `EvalConfig` that was used; empty where the file does not hold it.
      tasks: By name, those that have a score.
    """

    name: str
    mixture_or_task_name: str
    split: str
    step: int | None
    config: Mapping[str, Any]
    tasks: Mapping[str, TaskScore]

    @property
    def by_num_samples(self) -> list[float]:
        """The Tasks' unweighted mean score when so many draws vote; empty where none do."""
        curves = [task.by_num_samples for task in self.tasks.values()]
        return [statistics.fmean(scores) for scores in zip(*curves, strict=False)]


def evaluation_folders(
    folder: pathlib.Path, *, holding: str, names: Sequence[str] | None = None, flag: str = ""
) -> dict[str, pathlib.Path]:
    """The evaluations in a folder, by name.

    Args:
      folder: An evaluation's own, one that holds such folders, or the model's.
      holding: The file that tells an evaluation.
      names: Which of them; all when None.
      flag: What an error calls the folder.

    Raises:
      ValueError: There is none, or one of `names` is not there.
    """
    found = _all_folders(folder, holding)
    if not found:
        raise ValueError(
            f"{flag or 'evaluation'} {folder}: neither it, nor the folders in it or in its eval/, "
            f"hold a {holding}; `t5lite eval --output_dir={folder}` writes them."
        )
    for name in names or ():
        if name not in found:
            raise ValueError(f"{folder} has no evaluation {name!r}.{did_you_mean(name, found)}")
    return {name: found[name] for name in names or found}


def _all_folders(folder: pathlib.Path, holding: str) -> dict[str, pathlib.Path]:
    if (folder / holding).is_file():
        return {folder.resolve().name: folder}
    for parent in (folder / "eval", folder):
        if found := {path.parent.name: path.parent for path in sorted(parent.glob(f"*/{holding}"))}:
            return found
    return {}


def labelled(folders: Sequence[str], *, name: str) -> dict[str, pathlib.Path]:
    """Folders by what tables call them: `LABEL=DIR`, or else by their own names.

    Args:
      folders: As a user gives them.
      name: What an error calls them.

    Raises:
      ValueError: One does not exist, or two have one label.
    """
    given: list[tuple[str, pathlib.Path]] = []
    for text in folders:
        label, path = named_path(text, name=name)
        if not path.is_dir():
            raise ValueError(f"{name} {text}: there is no folder {path}")
        given.append((label or _own_name(path), path))
    labels = [label for label, _ in given]
    if len(set(labels)) < len(labels):  # those of several runs: .../a/eval/mmlu, .../b/eval/mmlu
        labels = [str(path) if labels.count(label) > 1 else label for label, path in given]
    if repeated := next((label for label in labels if labels.count(label) > 1), None):
        raise ValueError(f"{name}: two folders are called {repeated!r}; label them, as in new=DIR")
    return dict(zip(labels, (path for _, path in given), strict=True))


def _own_name(path: pathlib.Path) -> str:
    whole = path.resolve()
    return whole.parent.name if whole.name == "eval" else whole.name


def read_evaluation(folder: pathlib.Path) -> FinishedEvaluation:
    """Reads `metrics.json`.

    Raises:
      ValueError: It is malformed, or lacks a field.
    """
    path = folder / METRICS
    found = read_object(path)

    def field(name: str, hint: Any, default: Any = dataclasses.MISSING) -> Any:
        if name not in found and default is not dataclasses.MISSING:
            return default
        return _checked(found, name, hint, str(path))

    counts = Mapping[str, int]
    score_metrics = field("score_metric", Mapping[str, str])
    scores = field("scores", Mapping[str, Mapping[str, Any]])
    num_examples = field("num_examples", counts)
    several = {
        name: field(name, counts, {})
        for name in ("num_unparsed", "num_skipped", "num_cut", "num_dropped_exemplars")
    }
    tasks = {}
    for task, number in num_examples.items():
        if task not in score_metrics or task not in scores:
            continue
        where = f"{path}, scores of {task}"
        value = _checked(scores[task], "value", float, where)
        interval = _checked(scores[task], "interval", tuple[float, float] | None, where)
        curve = _checked(scores[task], "by_num_samples", Sequence[float], where)
        tasks[task] = TaskScore(
            metric=score_metrics[task],
            score=_percent(value, interval),
            has_interval=interval is not None,
            num_examples=number,
            by_num_samples=[100 * value for value in curve],
            **{name: by_task.get(task, 0) for name, by_task in several.items()},
        )
    return FinishedEvaluation(
        name=folder.resolve().name,
        mixture_or_task_name=field("mixture_or_task_name", str),
        split=field("split", str),
        step=field("step", int | None, None),
        config=field("config", Mapping[str, Any], {}),
        tasks=tasks,
    )


def _checked(found: Mapping[str, Any], name: str, hint: Any, where: str) -> Any:
    """A field of an object of the file.

    Raises:
      ValueError: It is missing, or of another type.
    """
    if name not in found:
        raise ValueError(
            f"{where} has no {name!r}; evaluate again with this version.{did_you_mean(name, found)}"
        )
    check_type(found[name], hint, name=f"{where}, {name}")
    return found[name]


def _percent(value: float, interval: Sequence[float] | None) -> Estimate:
    low, high = interval if interval is not None else (value, value)
    return Estimate(100 * value, 100 * low, 100 * high)
