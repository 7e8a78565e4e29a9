"""What stands between a token store and the rows: transforms of examples.

A transform is a pure function of a Task's examples and a Philox key that is another one for every
draw of the Task. So every epoch sees other noise, any batch can be made again, and no transform has
a state. How long its examples become is known from keys alone, before rows are planned.

Names: N draws, F features.
"""

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from t5lite.data.vocabularies.vocabulary import Vocabulary

# The tokens of each feature of one example.
Example = tuple[npt.NDArray[np.int32], ...]


class TaskExamples(Protocol):
    """All examples of one Task, as they are stored but without their end tokens, and not cut."""

    @property
    def features(self) -> tuple[str, ...]:
        """`("inputs", "targets")`, or `("targets",)`; the order of lengths and tokens."""

    @property
    def num_examples(self) -> int:
        """How many there are; their indices are those below."""

    @property
    def is_chat(self) -> bool:
        """Whether they are conversations: complete, and `~id` is a target that bears no loss."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The run's vocabulary."""

    @property
    def room(self) -> Mapping[str, int]:
        """By feature, how many tokens a row takes of an example; what is longer is cut."""

    def lengths(self, example_N: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """How many tokens these examples have of each feature, `[N, F]`; reads no tokens."""

    def tokens(self, example_N: npt.NDArray[np.int64]) -> list[Example]:
        """The tokens of these examples."""


class ExampleTransform(abc.ABC):
    """Makes other examples of a Task's each time that they are drawn.

    Subclasses are frozen dataclasses: their fields are saved with a run, and resuming it with
    others is refused. Both methods depend on nothing but these fields and their arguments. They are
    asked about many draws at once, of one Task, and may read any other of the Task's examples.

    What a method returns is framed and cut as examples are that no transform made: the model's
    feature converter puts around it what stands around prompts and answers.
    """

    @abc.abstractmethod
    def lengths(
        self,
        examples: TaskExamples,
        example_N: npt.NDArray[np.int64],
        keys_N2: npt.NDArray[np.uint32],
    ) -> npt.NDArray[np.int64]:
        """How many tokens the transform makes of each draw, `[N, F]`.

        An example that has tokens must keep some. This is asked of all draws, and `__call__` only
        of those in a host's rows, so it should read lengths, and tokens where it must.

        Args:
          examples: those of the Task.
          example_N: which of them are drawn.
          keys_N2: two words for each draw, the key to its random numbers (mixing/philox.py).

        Raises:
          ValueError: the transform has no use for such examples.
        """

    @abc.abstractmethod
    def __call__(
        self,
        examples: TaskExamples,
        example_N: npt.NDArray[np.int64],
        keys_N2: npt.NDArray[np.uint32],
    ) -> Sequence[Example]:
        """What the transform makes of each draw: tokens of each feature, as many as announced.

        Args:
          examples: as for `lengths`, and so are the others.
          example_N: which of them are drawn.
          keys_N2: two words for each draw.
        """


def describe(transform: ExampleTransform) -> str:
    """A transform with its fields, as in Python: `SpanCorruption(noise_density=0.15)`.

    Raises:
      ValueError: it is no dataclass of plain values, so that what it depends on is unknown.
    """
    kind = type(transform).__name__
    if not dataclasses.is_dataclass(transform):
        raise ValueError(
            f"the example transform {kind} is no dataclass. Decorate it with "
            "@dataclasses.dataclass(frozen=True): its fields are saved, to resume with the same"
        )
    fields = [
        (field.name, getattr(transform, field.name)) for field in dataclasses.fields(transform)
    ]
    return f"{kind}({', '.join(f'{name}={_written(value, of=kind)}' for name, value in fields)})"


def _written(value: Any, *, of: str) -> str:
    """A field's value; transforms may hold others."""
    if isinstance(value, ExampleTransform):
        return describe(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_written(item, of=of) for item in value)}]"
    if isinstance(value, Mapping):
        pairs = (f"{key!r}: {_written(value[key], of=of)}" for key in sorted(value))
        return f"{{{', '.join(pairs)}}}"
    if value is None or isinstance(value, str | bool | int | float):
        return repr(value)
    raise ValueError(
        f"the example transform {of} has a field of type {type(value).__name__}, which cannot be "
        "saved to resume with the same. Use numbers, texts, lists, dictionaries, or transforms"
    )
