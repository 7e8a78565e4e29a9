"""Two facts and a question about one of them."""

import random
from collections.abc import Sequence

from .declare import Instance, MiniTask
from .lexicon import COLOURS, NAMES, PLACES, THINGS


def _facts(
    rng: random.Random, pattern: str, keys: Sequence[str], values: Sequence[str]
) -> tuple[str, str, str]:
    """Two facts about distinct keys and values, and the key and value of one of them."""
    pairs = tuple(zip(rng.sample(keys, 2), rng.sample(values, 2), strict=True))
    text = " ".join(pattern.format(key=key, value=value) for key, value in pairs)
    return (text, *rng.choice(pairs))


def _who_has(rng: random.Random) -> Instance:
    text, name, thing = _facts(rng, "{key} has the {value}.", NAMES, THINGS)
    return Instance({"text": text, "thing": thing}, name)


def _what_has(rng: random.Random) -> Instance:
    text, name, thing = _facts(rng, "{key} has the {value}.", NAMES, THINGS)
    return Instance({"text": text, "name": name}, thing)


def _colour_of(rng: random.Random) -> Instance:
    text, thing, colour = _facts(rng, "The {key} is {value}.", THINGS, COLOURS)
    return Instance({"text": text, "thing": thing}, colour)


def _where_is(rng: random.Random) -> Instance:
    text, name, place = _facts(rng, "{key} is in the {value}.", NAMES, PLACES)
    return Instance({"text": text, "name": name}, place)


TASKS = (
    MiniTask(
        name="who_has",
        category="passages",
        make=_who_has,
        templates=(
            "{text} Who has the {thing}?",
            "Who has the {thing}? {text}",
            "{text} The {thing} is with",
            "{text} Name who has the {thing}.",
        ),
        new_templates=("Read: {text} Who has the {thing}?", "Name who has the {thing}: {text}"),
        answer_in_prompt=True,
    ),
    MiniTask(
        name="what_has",
        category="passages",
        make=_what_has,
        templates=(
            "{text} What does {name} have?",
            "What does {name} have? {text}",
            "{text} The thing {name} has is the",
            "{text} Name what {name} has.",
        ),
        new_templates=("Read: {text} What does {name} have?", "Name what {name} has: {text}"),
        answer_in_prompt=True,
    ),
    MiniTask(
        name="colour_of",
        category="passages",
        make=_colour_of,
        templates=(
            "{text} What colour is the {thing}?",
            "What colour is the {thing}? {text}",
            "{text} The colour of the {thing} is",
            "{text} Colour of the {thing}:",
        ),
        new_templates=(
            "Read: {text} What colour is the {thing}?",
            "Name the colour of the {thing}: {text}",
        ),
        answer_in_prompt=True,
    ),
    MiniTask(
        name="where_is",
        category="passages",
        make=_where_is,
        templates=(
            "{text} Where is {name}?",
            "Where is {name}? {text}",
            "{text} The place {name} is in is the",
            "{text} Name where {name} is.",
        ),
        new_templates=("Read: {text} Where is {name}?", "Name where {name} is: {text}"),
        answer_in_prompt=True,
        trained=False,
    ),
)
