"""T0's subtasks as text that is rendered already: JSON Lines of prompts and completions."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from t5lite.data.sources import local_files
from t5lite.data.sources.record_files import JsonLines

from ..manifest import FlanTask
from ..records import Record
from ..schemas import SCHEMAS
from .base import Absent, Found, choose
from .folders import Folders, file_problem

_FOLDERS = ("t0_sf", "t0", "p3")
_END_OF_TEXT = "<|endoftext|>"
# The names of prompt and completion in T0's own files, and in those of P3.
_FIELDS = (("prompt", "completion"), ("inputs_pretokenized", "targets_pretokenized"))


def find(task: FlanTask, folders: Folders) -> Found | Absent:
    """Looks for `<task>.jsonl` in `t0_sf/`, `t0/` and `p3/`, and for `p3/<task>/train.jsonl`."""
    if folders.root is None:
        return Absent("no data root is set")
    path = folders.first(
        [folders.root / folder for folder in _FOLDERS], [f"{task.name}.jsonl"]
    ) or folders.first([folders.root / "p3" / task.name], ["train.jsonl"])
    if path is None:
        return Absent(f"{task.name}.jsonl in t0_sf/, t0/ or p3/, or p3/{task.name}/train.jsonl")
    return Found(
        where=str(path),
        files=(path,),
        problem=file_problem(path),
        read=lambda split: _read(task, path, split),
    )


def _read(task: FlanTask, path: pathlib.Path, split: str) -> Sequence[Record]:
    rows = JsonLines(path)
    wanted = choose(rows.count(), split, maximum=task.cap, key=task.name)
    records = (_record(task, index, row, where) for index, where, row in rows.read(wanted))
    return [record for record in records if record is not None]


def _record(task: FlanTask, index: int, row: Mapping[str, Any], where: str) -> Record | None:
    """One line, or None where prompt or completion is empty."""
    names = next((pair for pair in _FIELDS if pair[0] in row), _FIELDS[0])
    prompt, answer = (
        local_files.require(row, name, str, where=where).removesuffix(_END_OF_TEXT).strip()
        for name in names
    )
    if not (prompt and answer):
        return None
    choices: Sequence[str] = ()
    if row.get("answer_choices"):
        choices = local_files.require_strings(row, "answer_choices", where=where)
    return prompt_record(task, f"{index}", prompt, answer, choices, where=where)


def prompt_record(
    task: FlanTask, id: str, prompt: str, answer: str, choices: Sequence[str], *, where: str
) -> Record:
    """A record of a rendered prompt. Choices go with it where its pattern lists them apart."""
    schema = SCHEMAS[task.pattern]
    options = tuple(choice.strip() for choice in choices)
    # Some subtasks draw or build their targets, which are then none of the choices.
    listed = schema.options != "none" and len(options) > 1 and all(options) and answer in options
    return schema.record(
        id, {"prompt": prompt}, answer=answer, options=options if listed else (), where=where
    )
