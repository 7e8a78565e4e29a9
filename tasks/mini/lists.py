"""Short lists: pick an item, count them, look for one."""

import random

from .declare import Instance, MiniTask, yes_no
from .lexicon import ANIMALS, COLOURS, FOODS, THINGS

_ITEMS = THINGS + ANIMALS + COLOURS + FOODS
_SHORT_ITEMS = tuple(item for item in _ITEMS if len(item) == 3)  # keeps the counting aloud short


def _items(rng: random.Random) -> list[str]:
    return rng.sample(_ITEMS, rng.choice((3, 4)))


def _first_item(rng: random.Random) -> Instance:
    items = _items(rng)
    return Instance({"items": ", ".join(items)}, items[0])


def _last_item(rng: random.Random) -> Instance:
    items = _items(rng)
    return Instance({"items": ", ".join(items)}, items[-1])


def _second_item(rng: random.Random) -> Instance:
    items = _items(rng)
    return Instance({"items": ", ".join(items)}, items[1])


def _count_items(rng: random.Random) -> Instance:
    items = rng.sample(_SHORT_ITEMS, rng.randint(2, 5))
    steps = ", ".join(f"{item} {place}" for place, item in enumerate(items, 1))
    return Instance({"items": ", ".join(items)}, str(len(items)), steps)


def _in_list(rng: random.Random) -> Instance:
    *items, other = rng.sample(_ITEMS, 4)
    present = rng.random() < 0.5
    item = rng.choice(items) if present else other
    return Instance({"items": ", ".join(items), "item": item}, yes_no(present))


TASKS = (
    MiniTask(
        name="first_item",
        category="lists",
        make=_first_item,
        templates=(
            "First item: {items}",
            "What comes first in this list? {items}",
            "Which word is first: {items}",
            "{items}. Name the first one.",
        ),
        new_templates=("Name the first item: {items}", "What is the first word of {items}?"),
        answer_in_prompt=True,
    ),
    MiniTask(
        name="last_item",
        category="lists",
        make=_last_item,
        templates=(
            "Last item: {items}",
            "What comes last in this list? {items}",
            "Which word is last: {items}",
            "{items}. Name the last one.",
        ),
        new_templates=("Name the last item: {items}", "What is the last word of {items}?"),
        answer_in_prompt=True,
    ),
    MiniTask(
        name="count_items",
        category="lists",
        make=_count_items,
        templates=(
            "How many items? {items}",
            "Count the words: {items}",
            "How long is this list? {items}",
            "{items}. Count them.",
        ),
        new_templates=("How many words? {items}", "Count the items in this list: {items}"),
        has_rationale=True,
    ),
    MiniTask(
        name="in_list",
        category="lists",
        make=_in_list,
        templates=(
            "Is {item} in this list? {items}",
            "List: {items}. Is {item} in it?",
            "{items}. Is {item} there, yes or no?",
            "yes or no: {item} is one of {items}",
        ),
        new_templates=(
            "Is {item} one of these: {items}?",
            "List: {items}. Is {item} there, yes or no?",
        ),
        answer_in_prompt=True,
    ),
    MiniTask(
        name="second_item",
        category="lists",
        make=_second_item,
        templates=(
            "Second item: {items}",
            "What comes second in this list? {items}",
            "Which word is second: {items}",
            "{items}. Name the second one.",
        ),
        new_templates=("Name the second item: {items}", "What is the second word of {items}?"),
        answer_in_prompt=True,
        trained=False,
    ),
)
