"""Sums, differences, small stories about them, and even or odd."""

import random

from .declare import Instance, MiniTask
from .lexicon import NAMES, THINGS


def _add(rng: random.Random) -> Instance:
    a, b = rng.randint(2, 60), rng.randint(2, 9)
    return Instance({"a": str(a), "b": str(b)}, str(a + b))


def _subtract(rng: random.Random) -> Instance:
    b = rng.randint(2, 9)
    a = rng.choice([a for a in range(b + 1, 65) if a - b != b])
    return Instance({"a": str(a), "b": str(b)}, str(a - b))


def _add_tens(rng: random.Random) -> Instance:
    a, b = rng.randint(11, 49), rng.randint(11, 49)
    tens, ones = a // 10 * 10 + b // 10 * 10, a % 10 + b % 10
    steps = (
        f"{a // 10 * 10}+{b // 10 * 10}={tens}",
        f"{a % 10}+{b % 10}={ones}",
        f"{tens}+{ones}={a + b}",
    )
    return Instance({"a": str(a), "b": str(b)}, str(a + b), ", ".join(steps))


def _story(rng: random.Random) -> Instance:
    gains = rng.random() < 0.5
    b = rng.randint(2, 9)
    a = rng.choice([a for a in range(b + 1, 16) if a - b != b])
    change, sign, answer = ("gets", "+", a + b) if gains else ("loses", "-", a - b)
    fields = {
        "start": f"{rng.choice(NAMES)} has {a} {rng.choice(THINGS)}s",
        "change": f"{change} {b}",
    }
    return Instance(fields, str(answer), f"{a}{sign}{b}={answer}")


def _parity(rng: random.Random) -> Instance:
    number = rng.randint(1, 999)
    return Instance({"n": str(number)}, "odd" if number % 2 else "even")


TASKS = (
    MiniTask(
        name="add",
        category="arithmetic",
        make=_add,
        templates=(
            "What is {a} plus {b}?",
            "{a} + {b} =",
            "Add {a} and {b}.",
            "Find the sum of {a} and {b}.",
        ),
        new_templates=("What is the sum of {a} and {b}?", "Add: {a} + {b}"),
        weight=0.4,
    ),
    MiniTask(
        name="subtract",
        category="arithmetic",
        make=_subtract,
        templates=(
            "What is {a} minus {b}?",
            "{a} - {b} =",
            "Take {b} from {a}.",
            "Subtract {b} from {a}.",
        ),
        new_templates=("How much is {a} minus {b}?", "Subtract: {a} - {b}"),
        weight=0.4,
    ),
    MiniTask(
        name="add_tens",
        category="arithmetic",
        make=_add_tens,
        templates=(
            "How much is {a} plus {b}?",
            "{a} + {b} =",
            "Add up {a} and {b}.",
            "The sum of {a} and {b} is",
        ),
        new_templates=("How much is {a} + {b}?", "Add up: {a} plus {b}"),
        has_rationale=True,
        weight=0.4,
    ),
    MiniTask(
        name="story_sum",
        category="arithmetic",
        make=_story,
        templates=(
            "{start} and {change}. How many now?",
            "{start} and then {change}. How many are left?",
            "{start}, then {change}. Count them now.",
            "How many in the end? {start} and {change}.",
        ),
        new_templates=(
            "{start} and {change}. How many in the end?",
            "{start}, then {change}. How many now?",
        ),
        has_rationale=True,
        weight=0.4,
    ),
    MiniTask(
        name="parity",
        category="arithmetic",
        make=_parity,
        templates=(
            "Is {n} even or odd?",
            "Even or odd: {n}",
            "Say if {n} is even or odd.",
            "{n} is a number. Even or odd?",
        ),
        new_templates=("Is the number {n} odd or even?", "{n}: even or odd?"),
        answer_in_prompt=True,
    ),
)
