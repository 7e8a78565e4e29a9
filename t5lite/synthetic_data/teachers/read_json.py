"""Reads the JSON object that an answer was to be."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from t5lite.files import strict_json
from t5lite.messages.value_types import check_type, fits
from t5lite.synthetic_data.teachers.requests import Choice

_FENCED = re.compile(r"```(?:json|JSON)?[ \t]*\n(.*?)```", re.DOTALL)


class NotAsAskedError(ValueError):
    """An answer is not what was asked for; arguments are its kind, and what was found if any."""

    def __str__(self) -> str:
        return ": ".join(self.args)


def read_json(choice: Choice, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the JSON object in an answer.

    The object may stand in a fenced block, or between words: from the first brace on.

    Args:
      choice: The answer.
      fields: Type hints of the fields, as `value_types.check_type` takes them; those whose type has
        None may be missing.

    Raises:
      NotAsAskedError: It is empty or cut short, or there is no such object in it.
    """
    if not choice.text.strip():
        raise NotAsAskedError("empty")
    if choice.was_cut:
        raise NotAsAskedError("cut short")
    fenced = _FENCED.search(choice.text)
    text = fenced.group(1) if fenced else choice.text
    start = text.find("{")
    if start < 0:
        raise NotAsAskedError("not the JSON asked for", "no object in it")
    try:
        _, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        end = len(text)
    try:
        record = strict_json.loads_texts(text[start:end], where="the answer")
        for name, hint in fields.items():
            if name not in record and not fits(None, hint):
                raise ValueError(f"no field {name!r}")
            check_type(record.get(name), hint, name=f"field {name!r}")
    except ValueError as error:
        raise NotAsAskedError("not the JSON asked for", str(error)) from error
    return {name: record.get(name) for name in fields}
