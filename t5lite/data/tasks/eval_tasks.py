"""Evaluation examples of a Task, and its metrics computed from a model's texts and scores.

Postprocessors and metrics are called with what `seqio.Evaluator` calls them with.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from t5lite.data.features.feature_converters import FeatureConverter
from t5lite.data.vocabularies.vocabulary import Vocabulary

_EMPTY = np.zeros(0, np.int32)


@dataclasses.dataclass(frozen=True)
class EvalExample:
    """One example to evaluate.

    Attributes:
      inputs: token ids as the Task gives them, int32 `[length]`; empty for one without inputs. A
        model's feature converter cuts them, and says what stands around them.
      targets: likewise.
      inputs_text: the text before tokenisation, or decoded where the Task keeps none.
      targets_text: likewise; what postprocessors get as the target.
      raw: every field of the Task's example, output features cut to their lengths.
      is_chat: whether it is a conversation, whose template begins and ends it.
    """

    inputs: np.ndarray
    targets: np.ndarray
    inputs_text: str
    targets_text: str
    raw: Mapping[str, Any]
    is_chat: bool = False

    @classmethod
    def cut(
        cls,
        raw: Mapping[str, Any],
        vocabularies: Mapping[str, Vocabulary],
        task_feature_lengths: Mapping[str, int],
        *,
        is_chat: bool = False,
    ) -> "EvalExample":
        """Makes one of a Task's example.

        Args:
          raw: every field.
          vocabularies: of the fields that models read.
          task_feature_lengths: which fields are cut for metrics, and to how many tokens.
          is_chat: whether it is a conversation.
        """
        fields = {
            name: value[: task_feature_lengths[name]]
            if name in task_feature_lengths and len(getattr(value, "shape", ()))
            else value
            for name, value in raw.items()
        }
        has_inputs = "inputs" in vocabularies and "inputs" in raw
        return cls(
            inputs=np.asarray(raw["inputs"] if has_inputs else _EMPTY, np.int32),
            targets=np.asarray(raw["targets"], np.int32),
            inputs_text=_text(fields, "inputs", vocabularies) if has_inputs else "",
            targets_text=_text(fields, "targets", vocabularies),
            raw=fields,
            is_chat=is_chat,
        )

    def prompt(self, converter: FeatureConverter) -> np.ndarray:
        """The prompt of a model with this feature converter, int32 `[length]`."""
        inputs = self.inputs if self.is_chat else converter.without_end(self.inputs)
        return converter.prompt(inputs, is_chat=self.is_chat)

    def answer(self, converter: FeatureConverter) -> np.ndarray:
        """What it should answer, int32 `[length]`."""
        targets = self.targets if self.is_chat else converter.without_end(self.targets)
        return converter.targets(targets, is_chat=self.is_chat)


def _text(fields: Mapping[str, Any], name: str, vocabularies: Mapping[str, Vocabulary]) -> str:
    text = fields.get(f"{name}_pretokenized")
    if isinstance(text, bytes):
        return text.decode("utf-8")
    return text if isinstance(text, str) else vocabularies[name].shown(fields[name])


@dataclasses.dataclass(frozen=True)
class EvalTask:
    """The examples of one Task, and how to judge answers to them.

    Attributes:
      name: the Task's name.
      examples: what to answer.
      vocabulary: of the targets; decode a model's answers with it.
      postprocess_fn: the Task's postprocessor, if it has one.
      predict_metric_fns: functions of (targets, predictions).
      score_metric_fns: functions of (targets, scores).
      end_ids: tokens that end an answer besides the vocabulary's.
    """

    name: str
    examples: Sequence[EvalExample]
    vocabulary: Vocabulary
    postprocess_fn: Callable[..., Any] | None = None
    predict_metric_fns: tuple[Callable[..., Mapping[str, Any]], ...] = ()
    score_metric_fns: tuple[Callable[..., Mapping[str, Any]], ...] = ()
    end_ids: tuple[int, ...] = ()

    @property
    def needs_predictions(self) -> bool:
        """Whether a metric judges generated texts."""
        return bool(self.predict_metric_fns)

    @property
    def needs_scores(self) -> bool:
        """Whether a metric judges the log likelihoods of the targets."""
        return bool(self.score_metric_fns)

    def predict_metrics(self, predictions: Sequence[str]) -> dict[str, float]:
        """Metrics of the generated texts, one for each example in order.

        Raises:
          ValueError: if the numbers differ, or two metrics have one name.
        """
        self._check_count(predictions)
        answers = [
            self._postprocess(text, example, is_target=False)
            for text, example in zip(predictions, self.examples, strict=True)
        ]
        return self._measure(self.predict_metric_fns, predictions=answers)

    def score_metrics(self, scores: Sequence[float]) -> dict[str, float]:
        """Metrics of the targets' log likelihoods, one for each example in order.

        Raises:
          ValueError: if the numbers differ, or two metrics have one name.
        """
        self._check_count(scores)
        return self._measure(self.score_metric_fns, scores=np.asarray(scores))

    @functools.cached_property
    def _targets(self) -> list[Any]:
        targets = []
        for example in self.examples:
            # Usually the text; a Task may keep something else under this name.
            target = example.raw.get("targets_pretokenized", example.targets_text)
            target = target.decode("utf-8") if isinstance(target, bytes) else target
            targets.append(self._postprocess(target, example, is_target=True))
        return targets

    def _postprocess(self, text: Any, example: EvalExample, *, is_target: bool) -> Any:
        if self.postprocess_fn is None:
            return text
        return self.postprocess_fn(text, example=example.raw, is_target=is_target)

    def _check_count(self, values: Sequence[Any]) -> None:
        if len(values) != len(self.examples):
            raise ValueError(
                f"Task {self.name!r} has {len(self.examples)} examples and got {len(values)} "
                "answers. Give one for each, in order."
            )

    def _measure(
        self, metric_fns: Sequence[Callable[..., Mapping[str, Any]]], **answers: Any
    ) -> dict[str, float]:
        metrics: dict[str, float] = {}
        for metric_fn in metric_fns:
            for name, value in _flatten(metric_fn(targets=self._targets, **answers)).items():
                if name in metrics:
                    raise ValueError(f"Task {self.name!r} has two metrics named {name!r}.")
                metrics[name] = value
        return metrics


def _flatten(values: Mapping[str, Any]) -> dict[str, float]:
    """Numbers of a metric function's answer; its texts, images and histograms are left out."""
    flat: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat.update({f"{name}/{k}": v for k, v in _flatten(value).items()})
            continue
        value = getattr(value, "value", value)  # seqio.metrics.Scalar
        if np.ndim(value) == 0 and np.asarray(value).dtype.kind in "biuf":
            flat[name] = float(value)
    return flat
