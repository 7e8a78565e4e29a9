"""What a miniature task is: an instance maker, prompt templates, and whether it is trained on."""

import dataclasses
import random
from collections.abc import Callable, Mapping
from typing import NamedTuple


class Instance(NamedTuple):
    """One question with its answer, before any template.

    Attributes:
        fields: what the templates' slots are filled with; every template uses every field.
        answer: the target text.
        rationale: reasoning that leads to the answer, without the answer phrase.
        num_choices: how many answers the question allows, among them the right one; a blind guess
            is right once in so many.
    """

    fields: Mapping[str, str]
    answer: str
    rationale: str
    num_choices: int

    @property
    def id(self) -> str:
        """Names the question within its task, whatever form it is asked in."""
        return " ".join(self.fields.values())


@dataclasses.dataclass(frozen=True)
class MiniTask:
    """One instruction task.

    Attributes:
        name: unique; the seqio names are built from it.
        category: the kind of skill; a category with no trained task is wholly held out.
        make: draws one instance from a random stream. Labels are drawn first, so that they are
            balanced.
        templates: those of training.
        new_templates: those kept for evaluation.
        trained: False for a task that only ever appears in evaluation.
        rate: its share of a training mixture, relative to other tasks.
    """

    name: str
    category: str
    make: Callable[[random.Random], Instance]
    templates: tuple[str, ...]
    new_templates: tuple[str, ...]
    trained: bool = True
    rate: float = 1.0


def yes_no(value: bool) -> str:
    """The answer to a yes/no question."""
    return "yes" if value else "no"
