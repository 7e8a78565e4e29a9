"""JSON objects in files."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

from t5lite.files import strict_json


def read_json(path: pathlib.Path) -> dict[str, Any]:
    """Reads a JSON object.

    Raises:
      ValueError: the file is not a JSON object.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(record, dict):
        raise ValueError(f"{path} holds a {type(record).__name__}, expected a JSON object")
    return record


def write_json(path: pathlib.Path, record: Mapping[str, Any]) -> None:
    """Writes a JSON object, indented."""
    path.write_text(strict_json.dumps(record, indent=2) + "\n", encoding="utf-8")
