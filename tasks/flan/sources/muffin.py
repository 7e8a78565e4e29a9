"""Muffin: local files, TensorFlow Datasets or Hugging Face `datasets`, made into records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from t5lite.data.sources import local_files

from ..manifest import FlanTask
from ..records import Record, Schema
from ..schemas import SCHEMAS
from . import datasets
from .base import Absent, Found, choose
from .datasets import Place
from .folders import Folders
from .muffin_readers import READERS, Parts, clean_text

# Where Hugging Face keeps three training sets as splits of one data set.
_HUGGINGFACE_SPLITS = {"anli_r1": "train_r1", "anli_r2": "train_r2", "anli_r3": "train_r3"}


def find(task: FlanTask, kind: str, name: str, folders: Folders) -> Found | Absent:
    """Looks for a task's rows in one kind of place.

    Args:
      task: the task.
      kind: `local`, `tfds` or `hf`.
      name: the data set's name there; not needed for `local`.
      folders: where to look.
    """
    if kind == "local":
        place = datasets.find_local((task.name, task.dataset), folders)
        looked_for = f"flan/{task.name}/train.jsonl, .csv or .parquet"
    elif kind == "tfds":
        place = datasets.find_tfds(name, folders)
        looked_for = f"{name} prepared for TFDS"
    else:
        split = _HUGGINGFACE_SPLITS.get(task.name, "train")
        place = datasets.find_huggingface(name, folders, split=split)
        looked_for = f"{name} in the cache of Hugging Face's `datasets`"
    if place is None:
        return Absent(looked_for)
    return Found(
        where=place.where,
        files=place.files,
        problem=place.problem,
        read=lambda split: _read(task, place, split),
    )


def _read(task: FlanTask, place: Place, split: str) -> Sequence[Record]:
    schema = SCHEMAS[task.pattern]
    rows = place.open()
    wanted = choose(
        rows.count(), split, maximum=task.max_read, key=task.name, in_order=rows.in_order
    )
    records: list[Record] = []
    for index, where, row in rows.read(wanted):
        for part, parts in enumerate(_parts(task, schema, row, key=str(index), where=where)):
            record = _record(schema, f"{index}-{part}" if part else str(index), parts, where)
            if record is not None:
                records.append(record)
    return records


def _parts(
    task: FlanTask, schema: Schema, row: Mapping[str, Any], *, key: str, where: str
) -> Iterator[Parts]:
    """What the row's own fields, or the task's reader, make of it.

    Raises:
      ValueError: if a field is missing or is not what the reader expects.
    """
    if _has_own_fields(schema, row):
        yield _own_parts(schema, row, where)
        return
    try:
        yield from READERS[task.name](row, key)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        found = ", ".join(map(repr, row))
        raise ValueError(
            f"{where}: not a row of {task.name} ({type(error).__name__}: {error}); its fields are "
            f"{found}. Give the fields of the data set, or those of the schema {schema.name!r}: "
            f"{', '.join((*schema.fields, 'answer'))}"
            + (" and a list 'options'" if schema.options != "none" else "")
        ) from error


def _has_own_fields(schema: Schema, row: Mapping[str, Any]) -> bool:
    """Whether a row is in the schema's own layout: its fields, `answer`, `options` if any."""
    names = {*schema.fields, "answer"}
    if schema.options != "none" and not schema.options_optional:
        names.add("options")
    return names <= row.keys() and isinstance(row["answer"], str)


def _own_parts(schema: Schema, row: Mapping[str, Any], where: str) -> Parts:
    fields = {
        name: clean_text(local_files.require(row, name, str, where=where))
        for name in (*schema.fields, "answer")
    }
    options: Sequence[str] = ()
    if schema.options != "none":
        options = local_files.require_strings(row, "options", where=where)
    answer = fields.pop("answer")
    return Parts(fields, answer, tuple(options))


def _record(schema: Schema, id: str, parts: Parts, where: str) -> Record | None:
    """The record, or None where a text that it needs is empty."""
    if not (parts.answer.strip() and all(text.strip() for text in parts.fields.values())):
        return None
    return schema.record(
        id,
        parts.fields,
        answer=parts.answer,
        options=parts.options,
        answer_index=parts.answer_index,
        references=parts.references,
        where=where,
    )
