"""Texts made of the fields of a record: templates, names of fields, or functions."""

from __future__ import annotations

import datetime
import decimal
import math
import string
from collections.abc import Callable, Mapping
from typing import Any

from t5lite.data.sources import local_files
from t5lite.files import strict_json
from t5lite.messages.suggest import did_you_mean

Record = Mapping[str, Any]

# A template such as "Q: {question}", the name of one field, or a function of the record.
FieldTemplate = str | Callable[[Record], Any]

_ABSENT = object()
_WRITTEN_AS_THEY_ARE = (
    int,
    float,
    decimal.Decimal,
    datetime.date,
    datetime.time,
    datetime.timedelta,
)
_REMEDY = "leave such records out, or give a function of the record in place of the template"


def check(template: FieldTemplate, *, where: str) -> None:
    """Raises ValueError, naming `where`, if a template is malformed."""
    if isinstance(template, str):
        _Template(template, where)
    elif not callable(template):
        raise ValueError(
            f"{where}: expected a template, the name of a field or a function, found {template!r}"
        )


def one_text(template: FieldTemplate, record: Record, *, where: str) -> str:
    """The text that a record has.

    Args:
      template: what to make of it.
      record: its fields.
      where: what an error calls the record.

    Raises:
      ValueError: a field is missing or is no text; names record and field.
    """
    if not isinstance(template, str):
        return _as_text(template(record), "the function's answer", where)
    parsed = _Template(template, where)
    if not parsed.fields:
        return _field_text(record, template, where)
    texts = {field: _field_text(record, field, where) for field in parsed.fields}
    return parsed.vformat(template, (), texts)


def one_or_more_texts(template: FieldTemplate, record: Record, *, where: str) -> tuple[str, ...]:
    """As `one_text`, and where a field or a function gives a list of texts, all of these.

    Raises:
      ValueError: as `one_text`, or the list is empty.
    """
    if isinstance(template, str):
        name = f"field {template!r}"
        value = _lookup(record, template)
    else:
        name, value = "the function's answer", template(record)
    if not isinstance(value, list | tuple):
        if isinstance(template, str):
            return (one_text(template, record, where=where),)
        return (_as_text(value, name, where),)
    if not value:
        raise ValueError(f"{where}: {name} is an empty list")
    return tuple(_as_text(item, f"{name}[{index}]", where) for index, item in enumerate(value))


class _Template(string.Formatter):
    """A parsed template, whose names of fields may hold dots, spaces and brackets.

    Attributes:
      fields: those it names; none where it is itself a field's name.
    """

    def __init__(self, template: str, where: str):
        try:
            parts = list(self.parse(template))
        except ValueError as error:
            raise ValueError(
                f"{where}: malformed template {template!r}: {error}; write {{{{ for a brace"
            ) from error
        self.fields = tuple(field for _, field, _, _ in parts if field is not None)
        for field in self.fields:
            if not field.strip() or field.isdecimal():
                raise ValueError(
                    f"{where}: template {template!r}: {{{field}}} is not a field name; "
                    "write {{ for a brace"
                )

    def get_field(self, field_name: str, args: Any, kwargs: Mapping[str, Any]) -> Any:
        """The text itself: `str.format` would take a dot for an attribute."""
        return kwargs[field_name], field_name


def _lookup(record: Record, name: str) -> Any:
    """A field, or what a path such as `answers.text.0` leads to; `_ABSENT` where nothing is."""
    if name in record:
        return record[name]
    value: Any = record
    for part in name.split("."):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return _ABSENT
    return value


def _field_text(record: Record, name: str, where: str) -> str:
    value = _lookup(record, name)
    if value is _ABSENT:
        present = ", ".join(map(repr, record)) or "none"
        raise ValueError(
            f"{where}: field {name!r} is missing (fields: {present})."
            f"{did_you_mean(name, list(record))}"
        )
    return _as_text(value, f"field {name!r}", where)


def _as_text(value: Any, name: str, where: str) -> str:
    """A value's text; numbers are written as JSON writes them."""
    is_finite = not isinstance(value, float) or math.isfinite(value)
    if isinstance(value, _WRITTEN_AS_THEY_ARE) and not isinstance(value, bool) and is_finite:
        return str(value)
    if not isinstance(value, str):
        found = strict_json.kind_name(value)
        raise ValueError(f"{where}: {name}: expected a string, found {found}; {_REMEDY}")
    return local_files.check_encodable(value, where=f"{where}: {name}")
