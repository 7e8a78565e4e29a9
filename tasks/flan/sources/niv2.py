"""Natural Instructions: a checkout of the official repository, its release archive, or a copy."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Sequence

from ... import natural_instructions_files as files
from ..manifest import FlanTask
from ..records import Record
from ..schemas import SCHEMAS
from .base import Absent, Found, cap
from .folders import Folders, file_problem


def find(task: FlanTask, folders: Folders) -> Found | Absent:
    """Looks for `<task>.json` under the data root.

    In `tasks/` and `niv2/tasks/`, then in the `tasks/` of any other folder there whose name starts
    with `niv2` or `natural-instructions`.
    """
    if folders.root is None:
        return Absent("no data root is set")
    name = f"{task.name}.json"
    path = folders.first(_task_folders(folders.root, folders.names(folders.root)), [name])
    if path is None:
        return Absent(f"{name} in tasks/, niv2*/tasks/ or natural-instructions*/tasks/")
    return Found(
        where=str(path),
        files=(path,),
        problem=file_problem(path),
        read=lambda split: _read(task, path, split),
    )


@functools.lru_cache(maxsize=8)
def _task_folders(root: pathlib.Path, names: frozenset[str]) -> tuple[pathlib.Path, ...]:
    """The folders under the root that may hold task files, in the order they are looked at."""
    checkouts = [name for name in names if name.startswith(("niv2", "natural-instructions"))]
    # `niv2` sorts before what only starts so.
    return (root / "tasks", *(root / name / "tasks" for name in sorted(checkouts, key=_niv2_first)))


def _niv2_first(name: str) -> tuple[bool, str]:
    return not name.startswith("niv2"), name


def _read(task: FlanTask, path: pathlib.Path, split: str) -> Sequence[Record]:
    """The file's instances; training writes the one output that an instance's id picks."""
    content = files.read_task_file(path)
    schema = SCHEMAS[task.pattern]
    records = []
    for instance in files.select_split(content.instances, split):
        example = files.word_example(content, instance, files.Demonstrations())
        if instance.input and example.targets:
            records.append(
                schema.record(
                    instance.id,
                    {"definition": content.definition, "input": instance.input},
                    answer=example.targets,
                    references=[output for output in instance.outputs if output],
                    where=f"{path}, instance {instance.id!r}",
                )
            )
    return cap(records, maximum=task.cap)
