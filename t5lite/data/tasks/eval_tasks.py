"""Evaluation examples of a Task, and its metrics of a model's answers to them.

Postprocessors are called with what `seqio.Evaluator` calls them with.
"""

import dataclasses
import functools
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from t5lite.data.features.feature_converters import FeatureConverter
from t5lite.data.tasks.prompt_parts import text_of, texts_of
from t5lite.data.tasks.task_metrics import Answers, TaskMetric, numbers
from t5lite.data.vocabularies.vocabulary import Vocabulary
from t5lite.messages.error_origin import place_of

_EMPTY = np.zeros(0, np.int32)
# A metric is no mean over examples if its value for these few is not the mean of theirs.
_TRIED_FIRST = 8
_TOLERANCE = 1e-6


@dataclasses.dataclass(frozen=True)
class EvalExample:
    """One example to evaluate.

    Attributes:
      inputs: token ids as the Task gives them, int32 `[length]`; empty for one without inputs. A
        model's feature converter cuts them, and says what stands around them.
      targets: likewise.
      inputs_text: the whole text before tokenisation, or decoded where the Task keeps none.
      targets_text: likewise, but what is decoded is cut; what postprocessors get as the target.
      raw: every field of the Task's example, output features cut to their lengths. `targets_go_on`
        says that the targets are the middle of a text, and no token ends them.
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
            inputs_text=_text(raw, "inputs", vocabularies) if has_inputs else "",
            targets_text=_text(fields, "targets", vocabularies),
            raw=fields,
            is_chat=is_chat,
        )

    @property
    def id(self) -> str | int | None:
        """What names it within its Task, where the Task says so."""
        value = self.raw.get("id")
        if value is None or isinstance(value, bytes | str):
            return None if value is None else text_of(value)
        return int(value) if np.ndim(value) == 0 and np.asarray(value).dtype.kind in "iu" else None

    @property
    def references(self) -> tuple[str, ...]:
        """The texts of all right answers: the Task's field `references`, or else the target.

        Raises:
          ValueError: the field is no list of texts.
        """
        if self.raw.get("references") is None:
            return (self.targets_text,)
        return texts_of(self.raw, "references")

    def prompt(self, converter: FeatureConverter) -> np.ndarray:
        """The prompt of a model with this feature converter, int32 `[length]`, cut."""
        return converter.prompt(self._asked(converter), is_chat=self.is_chat)

    def prompt_is_cut(self, converter: FeatureConverter) -> bool:
        """Whether the example has more than that prompt."""
        around = 0 if self.is_chat else len(converter.prompt_prefix + converter.prompt_suffix)
        return len(self._asked(converter)) + around > converter.longest_prompt

    def _asked(self, converter: FeatureConverter) -> np.ndarray:
        return self.inputs if self.is_chat else converter.without_end(self.inputs)

    def answer(self, converter: FeatureConverter) -> np.ndarray:
        """What it should answer, int32 `[length]`."""
        is_whole = self.is_chat or bool(self.raw.get("targets_go_on"))
        targets = self.targets if is_whole else converter.without_end(self.targets)
        return converter.targets(targets, is_chat=is_whole)


def _text(fields: Mapping[str, Any], name: str, vocabularies: Mapping[str, Vocabulary]) -> str:
    text = fields.get(f"{name}_pretokenized")
    if isinstance(text, bytes):
        return text.decode("utf-8")
    return text if isinstance(text, str) else vocabularies[name].shown(fields[name])


class Measured(NamedTuple):
    """What a Task's metrics gave.

    Attributes:
      values: numbers by name.
      by_example: each example's own value, by the same names: of the metrics whose value is the
        mean of what they give for each example alone.
      predictions: what the postprocessor made of each answer, None where it found none; None where
        there are no answers, or the postprocessor fails.
      not_run: why metrics did not run, by their names.
    """

    values: dict[str, float]
    by_example: dict[str, list[float]]
    predictions: list[Any] | None
    not_run: dict[str, str]


@dataclasses.dataclass(frozen=True)
class EvalTask:
    """The examples of one Task, and how to judge answers to them.

    Attributes:
      name: the Task's name.
      split: the split that the examples are of.
      examples: what to answer.
      vocabulary: of the targets; decode a model's answers with it.
      postprocess_fn: the Task's postprocessor, if it has one.
      metrics: the Task's metrics.
      unusable_metrics: why others of them cannot run, by name.
      end_ids: tokens that end an answer besides the vocabulary's.
    """

    name: str
    split: str
    examples: Sequence[EvalExample]
    vocabulary: Vocabulary
    postprocess_fn: Callable[..., Any] | None = None
    metrics: tuple[TaskMetric, ...] = ()
    unusable_metrics: Mapping[str, str] = dataclasses.field(default_factory=dict)
    end_ids: tuple[int, ...] = ()

    @property
    def judges_answers(self) -> bool:
        """Whether a metric judges generated answers."""
        return any({"predictions", "tokens"} & {*metric.needs} for metric in self.metrics)

    def measure(self, answers: Answers, *, by_example: bool = True) -> Measured:
        """Runs each metric whose needs are given; where one fails, the others still run.

        Args:
          answers: A model's, one an example.
          by_example: Whether each example's own values are wanted.

        Raises:
          ValueError: there are not as many answers as examples.
        """
        for given in (answers.tokens, answers.texts, answers.scores, answers.target_scores):
            if given is not None and len(given) != len(self.examples):
                raise ValueError(
                    f"Task {self.name!r} has {len(self.examples)} examples and got {len(given)} "
                    "answers. Give one for each, in order."
                )
        judged = _JudgedAnswers(self, answers)
        values: dict[str, float] = {}
        single: dict[str, list[float]] = {}
        not_run = dict(self.unusable_metrics)
        for metric in self.metrics:
            if not answers.has(metric.needs):
                continue
            try:
                found = numbers(metric.measure(judged), name=metric.name)
            except Exception as error:
                not_run[metric.name] = _reason(error)
                continue
            if twice := sorted(found.keys() & values.keys()):
                not_run[metric.name] = f"another metric gives {', '.join(twice)} too"
                continue
            values |= found
            if by_example:
                single |= _by_example(metric, judged, found)
        return Measured(values, single, judged.predictions_or_none(), not_run)

    def part(self, places: Sequence[int]) -> "EvalTask":
        """The Task with some of its examples only."""
        return dataclasses.replace(self, examples=[self.examples[place] for place in places])

    @functools.cached_property
    def targets(self) -> list[Any]:
        """The targets, postprocessed."""
        return [
            self.postprocess(self._target(example), example, is_target=True)
            for example in self.examples
        ]

    def _target(self, example: EvalExample) -> Any:
        # Usually the text; a Task may keep something else under this name.
        kept = example.raw.get("targets_pretokenized")
        if kept is None:
            return self.vocabulary.decoded(np.asarray(example.raw["targets"]).tolist())
        return kept.decode("utf-8") if isinstance(kept, bytes) else kept

    def postprocess(self, text: Any, example: EvalExample, *, is_target: bool) -> Any:
        """What the Task's postprocessor makes of an answer or a target."""
        if self.postprocess_fn is None:
            return text
        return self.postprocess_fn(text, example=example.raw, is_target=is_target)


