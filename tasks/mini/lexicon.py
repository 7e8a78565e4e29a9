"""The small world the miniature tasks talk about: names, things, words that exist and do not."""

import random


def words(text: str) -> tuple[str, ...]:
    """The words of a space-separated list."""
    return tuple(text.split())


NAMES = words("Ann Bob Cal Dan Eve Fay Gus Ian Joy Kim Leo Max Meg Ned Pam Ray Sam Tim Una Vic")
THINGS = words("cup key hat pen box bag map cap fan jar net pot rug toy bat")
PLACES = words("hall shop park barn yard gym cave dock mill lab")
COLOURS = words("red blue green pink grey black white brown")
ANIMALS = words("cat dog cow hen pig goat duck bird frog crab")
FOODS = words("rice soup bread cake plum pie jam corn bean pear")
TOOLS = words("saw drill hammer rake spade chisel pliers wrench shovel clamp")
CLOTHES = words("coat sock scarf shirt glove boot skirt belt vest dress")
DAYS = words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")

GOOD = words("great lovely superb sweet charming nice perfect splendid")
BAD = words("awful dull poor nasty horrid dreadful boring terrible")

OPPOSITES = (
    ("hot", "cold"),
    ("big", "small"),
    ("old", "new"),
    ("wet", "dry"),
    ("fast", "slow"),
    ("full", "empty"),
    ("hard", "soft"),
    ("clean", "dirty"),
    ("high", "low"),
    ("dark", "light"),
    ("long", "short"),
    ("open", "shut"),
    ("thick", "thin"),
    ("cheap", "dear"),
    ("early", "late"),
    ("loud", "quiet"),
)
STATES = words("tired happy hungry ready busy late calm angry tall rich sick brave")

VOWELS = "aeio"
CONSONANTS = "bdfgklmnprstvz"


def made_up_word(rng: random.Random, shape: str) -> str:
    """A pronounceable word that need not exist, so that no list of words can be memorised.

    Args:
        rng: the random stream.
        shape: one letter a letter, `C` for a consonant and `V` for a vowel, as in `"CVCV"`.
    """
    return "".join(rng.choice(VOWELS if letter == "V" else CONSONANTS) for letter in shape)
