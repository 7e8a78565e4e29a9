"""What every kind of source answers: where a task's data lie, or where they were looked for."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Sequence

from t5lite.data.sources import local_files

from ..records import Record

SPLITS = ("train", "validation")
# As in tasks/natural_instructions_files.py: one example in 20 is held back, at most 100.
_VALIDATION_ONE_IN = 20
_MAX_VALIDATION = 100


@dataclasses.dataclass(frozen=True)
class Found:
    """Data that are there.

    Attributes:
      where: file, folder or data set, for messages.
      files: the files that are read, as far as their names are known beforehand.
      problem: why they cannot be read; empty where nothing is known against it.
      read: `read(split)` gives the records of `train` or `validation`.
    """

    where: str
    files: tuple[pathlib.Path, ...]
    problem: str
    read: Callable[[str], Sequence[Record]]


@dataclasses.dataclass(frozen=True)
class Absent:
    """Data that are not there: where they were looked for."""

    looked_for: str


def choose(count: int, split: str, *, maximum: int, key: str, in_order: bool = False) -> list[int]:
    """Which of a data set's rows are a split's: about 1 in 20, at most 100, are held back.

    The rows are drawn from the key, so they are the same on every machine; a row is never in both
    splits.

    Args:
      count: number of rows.
      split: `train` or `validation`.
      maximum: most rows of `train`.
      key: what the draw depends on; the task's name.
      in_order: whether the rows lie in random order already, so that the first ones will do.

    Returns:
      Indices of rows, ascending.
    """
    held_back = max(min(max(count // _VALIDATION_ONE_IN, 1), _MAX_VALIDATION, count - 1), 0)
    wanted = min(held_back + maximum, count)
    if in_order:
        drawn = list(range(wanted))
    elif wanted * 2 < count:
        drawn = _draw(count, wanted, key)
    else:
        drawn = sorted(range(count), key=lambda row: local_files.keyed_hash(key, str(row)))
    chosen = drawn[:held_back] if split == "validation" else drawn[held_back:wanted]
    return sorted(chosen)


def _draw(count: int, wanted: int, key: str) -> list[int]:
    """So many different numbers below `count`, which is much larger."""
    drawn: dict[int, None] = {}
    attempt = 0
    while len(drawn) < wanted:
        drawn[local_files.keyed_hash(key, str(attempt)) % count] = None
        attempt += 1
    return list(drawn)


def cap(records: Sequence[Record], *, maximum: int) -> Sequence[Record]:
    """At most so many of the records: those whose ids have the smallest hashes, in their order."""
    if len(records) <= maximum:
        return records
    by_hash = sorted(
        range(len(records)), key=lambda i: (local_files.keyed_hash("cap", records[i].id), i)
    )
    return [records[index] for index in sorted(by_hash[:maximum])]
