"""36 list tasks: each of six questions asked of each of six kinds of word.

One task in six is never trained on: every question and every kind occurs in training, these pairs
of them do not. A chain of thought first names the words of the kind: "food: cake, corn, answer:
cake".
"""

import functools
import random
from collections.abc import Callable, Sequence

from tasks.mini.declare import Instance, MiniTask, yes_no
from tasks.mini.lexicon import ANIMALS, CLOTHES, COLOURS, DAYS, FOODS, TOOLS

KINDS = {
    "animal": ANIMALS,
    "food": FOODS,
    "colour": COLOURS,
    "tool": TOOLS,
    "day": DAYS,
    "garment": CLOTHES,
}
WORDS = frozenset(word for words in KINDS.values() for word in words)
_LENGTH = 3


def _list(rng: random.Random, kind: str, places: Sequence[int]) -> list[str]:
    """A list of words: of the kind at these places, of other kinds elsewhere."""
    others = [word for other, words in KINDS.items() if other != kind for word in words]
    items = rng.sample(others, _LENGTH)
    for place, word in zip(places, rng.sample(KINDS[kind], len(places)), strict=True):
        items[place] = word
    return items


def _first(rng: random.Random, kind: str) -> tuple[list[str], str]:
    places = rng.sample(range(_LENGTH), 2)
    items = _list(rng, kind, places)
    return items, items[min(places)]


def _last(rng: random.Random, kind: str) -> tuple[list[str], str]:
    places = rng.sample(range(_LENGTH), 2)
    items = _list(rng, kind, places)
    return items, items[max(places)]


def _after(rng: random.Random, kind: str) -> tuple[list[str], str]:
    place = rng.randrange(_LENGTH - 1)
    items = _list(rng, kind, [place])
    return items, items[place + 1]


def _before(rng: random.Random, kind: str) -> tuple[list[str], str]:
    place = rng.randrange(1, _LENGTH)
    items = _list(rng, kind, [place])
    return items, items[place - 1]


def _odd(rng: random.Random, kind: str) -> tuple[list[str], str]:
    place, *places = rng.sample(range(_LENGTH), _LENGTH)
    items = _list(rng, kind, places)
    return items, items[place]


def _any(rng: random.Random, kind: str) -> tuple[list[str], str]:
    wanted = rng.random() < 0.5
    places = [rng.randrange(_LENGTH)] if wanted else []
    return _list(rng, kind, places), yes_no(wanted)


_Question = Callable[[random.Random, str], tuple[list[str], str]]
QUESTIONS: dict[str, tuple[_Question, tuple[str, ...]]] = {
    "first": (_first, ("First {kind}: {items}", "{items}. Name the first {kind}.")),
    "last": (_last, ("Last {kind}: {items}", "{items}. Name the last {kind}.")),
    "after": (_after, ("What comes after the {kind}? {items}", "{items}. After the {kind} is")),
    "before": (_before, ("What comes before the {kind}? {items}", "{items}. Before the {kind} is")),
    "odd": (_odd, ("Which is no {kind}? {items}", "{items}. Name what is no {kind}.")),
    "any": (_any, ("Is there any {kind}? {items}", "{items}. Any {kind}, yes or no?")),
}


def _make(rng: random.Random, *, question: str, kind: str) -> Instance:
    items, answer = QUESTIONS[question][0](rng, kind)
    of_kind = [item for item in items if item in KINDS[kind]]
    rationale = f"{kind}: {', '.join(of_kind) or 'none'}"
    num_choices = 2 if question == "any" else _LENGTH
    return Instance({"items": ", ".join(items)}, answer, rationale, num_choices)


def _task(question: str, kind: str, *, trained: bool) -> MiniTask:
    templates = tuple(text.replace("{kind}", kind) for text in QUESTIONS[question][1])
    return MiniTask(
        name=f"{question}_{kind}",
        category=question,
        make=functools.partial(_make, question=question, kind=kind),
        templates=templates,
        new_templates=(),
        trained=trained,
    )


TASKS = tuple(
    _task(question, kind, trained=row != column)
    for row, question in enumerate(QUESTIONS)
    for column, kind in enumerate(KINDS)
)
TRAINED_TASKS = tuple(task for task in TASKS if task.trained)
HELD_OUT_TASKS = tuple(task for task in TASKS if not task.trained)
