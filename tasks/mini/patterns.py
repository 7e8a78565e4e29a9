"""Sequences to go on with: a wholly held-out category."""

import random

from .declare import Instance, MiniTask
from .lexicon import ANIMALS, CLOTHES, COLOURS, FOODS, THINGS


def _alternating(rng: random.Random) -> Instance:
    a, b = rng.sample(rng.choice((COLOURS, ANIMALS, THINGS, FOODS, CLOTHES)), 2)
    items = (a, b, a, b, a)[: rng.choice((4, 5))]
    return Instance({"items": ", ".join(items)}, a if len(items) == 4 else b)


def _next_number(rng: random.Random) -> Instance:
    start, step = rng.randint(1, 80), rng.randint(1, 9)
    items = (start, start + step, start + 2 * step)
    return Instance({"items": ", ".join(map(str, items))}, str(start + 3 * step))


_TEMPLATES = (
    "What comes next? {items}",
    "{items}. Which one is next?",
    "Go on with the list: {items}",
    "Next after {items}:",
)
_NEW_TEMPLATES = ("Name the next one: {items}", "Which one comes after {items}?")

TASKS = (
    MiniTask(
        name="alternating",
        category="patterns",
        make=_alternating,
        templates=_TEMPLATES,
        new_templates=_NEW_TEMPLATES,
        answer_in_prompt=True,
        trained=False,
    ),
    MiniTask(
        name="next_number",
        category="patterns",
        make=_next_number,
        templates=_TEMPLATES,
        new_templates=_NEW_TEMPLATES,
        trained=False,
    ),
)
