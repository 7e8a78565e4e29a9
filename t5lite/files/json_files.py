"""JSON objects in files."""

import pathlib
from collections.abc import Mapping
from typing import Any

from t5lite.files import strict_json
from t5lite.files.whole_file import write_whole


def read_object(path: pathlib.Path, *, missing_ok: bool = False) -> dict[str, Any]:
    """Reads a JSON object; an empty one where there is no file and `missing_ok`.

    Raises:
      ValueError: the file is not a JSON object.
    """
    if missing_ok and not path.is_file():
        return {}
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    record = strict_json.loads(text, where=str(path), is_line=False)
    if not isinstance(record, dict):
        raise ValueError(f"{path} holds a {type(record).__name__}, expected a JSON object")
    return record


def write_object(path: pathlib.Path, record: Mapping[str, Any], **options: Any) -> None:
    """Writes a JSON object, indented, as a whole or not at all; `options` are `json.dumps`'s."""
    write_whole(path, strict_json.dumps(record, indent=2, **options) + "\n")
