"""The metrics that a seqio Task was registered with: functions, and objects of `metric_objs`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from t5lite.data.tasks.seqio_descriptions import function_name
from t5lite.data.tasks.seqio_library import load_seqio
from t5lite.data.tasks.task_metrics import Judged, Need, TaskMetric, function_metric


def metric_names(task: Any) -> tuple[str, ...]:
    """Names of a Task's metrics, those that cannot run among them."""
    functions = map(function_name, task._metric_fn_constructor_args)
    return (*functions, *map(_object_name, task._metric_objs_constructor_args))


def task_metrics(task: Any) -> tuple[tuple[TaskMetric, ...], dict[str, str]]:
    """The metrics of a seqio Task, and why others of it cannot run, by name."""
    metrics, unusable = [], {}
    for function in task._metric_fn_constructor_args:
        name = function_name(function)
        try:
            metrics.append(function_metric(name, function))
        except (TypeError, ValueError) as error:  # No function at all has no signature either.
            unusable[name] = str(error)
    for metric in task._metric_objs_constructor_args:
        name = _object_name(metric)
        try:
            metrics.append(_object_metric(name, metric, task=task))
        except (AttributeError, ValueError) as error:
            unusable[name] = str(error)
    return tuple(metrics), unusable


def _object_name(metric: Any) -> str:
    kind = metric if isinstance(metric, type) else type(metric)
    return kind.__name__


def _object_metric(name: str, metric: Any, *, task: Any) -> TaskMetric:
    """The metric that an object or class of `seqio.metrics` is.

    Raises:
      AttributeError: it is of another kind.
      ValueError: it judges what t5lite does not compute.
    """
    seqio = load_seqio()
    kinds = seqio.metrics.ModelOutputType
    needs_of: dict[Any, tuple[Need, ...]] = {
        kinds.PREDICTION: ("tokens",),
        kinds.SCORE: ("target_scores",),
        kinds.PREDICTION_WITH_AUX: ("tokens", "scores"),
    }
    kind = metric.model_output_type
    if kind not in needs_of:
        raise ValueError(
            "it judges values inside the model (SCORE_WITH_INTERMEDIATES), and t5lite gives "
            "predictions, their scores, and scores of targets"
        )

    def measure(judged: Judged) -> Any:
        answers, raw_examples = judged.answers, judged.raw_examples
        output: Any = np.asarray(answers.target_scores)
        if kind != kinds.SCORE:
            output = _padded(answers.tokens or ())
        if kind == kinds.PREDICTION_WITH_AUX:
            output = (output, answers.aux_values)
        features = task.output_features
        found = metric.from_model_output(raw_examples, output, features, "targets")
        if isinstance(found, seqio.metrics.CollectingMetric):
            return found.actual_compute(raw_examples, features, "targets")[0]
        return found.compute()

    return TaskMetric(name, needs_of[kind], measure)


def _padded(tokens: Sequence[Sequence[int]]) -> np.ndarray:
    """Token ids as rows of one length, filled up with 0."""
    rows = np.zeros((len(tokens), max(map(len, tokens), default=0)), np.int32)
    for row, ids in zip(rows, tokens, strict=True):
        row[: len(ids)] = ids
    return rows
