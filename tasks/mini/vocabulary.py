"""Words themselves: opposites, plurals, and the article before them."""

import random

from .declare import Instance, MiniTask
from .lexicon import CONSONANTS, OPPOSITES, VOWELS, made_up_word, words

_NOUNS = words(
    "shop room park road book song game boat film tent "
    "farm gate tray coat desk lamp meal town yard sofa "
    "wall door path bowl"
)


def _opposite(rng: random.Random) -> Instance:
    word, other = rng.sample(rng.choice(OPPOSITES), 2)
    return Instance({"text": f"The {rng.choice(_NOUNS)} is {word}"}, other)


def _plural(rng: random.Random) -> Instance:
    stem = made_up_word(rng, rng.choice(("CV", "VCV", "CVCV")))
    ending = rng.choice(("s", "y", "plain"))
    if ending == "s":
        word = stem + rng.choice(("s", "x", "sh", "ch"))
        plural = word + "es"
    elif ending == "y":
        word = stem + rng.choice(CONSONANTS) + "y"
        plural = word[:-1] + "ies"
    else:
        word = stem + rng.choice("bdgkmnprt")
        plural = word + "s"
    return Instance({"word": word}, plural)


def _article(rng: random.Random) -> Instance:
    vowel = rng.random() < 0.5
    start = rng.choice(VOWELS) if vowel else ""
    word = start + made_up_word(rng, rng.choice(("CVC", "CVCV", "CVCVC")))
    return Instance({"word": word}, "an" if vowel else "a")


TASKS = (
    MiniTask(
        name="opposite",
        category="vocabulary",
        make=_opposite,
        templates=(
            "{text}. What is the opposite?",
            "{text}. It is not, it is the opposite:",
            "Opposite of the last word: {text}",
            "{text}. Turn the last word into its opposite.",
        ),
        new_templates=("{text}. Name the opposite.", "What is the opposite? {text}."),
    ),
    MiniTask(
        name="plural",
        category="vocabulary",
        make=_plural,
        templates=(
            "What is the plural of {word}?",
            "One {word}, two",
            "Plural of {word}:",
            "More than one {word}:",
        ),
        new_templates=("Write the plural of {word}.", "One {word}, many"),
        weight=0.4,
    ),
    MiniTask(
        name="article",
        category="vocabulary",
        make=_article,
        templates=(
            "a or an before {word}?",
            "Is it a or an: {word}",
            "Which fits {word}, a or an?",
            "Put a or an: ... {word}",
        ),
        new_templates=("Which comes before {word}, a or an?", "{word}: a or an?"),
        answer_in_prompt=True,
    ),
)
