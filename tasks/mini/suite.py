"""Every miniature task, and which of them are trained on."""

from . import (
    arithmetic,
    calendar,
    classification,
    comparing,
    lists,
    logic,
    money,
    passages,
    patterns,
    strings,
    units,
    vocabulary,
)
from .declare import MiniTask

_CATEGORIES = (
    classification,
    comparing,
    arithmetic,
    strings,
    lists,
    calendar,
    passages,
    units,
    logic,
    vocabulary,
    money,
    patterns,
)

TASKS: tuple[MiniTask, ...] = tuple(task for module in _CATEGORIES for task in module.TASKS)
TRAINED_TASKS = tuple(task for task in TASKS if task.trained)
HELD_OUT_TASKS = tuple(task for task in TASKS if not task.trained)
