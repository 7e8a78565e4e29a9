"""Sentences to put in a class: what kind of thing, what mood, what time."""

import random

from .declare import Instance, MiniTask, yes_no
from .lexicon import (
    ANIMALS,
    BAD,
    CLOTHES,
    COLOURS,
    FOODS,
    GOOD,
    NAMES,
    PLACES,
    TOOLS,
    words,
)

_KINDS = {"animal": ANIMALS, "food": FOODS, "tool": TOOLS, "clothing": CLOTHES}
_REVIEWED = words("film song hotel book game meal room show trip talk ride play")
_DEGREES = ("", "very ", "really ", "quite ", "so ")
_VERBS = words("walk look jump call help cook talk rest work play")


def _word_kind(rng: random.Random) -> Instance:
    kind = rng.choice(tuple(_KINDS))
    word = rng.choice(_KINDS[kind])
    sentence = rng.choice(
        (
            f"{rng.choice(NAMES)} saw the {word}",
            f"The {word} is {rng.choice(COLOURS)}",
            f"{rng.choice(NAMES)} drew the {word}",
            f"The {word} is in the {rng.choice(PLACES)}",
        )
    )
    return Instance({"text": sentence}, kind)


def _review(rng: random.Random, good: bool) -> str:
    word = rng.choice(GOOD if good else BAD)
    thing, degree = rng.choice(_REVIEWED), rng.choice(_DEGREES)
    return rng.choice(
        (
            f"The {thing} was {degree}{word}",
            f"We found the {thing} {degree}{word}",
            f"That {thing} is {degree}{word}",
        )
    )


def _sentiment(rng: random.Random) -> Instance:
    good = rng.random() < 0.5
    return Instance({"text": _review(rng, good)}, "good" if good else "bad")


def _recommend(rng: random.Random) -> Instance:
    good = rng.random() < 0.5
    return Instance({"text": _review(rng, good)}, yes_no(good))


def _tense(rng: random.Random) -> Instance:
    time = rng.choice(("past", "now", "future"))
    verb = rng.choice(_VERBS)
    phrase = {"past": f"{verb}ed", "now": f"is {verb}ing", "future": f"will {verb}"}[time]
    return Instance(
        {"text": f"{rng.choice(NAMES)} {phrase} in the {rng.choice(PLACES)}"},
        time,
    )


TASKS = (
    MiniTask(
        name="word_kind",
        category="classification",
        make=_word_kind,
        templates=(
            "{text}. Animal, food, tool or clothing?",
            "Animal, food, tool or clothing? {text}.",
            "{text}. Name the kind of thing.",
            "What kind of thing is in this text? {text}.",
            "{text}. Kind of thing:",
        ),
        new_templates=(
            "Read: {text}. What kind of thing is it?",
            "Name the kind: animal, food, tool or clothing? {text}.",
        ),
        answer_in_prompt=True,
    ),
    MiniTask(
        name="sentiment",
        category="classification",
        make=_sentiment,
        templates=(
            "{text}. Is this review good or bad?",
            "Good or bad? {text}.",
            "Review: {text}. Mood, good or bad:",
            "Does the writer feel good or bad? {text}.",
        ),
        new_templates=(
            "{text}. Does this sound good or bad?",
            "Is this a good or a bad review? {text}.",
        ),
        answer_in_prompt=True,
    ),
    MiniTask(
        name="tense",
        category="classification",
        make=_tense,
        templates=(
            "{text}. Past, now or future?",
            "Tense (past, now, future): {text}.",
            "Is this past, now or future? {text}.",
            "{text}. When: past, now or future?",
        ),
        new_templates=(
            "{text}. Is that in the past, now or in the future?",
            "Past, now or future tense? {text}.",
        ),
        answer_in_prompt=True,
    ),
    MiniTask(
        name="recommend",
        category="classification",
        make=_recommend,
        templates=(
            "{text}. Did the writer like it? yes or no",
            "Review: {text}. Is it worth it? yes or no",
            "{text}. Would you try it, yes or no?",
            "Does the writer like it? {text}. yes or no",
        ),
        new_templates=(
            "{text}. Was the writer happy, yes or no?",
            "yes or no, was it any good? {text}.",
        ),
        answer_in_prompt=True,
        trained=False,
    ),
)
