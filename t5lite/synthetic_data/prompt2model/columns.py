"""Columns of a data set's records, and what stands in them as text."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from t5lite.files import strict_json

Record = Mapping[str, Any]

# What data sets call the answer, the likeliest first; a column is compared without case.
_OUTPUTS = (
    *("output", "outputs", "target", "targets", "answer", "answers.text", "answers"),
    *("response", "completion", "summary", "highlights", "label_text", "label", "labels"),
)
_NO_INPUT = re.compile(
    r"(^|.*[._])(id|idx|index|uid|guid|url|split|source|references|rationale|metadata)([._].*|$)",
    re.IGNORECASE,
)


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of a data set.

    Attributes:
      name: Its name; of a field inside another, both with a dot between.
      example: The first text in it; "" where there is none.
      is_text: Whether what stands in it are texts, as far as was looked.
    """

    name: str
    example: str
    is_text: bool


def flat(record: Record, *, prefix: str = "") -> dict[str, Any]:
    """A record whose fields hold no further fields; inner names follow outer ones and a dot."""
    fields: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, Mapping) and value:
            fields |= flat(value, prefix=f"{prefix}{name}.")
        else:
            fields[f"{prefix}{name}"] = value
    return fields


def columns_of(records: Iterable[Record]) -> list[Column]:
    """The columns of some records, in the order in which they come up."""
    values: dict[str, list[Any]] = {}
    for record in records:
        for name, value in flat(record).items():
            values.setdefault(name, []).append(value)
    found = []
    for name, column in values.items():
        if not is_encodable(name):
            continue
        texts = [text for value in column if (text := cell_text(value)) is not None]
        is_text = any(isinstance(one, str) for value in column for one in _elements(value))
        found.append(Column(name, strict_json.encodable(texts[0]) if texts else "", is_text))
    return found


def cell_text(value: Any, *, names: Sequence[str] = ()) -> str | None:
    """What stands in a cell, as text.

    A number or truth value is as JSON writes it, a list of texts has one a line, and what is more
    than that is JSON.

    Args:
      value: The cell, as JSON has it.
      names: What the numbers from 0 on are called, where they are classes.

    Returns:
      The text; None of what is null, NaN, or a list of nothing.
    """
    if value is None or value == [] or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(names):
        return names[value]
    if isinstance(value, list | tuple) and all(isinstance(one, str | int | float) for one in value):
        return "\n".join(filter(None, (cell_text(one, names=names) for one in value)))
    return strict_json.dumps(value, ensure_ascii=False, default=str)


def first_text(value: Any, *, names: Sequence[str] = ()) -> str | None:
    """As `cell_text`, but the first of a list: of several right answers a model learns one."""
    elements = _elements(value)
    return cell_text(elements[0], names=names) if elements else None


def default_output(columns: Sequence[Column]) -> str | None:
    """The column that holds the answers, by its name, or else the last of texts."""
    by_name = {column.name.lower(): column.name for column in columns}
    for name in _OUTPUTS:
        if name in by_name:
            return by_name[name]
    texts = [column.name for column in columns if column.is_text]
    return texts[-1] if len(texts) > 1 else None


def is_encodable(text: str) -> bool:
    """Whether a text is whole, and holds no half of a surrogate pair, as JSON may."""
    return strict_json.encodable(text) == text


def is_about(name: str) -> bool:
    """Whether a column's name says that it is of the example, and no id, address or the like."""
    return not _NO_INPUT.match(name)


def default_inputs(columns: Sequence[Column], *, output: str | None) -> tuple[str, ...]:
    """All columns of texts beside the answer's, but ids, addresses and the like."""
    return tuple(
        column.name
        for column in columns
        if column.is_text and column.name != output and is_about(column.name)
    )


def input_text(
    fields: Record, columns: Sequence[str], *, names: Mapping[str, Sequence[str]]
) -> str | None:
    """The input that columns make: the text of one, or several as in Prompt2Model, `NAME: TEXT`.

    Args:
      fields: A flat record.
      columns: Of it.
      names: Of the classes of columns that hold numbers for them.

    Returns:
      The text; None where nothing stands in any of the columns.
    """
    texts = {name: cell_text(fields.get(name), names=names.get(name, ())) for name in columns}
    found = {name: text for name, text in texts.items() if text is not None and text.strip()}
    if not found:
        return None
    if len(columns) == 1:
        return found[columns[0]]
    return "\n".join(f"{name}: {text}" for name, text in found.items())


def _elements(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
