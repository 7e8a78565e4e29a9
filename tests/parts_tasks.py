"""Small Tasks whose examples hold a prompt's parts and options; a task module for `--tasks`.

`parts_plus` has exemplars of its own and options, `parts_bare` neither exemplars nor a description,
`parts_odd` options that cannot be ranked.
"""

import re

from t5lite.data.tasks.prompt_parts import Exemplar, PromptParts

DESCRIPTION = "Add.\n\n"
OPTIONS = ("one", "two", "three", "four")
EXEMPLARS = tuple(
    Exemplar(f"Q: {a} + {b}\nA:", OPTIONS[a + b - 1]) for a, b in ((1, 1), (2, 1), (1, 2))
)


def answer(text: str) -> str | None:
    """The first of the options that a text names."""
    found = re.search("|".join(OPTIONS), text)
    return found.group() if found else None


def exact_match(targets, predictions):
    """Shares of right answers; one that could not be parsed is wrong."""
    right = [t == p for t, p in zip(targets, predictions, strict=True)]
    return {"exact_match": sum(right) / len(right)}


def _example(number: int, *, exemplars, description, options):
    from tasks.python_tasks import Example

    a, b = 1 + number % 3, 1 + number // 3 % 2
    parts = PromptParts(
        question=f"Q: {a} + {b} {'.' * number}\nA:", exemplars=exemplars, description=description
    )
    target = OPTIONS[min(a + b, 4) - 1]
    return Example.asked(parts, id=f"{number}", targets=target, options=options)


def _register() -> None:
    from tasks.python_tasks import add_python_task

    def plus(split):
        del split
        return [
            _example(n, exemplars=EXEMPLARS, description=DESCRIPTION, options=OPTIONS)
            for n in range(7)
        ]

    def bare(split):
        numbers = range(20, 32) if split == "train" else range(5)
        return [_example(n, exemplars=(), description="", options=OPTIONS) for n in numbers]

    def odd(split):
        del split
        options = (OPTIONS, ("one", "one"), ("one", " "), ("one", "x" * 50))
        return [
            _example(n, exemplars=EXEMPLARS, description=DESCRIPTION, options=row)
            for n, row in enumerate(options)
        ]

    for name, read, splits in (
        ("parts_plus", plus, ("validation",)),
        ("parts_bare", bare, ("train", "validation")),
        ("parts_odd", odd, ("validation",)),
    ):
        add_python_task(name, read, splits=splits, metrics=[exact_match], postprocess=answer)


_register()
