"""The words that the miniature tasks are about: a few of each kind.

The lists are short on purpose, so that a tiny model soon knows what kind each word is of. Instances
are many because the words combine.
"""


def words(text: str) -> tuple[str, ...]:
    """The words of a space-separated list."""
    return tuple(text.split())


ANIMALS = words("cat dog cow hen pig goat duck frog")
FOODS = words("rice soup bread cake plum corn")
COLOURS = words("red blue green pink grey black white brown")
TOOLS = words("saw drill rake spade clamp chisel")
CLOTHES = words("coat sock scarf shirt glove boot")
DAYS = words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
PEOPLE = words("Ann Bob Dan Eve Gus Joy")
PLACES = words("hall shop park barn yard cave")
DRINKS = words("tea milk juice water cocoa wine")
METALS = words("iron gold tin zinc copper lead")
TREES = words("oak pine elm birch cedar maple")
VEHICLES = words("car bus bike train truck van")
