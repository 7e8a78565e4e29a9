"""Letters of words: first, last, contained, reversed."""

import random

from .declare import Instance, MiniTask, yes_no
from .lexicon import CONSONANTS, VOWELS, made_up_word

_SHAPES = ("CVC", "VCV", "CVCV", "VCVC", "CVCVC")


def _first_letter(rng: random.Random) -> Instance:
    word = made_up_word(rng, rng.choice(_SHAPES))
    return Instance({"word": word}, word[0])


def _last_letter(rng: random.Random) -> Instance:
    word = made_up_word(rng, rng.choice(_SHAPES))
    return Instance({"word": word}, word[-1])


def _has_letter(rng: random.Random) -> Instance:
    word = made_up_word(rng, rng.choice(_SHAPES))
    present = rng.random() < 0.5
    absent = sorted(set(VOWELS + CONSONANTS) - set(word))
    letter = rng.choice(word) if present else rng.choice(absent)
    return Instance({"word": word, "letter": letter}, yes_no(present))


def _reverse(rng: random.Random) -> Instance:
    word = made_up_word(rng, rng.choice(("CVC", "CVCV", "VCVC")))
    while word == word[::-1]:
        word = made_up_word(rng, "CVC")
    return Instance({"word": word}, word[::-1], ", ".join(reversed(word)))


TASKS = (
    MiniTask(
        name="first_letter",
        category="strings",
        make=_first_letter,
        templates=(
            "What is the first letter of {word}?",
            "First letter of {word}:",
            "Which letter does {word} start with?",
            "{word} begins with the letter",
        ),
        new_templates=("Give the first letter of {word}.", "Which letter does {word} begin with?"),
    ),
    MiniTask(
        name="last_letter",
        category="strings",
        make=_last_letter,
        templates=(
            "What is the last letter of {word}?",
            "Last letter of {word}:",
            "Which letter does {word} end with?",
            "{word} ends with the letter",
        ),
        new_templates=("Give the last letter of {word}.", "With which letter does {word} end?"),
    ),
    MiniTask(
        name="has_letter",
        category="strings",
        make=_has_letter,
        templates=(
            "Is the letter {letter} in {word}?",
            "Does {word} have the letter {letter}?",
            "Letter {letter} in {word}, yes or no:",
            "yes or no: {word} contains {letter}",
        ),
        new_templates=(
            "Does {word} contain the letter {letter}, yes or no?",
            "Is there the letter {letter} in {word}?",
        ),
        answer_in_prompt=True,
    ),
    MiniTask(
        name="reverse",
        category="strings",
        make=_reverse,
        templates=(
            "Reverse the word {word}.",
            "Spell {word} backwards.",
            "{word} in reverse:",
            "Write {word} from back to front.",
        ),
        new_templates=("Reverse: {word}", "Write {word} backwards."),
        has_rationale=True,
        weight=0.4,
    ),
)
