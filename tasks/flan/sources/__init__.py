"""Where the tasks' data lie, and how they become records. Nothing is opened before it is read."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from t5lite.data.tasks.data_status import DataStatus

from ..manifest import FlanTask
from ..records import Record
from . import cot, muffin, niv2, p3, promptsource
from .base import SPLITS, Absent, Found
from .folders import Folders, current

__all__ = ["SPLITS", "current", "files", "find", "read", "status"]


def find(task: FlanTask, folders: Folders) -> Found | Absent:
    """Looks for a task's data in all its places, in the manifest's order. Opens no file.

    Returns:
      The first that is there and has no known problem, else the first that is there, else where
      they were looked for.
    """
    found: list[Found] = []
    looked_for: list[str] = []
    for source in task.source:
        place = _find_in(source, task, folders)
        if isinstance(place, Absent):
            looked_for.append(place.looked_for)
        elif not place.problem:
            return place
        else:
            found.append(place)
    return found[0] if found else Absent("; ".join(dict.fromkeys(looked_for)))


def _find_in(source: str, task: FlanTask, folders: Folders) -> Found | Absent:
    kind, _, name = source.partition(":")
    if kind == "niv2":
        return niv2.find(task, folders)
    if kind == "cot":
        return cot.find(task, folders)
    if kind == "p3":
        return p3.find(task, folders)
    if kind == "promptsource":
        return promptsource.find(task, name, folders)
    return muffin.find(task, kind, name, folders)


def status(task: FlanTask, *, verify: bool = False) -> DataStatus:
    """Whether a task's data are there, as the settings say now.

    Args:
      task: the task.
      verify: whether to read them all; otherwise folders are listed and no file is opened.
    """
    folders = current()
    place = find(task, folders)
    if isinstance(place, Absent):
        root = "no data root (--data_dir)" if folders.root is None else str(folders.root)
        return DataStatus(task.name, task.collection, "missing", root, place.looked_for)
    problem = place.problem
    if verify and not problem:
        problem = _reading_problem(place)
    if problem:
        return DataStatus(task.name, task.collection, "broken", place.where, problem)
    return DataStatus(task.name, task.collection, "present", place.where)


def _reading_problem(place: Found) -> str:
    """What goes wrong when the training split is read; empty if nothing does."""
    try:
        return "" if place.read("train") else "gives no training example"
    except ValueError as error:
        return str(error)


def read(task: FlanTask, split: str) -> Sequence[Record]:
    """The records of `train` or `validation`, always the same ones in the same order.

    Raises:
      ValueError: if the data are missing or broken, with where and why.
    """
    place = find(task, current())
    if isinstance(place, Absent):
        raise ValueError(
            f"no data for {task.collection} task {task.name!r}: looked for {place.looked_for}; "
            "`t5lite data status --tasks tasks.flan` shows what is there"
        )
    if place.problem:
        raise ValueError(f"{place.where}: {place.problem} (task {task.name!r})")
    return place.read(split)


def files(task: FlanTask) -> tuple[pathlib.Path, ...]:
    """The files that a task is read from, as far as they are known; none where it is missing."""
    place = find(task, current())
    return () if isinstance(place, Absent) else place.files
