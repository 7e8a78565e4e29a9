"""Every miniature task: each operation asked of each kind of word.

Of 84 pairs 70 are trained. Each operation has one kind among the development tasks, on which the
suite and the demo's settings were chosen, and one among the new tasks, on which they were not.
"""

import functools

from .declare import MiniTask
from .operations import KINDS, OPERATIONS, Operation

# The kinds that an operation is not trained on: one for development, one new.
_HELD_OUT = {
    "find": ("animal", "vehicle"),
    "first": ("food", "tree"),
    "last": ("colour", "metal"),
    "after": ("tool", "drink"),
    "before": ("garment", "place"),
    "count": ("person", "day"),
    "any": ("place", "garment"),
}


def _trained_kinds(operation: Operation) -> list[str]:
    return [kind for kind in KINDS if kind not in _HELD_OUT[operation.name]]


def _task(operation: Operation, kind: str) -> MiniTask:
    # A task's lists hold its own kind and kinds that the operation is trained on. Words of a kind
    # that is held out would teach that they are never meant.
    trained = _trained_kinds(operation)
    others = [other for other in trained if other != kind]

    def of_kind(templates: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(template.replace("{kind}", kind) for template in templates)

    return MiniTask(
        name=f"{operation.name}_{kind}",
        category=operation.name,
        make=functools.partial(operation.make, kind=kind, others=others),
        templates=of_kind(operation.templates),
        new_templates=of_kind(operation.new_templates),
        trained=kind in trained,
        rate=operation.rate,
    )


TRAINED_TASKS = tuple(
    _task(operation, kind) for operation in OPERATIONS for kind in _trained_kinds(operation)
)
DEVELOPMENT_TASKS, NEW_TASKS = (
    tuple(_task(operation, _HELD_OUT[operation.name][place]) for operation in OPERATIONS)
    for place in (0, 1)
)
TASKS = TRAINED_TASKS + DEVELOPMENT_TASKS + NEW_TASKS
