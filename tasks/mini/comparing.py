"""Numbers and letters to compare, pick and put in order."""

import random

from .declare import Instance, MiniTask, yes_no

_ALPHABET = "abcdefghijklmnopqrstuvwxyz"


def _two_numbers(rng: random.Random) -> tuple[int, int]:
    a, b = rng.sample(range(1, 100), 2)
    return a, b


def _larger(rng: random.Random) -> Instance:
    a, b = _two_numbers(rng)
    return Instance({"a": str(a), "b": str(b)}, str(max(a, b)))


def _smaller(rng: random.Random) -> Instance:
    a, b = _two_numbers(rng)
    return Instance({"a": str(a), "b": str(b)}, str(min(a, b)))


def _is_larger(rng: random.Random) -> Instance:
    low, high = sorted(_two_numbers(rng))
    larger = rng.random() < 0.5
    a, b = (high, low) if larger else (low, high)
    return Instance({"a": str(a), "b": str(b)}, yes_no(larger))


def _sort_letters(rng: random.Random) -> Instance:
    letters = rng.sample(_ALPHABET, 3)
    while letters == sorted(letters):
        rng.shuffle(letters)
    return Instance({"letters": " ".join(letters)}, " ".join(sorted(letters)))


def _largest_of_three(rng: random.Random) -> Instance:
    numbers = rng.sample(range(1, 100), 3)
    a, b, c = map(str, numbers)
    return Instance({"a": a, "b": b, "c": c}, str(max(numbers)))


TASKS = (
    MiniTask(
        name="larger",
        category="comparing",
        make=_larger,
        templates=(
            "Which is larger, {a} or {b}?",
            "Pick the larger number: {a}, {b}",
            "{a} or {b}: which number is bigger?",
            "Larger of {a} and {b}:",
            "The bigger one of {a} and {b} is",
        ),
        new_templates=(
            "Of {a} and {b}, which number is larger?",
            "Which is the bigger number: {a} or {b}?",
        ),
        answer_in_prompt=True,
    ),
    MiniTask(
        name="smaller",
        category="comparing",
        make=_smaller,
        templates=(
            "Which is smaller, {a} or {b}?",
            "Pick the smaller number: {a}, {b}",
            "{a} or {b}: which number is less?",
            "Smaller of {a} and {b}:",
            "The lesser one of {a} and {b} is",
        ),
        new_templates=(
            "Of {a} and {b}, which number is smaller?",
            "Which is the smaller number: {a} or {b}?",
        ),
        answer_in_prompt=True,
    ),
    MiniTask(
        name="is_larger",
        category="comparing",
        make=_is_larger,
        templates=(
            "Is {a} larger than {b}?",
            "Is {a} more than {b}? yes or no",
            "{a} > {b}, yes or no?",
            "yes or no: {a} is larger than {b}",
        ),
        new_templates=(
            "Is the number {a} larger than {b}, yes or no?",
            "yes or no: is {a} more than {b}?",
        ),
        answer_in_prompt=True,
    ),
    MiniTask(
        name="sort_letters",
        category="comparing",
        make=_sort_letters,
        templates=(
            "Sort these letters: {letters}",
            "Put in order of the alphabet: {letters}",
            "{letters} sorted from a to z:",
            "Letters {letters}. Sort them.",
        ),
        new_templates=(
            "Sort the letters {letters} from a to z.",
            "Put these letters in order: {letters}",
        ),
        weight=0.4,
    ),
    MiniTask(
        name="largest_of_three",
        category="comparing",
        make=_largest_of_three,
        templates=(
            "Which is largest, {a}, {b} or {c}?",
            "Pick the largest number: {a}, {b}, {c}",
            "{a}, {b} or {c}: which number is biggest?",
            "Largest of {a}, {b} and {c}:",
        ),
        new_templates=(
            "Of {a}, {b} and {c}, which number is largest?",
            "Which is the biggest number: {a}, {b} or {c}?",
        ),
        answer_in_prompt=True,
        trained=False,
    ),
)
