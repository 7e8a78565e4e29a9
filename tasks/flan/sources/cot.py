r"""Chain of thought: FLAN's TSV files, a question, an answer and a rationale a row."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Sequence

from ... import cot_files
from ..manifest import FlanTask
from ..records import Record
from ..schemas import SCHEMAS
from .base import Absent, Found, cap
from .folders import Folders, file_problem

_OPTIONS = "\nOptions:\n"
_LETTERED = re.compile(r"(?:- )?\(([A-Z])\)\s*(.+)")


def find(task: FlanTask, folders: Folders) -> Found | Absent:
    """Looks for `cot/<set>_train.tsv` and `cot/<set>.tsv` under the data root."""
    if folders.root is None:
        return Absent("no data root is set")
    names = (f"{task.dataset}_train.tsv", f"{task.dataset}.tsv")
    path = folders.first([folders.root / "cot"], names)
    if path is None:
        return Absent(f"{' or '.join(names)} in cot/")
    return Found(
        where=str(path),
        files=(path,),
        problem=file_problem(path),
        read=lambda split: _read(task, path, split),
    )


def _read(task: FlanTask, path: pathlib.Path, split: str) -> Sequence[Record]:
    """The rows; for a set with lettered options, those rows whose answer is one of them."""
    schema = SCHEMAS[task.pattern]
    lettered = schema.options == "lettered"
    records: list[Record] = []
    for number, row in enumerate(cot_files.read_split(path, split)):
        question, answer, options = row.question, row.answer, dict[str, str]()
        if lettered:
            question, options = _split_options(question)
            answer = options.get(answer.strip("() ."), "")
            if not (question and answer):
                continue
        records.append(
            schema.record(
                # Rows with one question share an id, so the row's number makes it unique.
                f"{row.id}-{number}",
                {"question": question},
                answer=answer,
                options=tuple(options.values()),
                rationale=row.rationale,
                where=str(path),
            )
        )
    return cap(records, maximum=task.cap)


def _split_options(question: str) -> tuple[str, dict[str, str]]:
    """The question proper, and its options by letter; none where they are not lettered."""
    stem, _, listed = question.rpartition(_OPTIONS)
    found = [_LETTERED.fullmatch(line.strip()) for line in listed.strip().split("\n")]
    letters = [match[1] for match in found if match]
    if not stem or None in found or letters != list("ABCDEFGHIJKLMNOPQRSTUVWXYZ")[: len(letters)]:
        return stem, {}
    return stem, {match[1]: match[2].strip() for match in found if match}
