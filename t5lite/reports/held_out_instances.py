"""The file of `t5lite tasks split --held_out_instances`: a line `TASK<TAB>ID` each."""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from t5lite.data.sources import local_files
from t5lite.data.tasks import seqio_adapter, seqio_selected
from t5lite.data.tasks.level_split import LevelSplit, TaskRole
from t5lite.data.tasks.seqio_registry import get_task
from t5lite.files.local_paths import storage_path
from t5lite.messages.suggest import did_you_mean


class ListedInstance(NamedTuple):
    """A line of the file."""

    where: str
    task: str
    id: str


def read(file: str | None, roles: Mapping[str, TaskRole]) -> list[ListedInstance]:
    """The instances that a file asks to hold out; none without a file.

    Raises:
      ValueError: a line is malformed, or names no task of the collection.
    """
    if file is None:
        return []
    path = storage_path(file, name="--held_out_instances")
    tasks = {role.task for role in roles.values()}
    found = []
    for where, row in local_files.read_tsv(path, ("task", "id")):
        if row["task"] not in tasks:
            hint = did_you_mean(row["task"], tasks)
            raise ValueError(f"{where}: {row['task']!r} is no task of the collection.{hint}")
        found.append(ListedInstance(where, row["task"], row["id"]))
    return found


def by_task(listed: Sequence[ListedInstance]) -> dict[str, tuple[str, ...]]:
    """Ids of instances to hold out by task."""
    ids: dict[str, list[str]] = collections.defaultdict(list)
    for one in listed:
        ids[one.task].append(one.id)
    return {task: tuple(found) for task, found in ids.items()}


def check(listed: Sequence[ListedInstance], split: LevelSplit) -> None:
    """Refuses ids that no form of their task has among what is trained on.

    Of a task that is not trained on no instance is read: all of them are held out.

    Raises:
      ValueError: there are such; names the first by file and line.
    """
    trained: dict[str, list[str]] = collections.defaultdict(list)
    for name in split.trained_tasks:
        if "train" in seqio_adapter.splits(name):
            trained[split.roles[name].task].append(name)
    unknown: dict[str, set[str]] = {}
    for task, ids in split.held_out_instances.items():
        left = set(ids) if trained[task] else set()
        for name in trained[task]:
            source = get_task(name).source
            left -= seqio_selected.matched_ids(source, left, task=task, task_name=name)
        unknown[task] = left
    wrong = [one for one in listed if one.id in unknown[one.task]]
    if wrong:
        first = wrong[0]
        more = f"; {len(wrong) - 1:,} more lines name none either" if len(wrong) > 1 else ""
        raise ValueError(
            f"--held_out_instances {first.where}: {first.task!r} has no training instance "
            f"{first.id!r}{more}. Give the ids as the task's data have them (the field `id`)"
        )
