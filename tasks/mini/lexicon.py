"""The small world the miniature tasks talk about: names, things, words that exist and do not.

The lists are short on purpose: a tiny model must learn to spell every word in them. Instances are
many because the words combine.
"""

import random


def words(text: str) -> tuple[str, ...]:
    """The words of a space-separated list."""
    return tuple(text.split())


NAMES = words("Ann Bob Dan Eve Gus Joy Kim Leo Max Pam Ray Tim")
THINGS = words("cup key hat pen box bag map jar rug toy")
PLACES = words("hall shop park barn yard gym cave mill")
COLOURS = words("red blue green pink grey black white brown")
ANIMALS = words("cat dog cow hen pig goat duck frog")
FOODS = words("rice soup bread cake plum corn")
TOOLS = words("saw drill rake spade clamp chisel")
CLOTHES = words("coat sock scarf shirt glove boot")
DAYS = words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")

GOOD = words("great lovely superb sweet nice perfect")
BAD = words("awful dull poor nasty horrid boring")

OPPOSITES = (
    ("hot", "cold"),
    ("big", "small"),
    ("old", "new"),
    ("wet", "dry"),
    ("fast", "slow"),
    ("hard", "soft"),
    ("clean", "dirty"),
    ("dark", "light"),
    ("long", "short"),
    ("loud", "quiet"),
)
STATES = words(
    "tired happy hungry ready busy late calm angry tall rich "
    "sick brave shy glad sad wet cold warm safe lost"
)

VOWELS = "aeio"
CONSONANTS = "bdfgklmnprstvz"


def made_up_word(rng: random.Random, shape: str) -> str:
    """A pronounceable word that need not exist, so that no list of words can be memorised.

    Args:
        rng: the random stream.
        shape: one letter a letter, `C` for a consonant and `V` for a vowel, as in `"CVCV"`.
    """
    return "".join(rng.choice(VOWELS if letter == "V" else CONSONANTS) for letter in shape)