class _JudgedAnswers:
    """See `task_metrics.Judged`."""

    def __init__(self, task: EvalTask, answers: Answers):
        self.answers = answers
        self._task = task

    @property
    def targets(self) -> list[Any]:
        return self._task.targets

    @functools.cached_property
    def raw_examples(self) -> list[Mapping[str, Any]]:
        return [example.raw for example in self._task.examples]

    @functools.cached_property
    def predictions(self) -> list[Any]:
        texts: Sequence[Any] | None = self.answers.texts
        if texts is None:
            texts = list(map(self._task.vocabulary.decoded, self.answers.tokens or ()))
        return [
            self._task.postprocess(text, example, is_target=False)
            for text, example in zip(texts, self._task.examples, strict=True)
        ]

    def predictions_or_none(self) -> list[Any] | None:
        """The predictions; None where there are none, or the postprocessor fails."""
        if not self.answers.has(("predictions",)):
            return None
        try:
            return self.predictions
        except Exception:  # Each metric that asked for them says so.
            return None


class _JudgedPart:
    """See `task_metrics.Judged`: some of the answers, postprocessed once for all."""

    def __init__(self, whole: _JudgedAnswers, places: Sequence[int]):
        self.answers = whole.answers.part(places)
        self._whole, self._places = whole, places

    @property
    def targets(self) -> list[Any]:
        return [self._whole.targets[place] for place in self._places]

    @property
    def predictions(self) -> list[Any]:
        return [self._whole.predictions[place] for place in self._places]

    @property
    def raw_examples(self) -> list[Mapping[str, Any]]:
        return [self._whole.raw_examples[place] for place in self._places]


def _by_example(
    metric: TaskMetric, judged: _JudgedAnswers, whole: Mapping[str, float]
) -> dict[str, list[float]]:
    """What a metric gives for each example alone, of those values whose mean is the whole's."""
    num_examples = len(judged.raw_examples)
    if not whole or num_examples == 1:
        return {name: [value] for name, value in whole.items()}

    def measured(places: Sequence[int]) -> dict[str, float]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Such as of a variance, which one example has none of.
            return numbers(metric.measure(_JudgedPart(judged, places)), name=metric.name)

    def are_means(found: Mapping[str, float], single: Sequence[Mapping[str, float]]) -> list[str]:
        return [
            name
            for name, value in found.items()
            if all(name in values for values in single)
            and math.isclose(
                math.fsum(values[name] for values in single) / len(single),
                value,
                rel_tol=_TOLERANCE,
                abs_tol=_TOLERANCE,
            )
        ]

    try:
        single = [measured([place]) for place in range(min(num_examples, _TRIED_FIRST))]
        if num_examples > _TRIED_FIRST:
            if not are_means(measured(range(_TRIED_FIRST)), single):
                return {}
            single += [measured([place]) for place in range(_TRIED_FIRST, num_examples)]
    except Exception:  # It takes several examples, as a correlation does.
        return {}
    return {name: [values[name] for values in single] for name in are_means(whole, single)}


def _reason(error: Exception) -> str:
    place, reason = place_of(error), f"{type(error).__name__}: {error}"
    return f"{place}: {reason}" if place else reason
