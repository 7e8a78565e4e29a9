"""What an evaluation found: metrics with their intervals, and a record of each example."""

from __future__ import annotations

import collections
import dataclasses
import functools
import itertools
import math
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypedDict

from t5lite.files.json_files import write_object
from t5lite.files.local_paths import storage_path
from t5lite.inference import intervals
from t5lite.inference.eval_config import EvalConfig
from t5lite.inference.intervals import Interval
from t5lite.inference.records import PREDICTIONS, Record, write_records
from t5lite.messages.tables import format_table

# What answers that do not look at the question would score; a Task's own metrics may give
# `blind_guess`.
BASELINES = ("best_constant", "blind_guess")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaskResult:
    """What was found of one Task.

    Attributes:
      name: The Task's name.
      split: The split that was evaluated.
      num_examples: How many it holds, those that were skipped among them.
      num_skipped: Examples that were not asked; no metric counts them.
      num_unparsed: Answers from which the Task's postprocessor took none; 0 where it fails.
      num_cut: Answers, each draw counted, that had the most tokens that there may be before they
        came to an end token or a stop string.
      metrics: By name.
      by_example: Of the metrics that are means over examples, the value of each example that was
        not skipped.
      by_num_samples: Where several draws vote, the metrics when the first 1, 2, ... of them do.
      score_metric: The one of them that `Record.score` is; None where there is none.
      records: Of each example, where a metric judges answers.
      not_run: Why metrics did not run, by their names.
    """

    name: str
    split: str
    num_examples: int
    num_skipped: int = 0
    num_unparsed: int = 0
    num_cut: int = 0
    metrics: Mapping[str, float]
    by_example: Mapping[str, Sequence[float]] = dataclasses.field(default_factory=dict)
    by_num_samples: Mapping[str, Sequence[float]] = dataclasses.field(default_factory=dict)
    score_metric: str | None = None
    records: Sequence[Record] = ()
    not_run: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def num_dropped_exemplars(self) -> int:
        """Exemplars left out of prompts that were too long, over all examples."""
        return sum(record.num_dropped for record in self.records)


class UnitScore(TypedDict):
    """A Task's `score_metric` from 0 to 1, whether its own scale ends at 1 or at 100.

    Attributes:
      value: The metric's value.
      interval: Its 95% confidence interval; None where there is none.
      by_num_samples: Where several draws vote, the value when the first 1, 2, ... of them do.
    """

    value: float
    interval: Interval | None
    by_num_samples: list[float]


