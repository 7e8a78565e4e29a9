"""What can be asked about a list of four words and one kind of word.

An operation draws a list and gives the answer; its templates hold `{kind}` and `{items}`. Where an
operation is about several words of the kind, the other words are all of one other kind: only the
kind that is named says which of the two is meant. Where it is about a single one, all words are of
different kinds.
"""

import dataclasses
import random
from collections.abc import Sequence
from typing import Protocol

from .declare import Instance, yes_no
from .lexicon import (
    ANIMALS,
    CLOTHES,
    COLOURS,
    DAYS,
    DRINKS,
    FOODS,
    METALS,
    PEOPLE,
    PLACES,
    TOOLS,
    TREES,
    VEHICLES,
)

KINDS = {
    "animal": ANIMALS,
    "food": FOODS,
    "colour": COLOURS,
    "tool": TOOLS,
    "garment": CLOTHES,
    "day": DAYS,
    "person": PEOPLE,
    "place": PLACES,
    "drink": DRINKS,
    "metal": METALS,
    "tree": TREES,
    "vehicle": VEHICLES,
}
LENGTH = 4  # words in a list
_NUMBERS = ("one", "two", "three")  # how many of them may be of a kind


class Maker(Protocol):
    """How an operation draws its instances."""

    def __call__(self, rng: random.Random, kind: str, others: Sequence[str]) -> Instance:
        """Draws a list and the answer for a kind, given the other kinds to draw from."""


@dataclasses.dataclass(frozen=True)
class Operation:
    """A question about a list, whatever the kind.

    Attributes:
        name: part of the names of its tasks.
        make: draws an instance.
        templates: those of training.
        new_templates: those kept for evaluation.
        rate: its tasks' rate in training; higher where a small model needs longer.
    """

    name: str
    make: Maker
    templates: tuple[str, ...]
    new_templates: tuple[str, ...]
    rate: float = 1.0


def _find(rng: random.Random, kind: str, others: Sequence[str]) -> Instance:
    items, place = _one_of_kind(rng, kind, others, range(LENGTH))
    return _instance(items, kind, items[place])


def _after(rng: random.Random, kind: str, others: Sequence[str]) -> Instance:
    items, place = _one_of_kind(rng, kind, others, range(LENGTH - 1))
    return _instance(items, kind, items[place + 1])


def _before(rng: random.Random, kind: str, others: Sequence[str]) -> Instance:
    items, place = _one_of_kind(rng, kind, others, range(1, LENGTH))
    return _instance(items, kind, items[place - 1])


def _any(rng: random.Random, kind: str, others: Sequence[str]) -> Instance:
    wanted = rng.random() < 0.5
    items = _none_of_kind(rng, others)
    if wanted:
        items[rng.randrange(LENGTH)] = rng.choice(KINDS[kind])
    return _instance(items, kind, yes_no(wanted), num_choices=2)


def _first(rng: random.Random, kind: str, others: Sequence[str]) -> Instance:
    items, places = _several_of_kind(rng, kind, others, 2)
    return _instance(items, kind, items[places[0]])


def _last(rng: random.Random, kind: str, others: Sequence[str]) -> Instance:
    items, places = _several_of_kind(rng, kind, others, 2)
    return _instance(items, kind, items[places[-1]])


def _count(rng: random.Random, kind: str, others: Sequence[str]) -> Instance:
    count = rng.randrange(len(_NUMBERS))
    items, _ = _several_of_kind(rng, kind, others, count + 1)
    return _instance(items, kind, _NUMBERS[count], num_choices=len(_NUMBERS))


def _none_of_kind(rng: random.Random, others: Sequence[str]) -> list[str]:
    return [rng.choice(KINDS[other]) for other in rng.sample(others, LENGTH)]


def _one_of_kind(
    rng: random.Random, kind: str, others: Sequence[str], places: Sequence[int]
) -> tuple[list[str], int]:
    """A list, and the place of its one word of the kind; the others are of other kinds each."""
    items, place = _none_of_kind(rng, others), rng.choice(places)
    items[place] = rng.choice(KINDS[kind])
    return items, place


def _several_of_kind(
    rng: random.Random, kind: str, others: Sequence[str], count: int
) -> tuple[list[str], list[int]]:
    """A list, and the places of its `count` words of the kind; the others are of one other kind."""
    items = rng.sample(KINDS[rng.choice(others)], LENGTH)
    places = sorted(rng.sample(range(LENGTH), count))
    for place, word in zip(places, rng.sample(KINDS[kind], count), strict=True):
        items[place] = word
    return items, places


def _instance(
    items: Sequence[str], kind: str, answer: str, *, num_choices: int = LENGTH
) -> Instance:
    of_kind = [item for item in items if item in KINDS[kind]]
    rationale = f"{kind}: {' '.join(of_kind) or 'none'}"
    return Instance({"items": " ".join(items)}, answer, rationale, num_choices)


OPERATIONS = (
    Operation(
        "find",
        _find,
        ("Name the {kind}: {items}", "{items}. Which is the {kind}?", "The {kind} in {items} is"),
        ("Which is the {kind}? {items}", "{items}. The {kind} is"),
        rate=0.5,
    ),
    Operation(
        "first",
        _first,
        (
            "Name the first {kind}: {items}",
            "{items}. Which {kind} comes first?",
            "The first {kind} in {items} is",
        ),
        ("Which {kind} comes first? {items}", "{items}. The first {kind} is"),
    ),
    Operation(
        "last",
        _last,
        (
            "Name the last {kind}: {items}",
            "{items}. Which {kind} comes last?",
            "The last {kind} in {items} is",
        ),
        ("Which {kind} comes last? {items}", "{items}. The last {kind} is"),
    ),
    Operation(
        "after",
        _after,
        (
            "Name the word after the {kind}: {items}",
            "{items}. What comes after the {kind}?",
            "After the {kind} in {items} is",
        ),
        ("What comes after the {kind}? {items}", "{items}. After the {kind} is"),
        rate=2.0,
    ),
    Operation(
        "before",
        _before,
        (
            "Name the word before the {kind}: {items}",
            "{items}. What comes before the {kind}?",
            "Before the {kind} in {items} is",
        ),
        ("What comes before the {kind}? {items}", "{items}. Before the {kind} is"),
        rate=2.0,
    ),
    Operation(
        "count",
        _count,
        (
            "Count every {kind}: {items}",
            "{items}. How many are {kind} words?",
            "The count of {kind} words in {items} is",
        ),
        ("{items}. Count every {kind}.", "How many are {kind} words? {items}"),
    ),
    Operation(
        "any",
        _any,
        (
            "Is there any {kind}? {items}",
            "{items}. Any {kind}, yes or no?",
            "Yes or no, any {kind} in {items}?",
        ),
        ("{items}. Is there any {kind}?", "Any {kind}, yes or no? {items}"),
    ),
)
