"""What a Task asks for: its category, and the task that it is one form of.

A source of a Task may say so by a method `task_kind() -> TaskKind`. For others, and in place of
what Tasks say, a file does.
"""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

from t5lite.data.sources import local_files
from t5lite.files import strict_json
from t5lite.messages.suggest import did_you_mean

_NAMED = 3


@dataclasses.dataclass(frozen=True)
class TaskKind:
    """What a Task is a kind of.

    Attributes:
      category: the kind of skill, such as `Question Answering`; a cluster of tasks.
      task: the task that it is a form of (another prompt template, with exemplars or without);
        empty where that is not said.
    """

    category: str
    task: str


def read_kinds(path: pathlib.Path, *, task_names: Sequence[str]) -> dict[str, TaskKind]:
    """Kinds from a file, of those Tasks that it names.

    Args:
      path: `.tsv` with a line `Task<TAB>category` or `Task<TAB>category<TAB>task it is a form of`
        each, or `.json` with an object of the same: a Task's category, or a list of the two.
      task_names: Tasks that may be named.

    Raises:
      ValueError: it is malformed, or names what is no Task; with file and line, or Task.
    """
    rows = _json_rows(path) if path.suffix == ".json" else _tsv_rows(path)
    kinds: dict[str, TaskKind] = {}
    for where, (name, *cells) in rows:
        if not 1 <= len(cells) <= 2 or not all(cell.strip() for cell in cells):
            raise ValueError(
                f"{where}: expected a category, and perhaps the task that {name!r} is a form of, "
                f"found {cells}"
            )
        if name not in task_names:
            hint = did_you_mean(name, task_names)
            raise ValueError(f"{where}: {name!r} is no Task of the collection.{hint}")
        if name in kinds:
            raise ValueError(f"{where}: {name!r} is there twice; name each Task once")
        kinds[name] = TaskKind(*cells, *[""] * (2 - len(cells)))
    return kinds


def _tsv_rows(path: pathlib.Path) -> list[tuple[str, list[str]]]:
    lines = local_files.read_text(path).split("\n")
    return [
        (f"{path}, line {number}", [cell.strip() for cell in line.split("\t")])
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]


def _json_rows(path: pathlib.Path) -> list[tuple[str, list[str]]]:
    record = local_files.read_json(path)
    if not isinstance(record, dict):
        kind = strict_json.kind_name(record)
        raise ValueError(f"{path}: expected an object of Tasks' categories, found {kind}")
    rows = []
    for name, value in record.items():
        cells = value if isinstance(value, list) else [value]
        if not all(isinstance(cell, str) for cell in cells):
            raise ValueError(f"{path}, {name!r}: expected a text or a list of texts, found {value}")
        rows.append((f"{path}, {name!r}", [name, *cells]))
    return rows


def merge_kinds(
    given: Mapping[str, TaskKind], declared: Mapping[str, TaskKind | None]
) -> dict[str, TaskKind]:
    """The kinds of Tasks, all of which must have a category: as given, or as they say.

    Args:
      given: of some Tasks, by a file.
      declared: of all Tasks, by themselves; None of those that say nothing.

    Raises:
      ValueError: some have none, with their number and the remedy.
    """
    found = {}
    for name, said in declared.items():
        kinds = [kind for kind in (given.get(name), said) if kind is not None]
        category = next((kind.category for kind in kinds if kind.category), "")
        if category:
            found[name] = TaskKind(category, next((k.task for k in kinds if k.task), name))
    lacking = [name for name in declared if name not in found]
    if lacking:
        raise ValueError(
            f"{len(lacking)} of {len(declared)} Tasks say no category, such as "
            f"{', '.join(map(repr, lacking[:_NAMED]))}. Give --categories=FILE.tsv with a line "
            "Task<TAB>category for each"
        )
    return found
