"""Lengths and weights: convert, and compare across units."""

import random
from collections.abc import Sequence

from .declare import Instance, MiniTask

_CONVERSIONS = (
    ("cm", "mm", 10),
    ("m", "cm", 100),
    ("km", "m", 1000),
    ("kg", "g", 1000),
    ("l", "ml", 1000),
)
# From small to large; each is at least ten times the one before, so that with one-digit
# amounts the unit alone decides.
_LENGTHS = ("mm", "cm", "m", "km")
_WEIGHTS = ("mg", "g", "kg", "tons")


def _metric(rng: random.Random) -> Instance:
    big, small, factor = rng.choice(_CONVERSIONS)
    amount = rng.randint(2, 150)
    fields = {"amount": f"{amount} {big}", "unit": small}
    return Instance(fields, str(amount * factor), f"1 {big} is {factor} {small}")


def _greater_quantity(rng: random.Random, units: Sequence[str]) -> Instance:
    low, high = sorted(rng.sample(range(len(units)), 2))
    small, large = (f"{rng.randint(2, 9)} {units[rank]}" for rank in (low, high))
    a, b = rng.sample((small, large), 2)
    return Instance({"a": a, "b": b}, large)


def _longer(rng: random.Random) -> Instance:
    return _greater_quantity(rng, _LENGTHS)


def _heavier(rng: random.Random) -> Instance:
    return _greater_quantity(rng, _WEIGHTS)


TASKS = (
    MiniTask(
        name="metric",
        category="units",
        make=_metric,
        templates=(
            "How many {unit} are in {amount}?",
            "Convert {amount} to {unit}.",
            "{amount} in {unit}:",
            "{amount} = ? {unit}",
        ),
        new_templates=("How many {unit} is {amount}?", "Convert to {unit}: {amount}"),
        has_rationale=True,
        weight=0.4,
    ),
    MiniTask(
        name="longer_length",
        category="units",
        make=_longer,
        templates=(
            "Which is longer, {a} or {b}?",
            "Pick the longer one: {a}, {b}",
            "{a} or {b}: which is longer?",
            "Longer of {a} and {b}:",
        ),
        new_templates=("Of {a} and {b}, which is longer?", "The longer one of {a} and {b} is"),
        answer_in_prompt=True,
    ),
    MiniTask(
        name="heavier",
        category="units",
        make=_heavier,
        templates=(
            "Which is heavier, {a} or {b}?",
            "Pick the heavier one: {a}, {b}",
            "{a} or {b}: which is heavier?",
            "Heavier of {a} and {b}:",
        ),
        new_templates=("Of {a} and {b}, which is heavier?", "The heavier one of {a} and {b} is"),
        answer_in_prompt=True,
        trained=False,
    ),
)
