"""Reads the JSON object that an answer was to be."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any

from t5lite.files import strict_json
from t5lite.messages.value_types import check_type, fits
from t5lite.synthetic_data.teachers.requests import Choice

_FENCED = re.compile(r"```(?:json|JSON)?[ \t]*\n(.*?)```", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class NotAsAsked:
    """Why an answer is not what was asked for.

    Attributes:
      kind: What is counted.
      detail: What was found.
    """

    kind: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}" if self.detail else self.kind


def read_json(choice: Choice, fields: Mapping[str, Any]) -> dict[str, Any] | NotAsAsked:
    """The fields of the JSON object in an answer.

    The object may stand in a fenced block, or between words: from the first brace on.

    Args:
      choice: The answer.
      fields: Type hints of the fields, as `value_types.check_type` takes them; those whose type has
        None may be missing.
    """
    if not choice.text.strip():
        return NotAsAsked("empty")
    if choice.was_cut:
        return NotAsAsked("cut short")
    fenced = _FENCED.search(choice.text)
    text = fenced.group(1) if fenced else choice.text
    start = text.find("{")
    if start < 0:
        return NotAsAsked("not the JSON asked for", "no object in it")
    try:
        _, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        end = len(text)
    try:
        record = strict_json.loads_texts(text[start:end], where="the answer")
        found = {name: record.get(name) for name in fields}
        for name, hint in fields.items():
            if name not in record and not fits(None, hint):
                return NotAsAsked("not the JSON asked for", f"no field {name!r}")
            check_type(found[name], hint, name=f"field {name!r}")
    except ValueError as error:
        return NotAsAsked("not the JSON asked for", str(error))
    return found
