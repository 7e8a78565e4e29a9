"""Three tasks that the study makes itself, so that every right answer is known.

Each is a question about a list of three words, with a catalogue of inputs in a fixed random order
and 300 of them to test with.
"""

import dataclasses
import functools
import random
from collections.abc import Callable

from t5lite.synthetic_data.prompt2model.prompt_spec import Demonstration, PromptSpec
from tasks.mini.lexicon import ANIMALS, CLOTHES, COLOURS, FOODS, TOOLS

CATALOGUE_SIZE = 4000
TEST_SIZE = 300
NUM_DEMONSTRATIONS = 3
NUMBERS = ("zero", "one", "two", "three")
KINDS = {
    "animal": ANIMALS,
    "garment": CLOTHES,
    "colour": COLOURS,
    "food": FOODS,
    "tool": TOOLS,
}


@dataclasses.dataclass(frozen=True)
class MadeTask:
    """A task with a rule that answers it.

    Attributes:
        name: what folders call it.
        instruction: what the user asks for.
        answer: the right output for the words of an input.
        wrong: outputs that a teacher may give instead.
    """

    name: str
    instruction: str
    answer: Callable[[list[str]], str]
    wrong: Callable[[list[str]], list[str]]

    def right(self, input: str) -> str:
        """The right output."""
        return self.answer(input.split(", "))

    def mistakes(self, input: str) -> list[str]:
        """Outputs of the right form that are wrong."""
        words = input.split(", ")
        return [one for one in self.wrong(words) if one != self.answer(words)]

    @functools.cached_property
    def catalogue(self) -> tuple[str, ...]:
        """All inputs that the teacher ever thinks of, in an order of its own."""
        rng = random.Random(f"prompt2model/{self.name}")
        inputs: dict[str, None] = {}
        while len(inputs) < CATALOGUE_SIZE:
            inputs.setdefault(", ".join(_words(rng, self.name)))
        return tuple(inputs)

    @functools.cached_property
    def test(self) -> tuple[str, ...]:
        """Inputs that no student sees before it is tested."""
        return tuple(random.Random(f"test/{self.name}").sample(self.catalogue, TEST_SIZE))

    @functools.cached_property
    def spec(self) -> PromptSpec:
        """The user's prompt, whose demonstrations are right and none of the test's."""
        tested = set(self.test)
        shown = [one for one in reversed(self.catalogue) if one not in tested]
        return PromptSpec(
            instruction=self.instruction,
            demonstrations=tuple(
                Demonstration(one, self.right(one)) for one in shown[:NUM_DEMONSTRATIONS]
            ),
        )


def _words(rng: random.Random, name: str) -> list[str]:
    """Three words that the question can be asked about."""
    if name == "twice":
        kind, other = rng.sample(list(KINDS), 2)
        words = rng.sample(KINDS[kind], 2) + rng.sample(KINDS[other], 1)
    else:
        kind = "food" if name == "count" else "animal"
        number = rng.randrange(4) if name == "count" else 1
        others = [word for other, words in KINDS.items() if other != kind for word in words]
        words = rng.sample(KINDS[kind], number) + rng.sample(others, 3 - number)
    return rng.sample(words, 3)


def _find(words: list[str]) -> str:
    (found,) = (word for word in words if word in ANIMALS)
    return found


def _count(words: list[str]) -> str:
    return NUMBERS[sum(word in FOODS for word in words)]


def _twice(words: list[str]) -> str:
    (found,) = (kind for kind, known in KINDS.items() if sum(word in known for word in words) == 2)
    return found


TASKS = (
    MadeTask("find", "Name the animal in the list.", _find, list),
    MadeTask(
        "count",
        "How many things in the list can be eaten? Answer zero, one, two or three.",
        _count,
        lambda words: list(NUMBERS),
    ),
    MadeTask(
        "twice",
        f"Two things in the list are of one kind. Name it: {', '.join(KINDS)}.",
        _twice,
        lambda words: list(KINDS),
    ),
)
BY_NAME = {task.name: task for task in TASKS}
