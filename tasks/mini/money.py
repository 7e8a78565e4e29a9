"""Prices and coins: a wholly held-out category whose tasks are relatives of trained ones."""

import random

from .declare import Instance, MiniTask, yes_no
from .lexicon import NAMES, THINGS


def _dearer(rng: random.Random) -> Instance:
    (a, b), (first, second) = rng.sample(range(1, 100), 2), rng.sample(THINGS, 2)
    fields = {"first": f"the {first} costs {a}", "second": f"the {second} costs {b}"}
    return Instance(fields, first if a > b else second)


def _can_pay(rng: random.Random) -> Instance:
    low, high = sorted(rng.sample(range(1, 100), 2))
    enough = rng.random() < 0.5
    purse, price = (high, low) if enough else (low, high)
    fields = {
        "purse": f"{rng.choice(NAMES)} has {purse} coins",
        "price": f"the {rng.choice(THINGS)} costs {price}",
    }
    return Instance(fields, yes_no(enough))


def _purse(rng: random.Random) -> Instance:
    earns = rng.random() < 0.5
    b = rng.randint(2, 9)
    a = rng.choice([a for a in range(b + 1, 16) if a - b != b])
    verb, answer = ("earns", a + b) if earns else ("spends", a - b)
    fields = {"start": f"{rng.choice(NAMES)} has {a} coins", "change": f"{verb} {b}"}
    return Instance(fields, str(answer))


TASKS = (
    MiniTask(
        name="dearer",
        category="money",
        make=_dearer,
        templates=(
            "Which costs more? {first}, {second}.",
            "{first}, {second}. Which costs more?",
            "Pick the larger cost: {first}, {second}.",
            "{first}, {second}. Name the one that costs more.",
        ),
        new_templates=(
            "Read: {first}, {second}. Which costs more?",
            "Which one has the bigger cost? {first}, {second}.",
        ),
        answer_in_prompt=True,
        trained=False,
    ),
    MiniTask(
        name="can_pay",
        category="money",
        make=_can_pay,
        templates=(
            "{purse} and {price}. Is it enough, yes or no?",
            "{purse}, {price}. Can it be paid? yes or no",
            "yes or no: {purse} and {price}, is it enough?",
            "Is it enough? {purse}, {price}. yes or no",
        ),
        new_templates=(
            "{price} and {purse}. Is it enough, yes or no?",
            "yes or no, can it be paid? {purse}, {price}.",
        ),
        answer_in_prompt=True,
        trained=False,
    ),
    MiniTask(
        name="purse",
        category="money",
        make=_purse,
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
        trained=False,
    ),
)