@dataclasses.dataclass(frozen=True)
class EvalResult:
    """What one evaluation found.

    Attributes:
      config: What was evaluated, as it was done: lengths that it leaves open are chosen.
      tasks: What was found of each Task, in their order.
      missing: By Task, why there was nothing to read of those that were left out.
    """

    config: EvalConfig
    tasks: Sequence[TaskResult]
    missing: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @functools.cached_property
    def metrics(self) -> dict[str, float]:
        """Metrics by full name.

        `<name>/<task>/<metric>` for each metric of a Task; `loss`, the teacher-forced mean loss of
        a target token in nats, of those whose targets are scored; `best_constant`, the share of
        examples that the most frequent target answers exactly (the baseline to beat), of those
        whose answers are judged; and `<name>/mean/<metric>`, the unweighted mean over the Tasks
        that have the metric.
        """
        named = {self._full(t.name, m): value for t in self.tasks for m, value in t.metrics.items()}
        for metric, tasks in self._tasks_by_metric().items():
            values = [task.metrics[metric] for task in tasks]
            named[self._full("mean", metric)] = math.fsum(values) / len(values)
        return named

    @functools.cached_property
    def intervals(self) -> dict[str, Interval]:
        """95% confidence intervals of the metrics that are means over examples, by full name.

        Baselines have none.
        """
        named: dict[str, Interval] = {}
        for metric, tasks in self._tasks_by_metric().items():
            if metric in BASELINES:
                continue
            values = [task.by_example.get(metric, ()) for task in tasks]
            # Of a Task without any right answer, the others say what one scores.
            right = intervals.scale_of(itertools.chain(*values))
            found = [intervals.of_mean(of_task, right=right) for of_task in values]
            ends = {task.name: e for task, e in zip(tasks, found, strict=True) if e is not None}
            named |= {self._full(task, metric): of_task for task, of_task in ends.items()}
            means = [task.metrics[metric] for task in tasks]
            if len(ends) < len(tasks):
                continue
            if {*itertools.chain(*values)} <= {0.0, right}:
                shares = [mean / (right or 1.0) for mean in means]
                low, high = intervals.of_mean_of_shares(shares, [*map(len, values)])
                named[self._full("mean", metric)] = (low * (right or 1.0), high * (right or 1.0))
            else:
                named[self._full("mean", metric)] = intervals.of_mean_of_means(
                    means, [ends[task.name] for task in tasks]
                )
        return named

    @functools.cached_property
    def scores(self) -> dict[str, UnitScore]:
        """By name, the Tasks that have a `score_metric`."""
        tasks_by_metric = self._tasks_by_metric()
        return {
            task.name: self._score(task, task.score_metric, tasks_by_metric[task.score_metric])
            for task in self.tasks
            if task.score_metric is not None
        }

    def _score(self, task: TaskResult, metric: str, alike: Sequence[TaskResult]) -> UnitScore:
        """The score of a Task, given all Tasks that have the metric."""
        curve = task.by_num_samples.get(metric, ())
        # As `Record.score` has it; zeros alone have their interval on the others' scale.
        right = intervals.scale_of(task.by_example[metric])
        if right is None:
            others = itertools.chain(*(one.by_example.get(metric, ()) for one in alike), curve)
            right = intervals.scale_of(others) or 1.0
        ends = self.intervals.get(self._full(task.name, metric))
        return UnitScore(
            value=task.metrics[metric] / right,
            interval=None if ends is None else (ends[0] / right, ends[1] / right),
            by_num_samples=[value / right for value in curve],
        )

    @functools.cached_property
    def predictions(self) -> list[Record]:
        """The examples of the Tasks whose metrics judge answers, in the Tasks' order."""
        return [record for task in self.tasks for record in task.records]

    @property
    def num_examples(self) -> dict[str, int]:
        """By Task, those that were skipped among them."""
        return self._of_tasks(lambda task: task.num_examples)

    def save(self, folder: str | pathlib.Path, *, step: int | None = None) -> None:
        """Writes `metrics.json` and `predictions.jsonl` into `folder`.

        Args:
          folder: Made where it does not exist; files of these names are replaced.
          step: Of the parameters, noted in `metrics.json`.
        """
        folder = storage_path(folder, name="--output_dir")
        folder.mkdir(parents=True, exist_ok=True)
        config = self.config
        record = {
            "step": step,
            "mixture_or_task_name": config.mixture_or_task_name,
            "split": config.split,
            "decoding": dataclasses.asdict(config.decoding),
            "splits": {t.name: t.split for t in self.tasks if t.split != config.split},
            "num_examples": self.num_examples,
            "num_unparsed": self._of_tasks(lambda task: task.num_unparsed),
            "num_skipped": self._of_tasks(lambda task: task.num_skipped),
            "num_cut": self._of_tasks(lambda task: task.num_cut),
            "num_dropped_exemplars": self._of_tasks(lambda task: task.num_dropped_exemplars),
            "metrics": self.metrics,
            "intervals": self.intervals,
            "score_metric": {t.name: t.score_metric for t in self.tasks if t.score_metric},
            "scores": self.scores,
            "by_num_samples": {t.name: t.by_num_samples for t in self.tasks if t.by_num_samples},
            "metrics_not_run": {t.name: t.not_run for t in self.tasks if t.not_run},
            "missing_tasks": self.missing,
            "config": config.to_json(),
        }
        write_records(folder / PREDICTIONS, self.predictions)
        write_object(folder / "metrics.json", record)

    def summary(self, *, step: int | None = None) -> str:
        """The metrics as a table for a terminal: a row for each Task, the mean last."""
        rows: dict[str, dict[str, float]] = collections.defaultdict(dict)
        for name, value in self.metrics.items():
            task, metric = name.removeprefix(f"{self.config.name}/").split("/", 1)
            rows[task][metric] = value
        titles, shows = zip(*self._columns(rows), strict=True)
        cells = [[task, *(show(task) for show in shows)] for task in rows]
        title = f"{self.config.name}: {self.config.mixture_or_task_name}, {self.config.split}"
        title += "" if step is None else f", step {step}"
        table = format_table(["task", *titles], cells, right=range(1, 1 + len(titles)))
        return f"{title}\n{table}"

    def _columns(
        self, rows: Mapping[str, Mapping[str, float]]
    ) -> Iterator[tuple[str, Callable[[str], str]]]:
        """Titles of the columns, and what each says of a row: counts, metrics, intervals."""
        counts: dict[str, Callable[[TaskResult], int]] = {
            "examples": lambda task: task.num_examples,
            "num_unparsed": lambda task: task.num_unparsed,
            "num_skipped": lambda task: task.num_skipped,
            "num_cut": lambda task: task.num_cut,
        }
        for title, count in counts.items():
            by_task = self._of_tasks(count)
            if title == "examples" or any(by_task.values()):
                yield title, functools.partial(_count_text, by_task=by_task)
        for metric in dict.fromkeys(metric for row in rows.values() for metric in row):
            yield metric, functools.partial(_metric_text, rows=rows, metric=metric)
            if any(self._full(row, metric) in self.intervals for row in rows):
                yield f"{metric} 95%", functools.partial(self._interval_text, metric=metric)

    def _interval_text(self, row: str, *, metric: str) -> str:
        ends = self.intervals.get(self._full(row, metric))
        return "" if ends is None else f"{ends[0]:.3g} to {ends[1]:.3g}"

    def _tasks_by_metric(self) -> dict[str, list[TaskResult]]:
        tasks = collections.defaultdict(list)
        for task in self.tasks:
            for metric in task.metrics:
                tasks[metric].append(task)
        return tasks

    def _of_tasks(self, count: Callable[[TaskResult], int]) -> dict[str, int]:
        return {task.name: count(task) for task in self.tasks}

    def _full(self, task: str, metric: str) -> str:
        return f"{self.config.name}/{task}/{metric}"


def _count_text(row: str, *, by_task: Mapping[str, int]) -> str:
    return str(by_task.get(row, sum(by_task.values())))


def _metric_text(row: str, *, rows: Mapping[str, Mapping[str, float]], metric: str) -> str:
    return f"{rows[row][metric]:.4g}" if metric in rows[row] else ""
