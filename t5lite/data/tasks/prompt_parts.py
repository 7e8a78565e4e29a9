"""A prompt in its parts: description, demonstrations and question, as a Task's examples hold them.

A Task that shows demonstrations has the whole prompt as `inputs`, so that stock seqio can use it,
and beside it the parts in further fields, so that an evaluation can show fewer of them, or put them
as turns of a conversation. The terms are those of lm-evaluation-harness.

| field | type | what it is |
| --- | --- | --- |
| `description` | string | what stands before everything, with the blank line that ends it |
| `exemplar_inputs`, `exemplar_targets` | string [k] | the demonstrations, in order |
| `question` | string | what is asked |
| `target_delimiter` | string | between an input and its target; a space by default |
| `fewshot_delimiter` | string | behind each demonstration; a blank line by default |
| `options` | string [n] | the answers to choose among, without the delimiter |

All are optional; `question` is what says that a prompt has parts.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np


class Exemplar(NamedTuple):
    """One demonstration.

    Attributes:
      inputs: what is asked.
      targets: what is answered, without the delimiter.
    """

    inputs: str
    targets: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class PromptParts:
    """What a prompt is composed of.

    Attributes:
      question: what is asked.
      description: what stands before everything; a blank line that ends it is part of it.
      exemplars: demonstrations that stand before the question, in order.
      target_delimiter: stands between an input and its target, the question's too.
      fewshot_delimiter: stands behind each demonstration.
    """

    question: str
    description: str = ""
    exemplars: tuple[Exemplar, ...] = ()
    target_delimiter: str = " "
    fewshot_delimiter: str = "\n\n"

    def text(self, num_shots: int | None = None) -> str:
        """The prompt, up to where the target delimiter would follow.

        Args:
          num_shots: how many of the demonstrations are shown, the first ones; None for all.

        Raises:
          ValueError: there are not so many.
        """
        if num_shots is None:
            num_shots = len(self.exemplars)
        if not 0 <= num_shots <= len(self.exemplars):
            raise ValueError(
                f"{num_shots} demonstrations are asked for, and the prompt has "
                f"{len(self.exemplars)}"
            )
        shown = [
            exemplar.inputs + self.target_delimiter + exemplar.targets
            for exemplar in self.exemplars[:num_shots]
        ]
        return self.description + self.fewshot_delimiter.join([*shown, self.question])

    def fields(self) -> dict[str, str | tuple[str, ...]]:
        """The parts as fields of a Task's example; `of` reads them."""
        return {
            "description": self.description,
            "exemplar_inputs": tuple(exemplar.inputs for exemplar in self.exemplars),
            "exemplar_targets": tuple(exemplar.targets for exemplar in self.exemplars),
            "question": self.question,
            "target_delimiter": self.target_delimiter,
            "fewshot_delimiter": self.fewshot_delimiter,
        }

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "PromptParts | None":
        """The parts of a Task's example; None where it has no `question`.

        Args:
          raw: the example's fields; texts may be bytes, and lists arrays, as TensorFlow has them.

        Raises:
          ValueError: there are not as many targets of demonstrations as inputs, or a field that
            holds several texts is something else.
        """
        if "question" not in raw:
            return None
        inputs, targets = texts_of(raw, "exemplar_inputs"), texts_of(raw, "exemplar_targets")
        if len(inputs) != len(targets):
            raise ValueError(
                f"an example has {len(inputs)} exemplar_inputs and {len(targets)} "
                "exemplar_targets; its Task must give one target for each input"
            )
        given = {
            name: text_of(raw[name])
            for name in ("description", "target_delimiter", "fewshot_delimiter")
            if name in raw
        }
        return cls(
            question=text_of(raw["question"]),
            exemplars=tuple(map(Exemplar, inputs, targets)),
            **given,
        )


def options_of(raw: Mapping[str, Any]) -> tuple[str, ...]:
    """The answers that a Task's example lets choose among; none where it says nothing of them.

    Raises:
      ValueError: the field is no list of texts.
    """
    return texts_of(raw, "options")


def text_of(value: Any) -> str:
    """A field's text, which TensorFlow has as bytes."""
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def texts_of(raw: Mapping[str, Any], field: str) -> tuple[str, ...]:
    """The texts of a field that holds several; none where an example does not have it.

    Args:
      raw: the example's fields.
      field: the name of the one.

    Raises:
      ValueError: it is something else than a list of texts, such as one text.
    """
    values = raw.get(field, ())
    is_list = (
        values.ndim == 1 if isinstance(values, np.ndarray) else isinstance(values, list | tuple)
    )
    if not is_list or not all(isinstance(value, bytes | str) for value in values):
        raise ValueError(
            f"the field {field!r} of an example is {values!r}; it must be a list of texts (a "
            "string tensor of rank 1)"
        )
    return tuple(map(text_of, values))
