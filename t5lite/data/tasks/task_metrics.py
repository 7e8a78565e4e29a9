"""A Task's metrics, each by itself: what it needs of a model's answers, and what it makes of them.

Metrics are called with what `seqio.Evaluator` calls them with.
"""

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

import numpy as np

# What a metric is called with: generated answers decoded, or as ids, how likely each is, and how
# likely each target is.
Need = Literal["predictions", "tokens", "scores", "target_scores"]

_ARGUMENTS: Mapping[tuple[str, ...], tuple[Need, ...]] = {
    ("targets", "predictions"): ("predictions",),
    ("targets", "scores"): ("target_scores",),
    ("targets", "predictions", "aux_values"): ("predictions", "scores"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answers:
    """A model's answers to a Task's examples, one an example in order; None where not asked for.

    Attributes:
      tokens: what was generated, as ids, with the token that ended it.
      texts: the same as texts, where stop strings cut them; None to decode `tokens`.
      scores: log-likelihood of each in nats, of a beam search its score, of an option what it was
        ranked by.
      option_likelihoods: where options were ranked, of each that was chosen its log-likelihood in
        nats, and whether greedy decoding gives it.
      target_scores: log-likelihood of each target in nats.
    """

    tokens: Sequence[Sequence[int]] | None = None
    texts: Sequence[str] | None = None
    scores: Sequence[float] | None = None
    option_likelihoods: Sequence[tuple[float, bool | None]] | None = None
    target_scores: Sequence[float] | None = None

    def has(self, needs: Sequence[Need]) -> bool:
        """Whether all of these were asked for."""
        given = {
            "predictions": self.texts is not None or self.tokens is not None,
            "tokens": self.tokens is not None,
            "scores": self.scores is not None,
            "target_scores": self.target_scores is not None,
        }
        return all(given[need] for need in needs)

    def part(self, places: Sequence[int]) -> "Answers":
        """The answers to some of the examples."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return Answers(
            **{n: None if v is None else [v[place] for place in places] for n, v in fields.items()}
        )

    @property
    def aux_values(self) -> dict[str, np.ndarray]:
        """What seqio's metrics get beside predictions; the last two where options were ranked."""
        found = {"scores": np.asarray(self.scores)}
        if self.option_likelihoods is not None:
            log_likelihoods, are_greedy = zip(*self.option_likelihoods, strict=True)
            found |= {
                "log_likelihoods": np.asarray(log_likelihoods),
                "is_greedy": np.asarray(are_greedy),
            }
        return found


@dataclasses.dataclass(frozen=True)
class TaskMetric:
    """One metric of a Task.

    Attributes:
      name: of its function or class.
      needs: what it must be given.
      measure: what makes numbers of judged answers.
    """

    name: str
    needs: tuple[Need, ...]
    measure: Callable[["Judged"], Any]


class Judged(Protocol):
    """Answers beside the examples that they answer, postprocessed when a metric asks for it."""

    answers: Answers

    @property
    def targets(self) -> list[Any]:
        """The postprocessed targets."""

    @property
    def predictions(self) -> list[Any]:
        """The postprocessed predictions."""

    @property
    def raw_examples(self) -> Sequence[Mapping[str, Any]]:
        """The examples' fields."""


def function_metric(name: str, function: Callable[..., Any]) -> TaskMetric:
    """The metric that a function of one of seqio's three signatures is.

    Raises:
      ValueError: its arguments are others.
    """
    found = tuple(
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    )
    if found not in _ARGUMENTS:
        known = " or ".join(f"({', '.join(arguments)})" for arguments in _ARGUMENTS)
        raise ValueError(f"its arguments are ({', '.join(found)}), and seqio's are {known}")

    def measure(judged: Judged) -> Any:
        given: dict[str, Any] = {"targets": judged.targets}
        if "predictions" in found:
            given["predictions"] = judged.predictions
        if "scores" in found:
            given["scores"] = np.asarray(judged.answers.target_scores)
        if "aux_values" in found:
            given["aux_values"] = judged.answers.aux_values
        return function(**given)

    return TaskMetric(name, _ARGUMENTS[found], measure)


def numbers(values: Any, *, name: str) -> dict[str, float]:
    """The numbers among what a metric gave; texts, images and histograms are left out.

    Args:
      values: numbers by name, which may lie in each other; or a single number.
      name: what a single number is called.
    """
    if not isinstance(values, Mapping):
        values = {name: values}
    flat: dict[str, float] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= {f"{key}/{k}": v for k, v in numbers(value, name=key).items()}
            continue
        value = getattr(value, "value", value)  # seqio.metrics.Scalar
        if np.ndim(value) == 0 and np.asarray(value).dtype.kind in "biuf":
            flat[key] = float(value)
    return flat
