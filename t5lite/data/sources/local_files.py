"""Readers of local JSON, JSONL and TSV files whose errors say file, line and field. No TensorFlow.

A reader yields `(where, record)` pairs; `where` is what an error message calls the record
("train.jsonl, line 7"), so that whoever finds a fault later can name its place.
"""

import hashlib
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from t5lite.files import regular_files, strict_json
from t5lite.files.json_files import parse_lines
from t5lite.files.strict_json import KIND_NAMES, kind_name


def read_text(path: pathlib.Path, *, wanted_by: str = "") -> str:
    """The text of a UTF-8 file.

    Args:
      path: the file.
      wanted_by: who asks and how the path was found, for the error ("Task 'x', split 'train'").

    Raises:
      ValueError: if there is no such file, or it is not UTF-8 (with the byte's line).
    """
    suffix = f" ({wanted_by})" if wanted_by else ""
    try:
        # A byte order mark is no part of the first field, and newlines are what open() would give.
        return regular_files.read_text(path, encoding="utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror or error}{suffix}") from error
    except ValueError as error:
        raise ValueError(f"{error}{suffix}") from error


def read_json(path: pathlib.Path, *, wanted_by: str = "") -> Any:
    """The value a JSON file holds.

    Raises:
      ValueError: as `read_text`, or with file, line and column where the JSON is malformed, or
        with file and field where it holds half of a surrogate pair.
    """
    text = read_text(path, wanted_by=wanted_by)
    return strict_json.loads_texts(text, where=str(path), is_line=False)


def read_jsonl(
    path: pathlib.Path, *, wanted_by: str = ""
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields `(where, object)` for each line of a JSON Lines file; blank lines are skipped.

    Raises:
      ValueError: as `read_text`, or with file, line and column where a line is malformed or is
        not a JSON object, and with the field that holds half of a surrogate pair.
    """
    yield from parse_lines(read_text(path, wanted_by=wanted_by), path=path)


def read_tsv(path: pathlib.Path, fields: Sequence[str]) -> Iterator[tuple[str, Mapping[str, str]]]:
    r"""Yields `(where, {field: text})` for each row of a headerless tab-separated file.

    Fields are not quoted. The two characters `\n` inside a field stand for a newline. Fields are
    stripped of surrounding blanks; blank lines are skipped.

    Args:
      path: the file.
      fields: what the columns are called, in order; every row must have as many, none empty.

    Raises:
      ValueError: as `read_text`, or with file, line and field where a row has too many or too
        few columns or an empty one.
    """
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        cells = [cell.replace("\\n", "\n").strip() for cell in line.split("\t")]
        if len(cells) < len(fields):
            raise ValueError(
                f"{where}: field {fields[len(cells)]!r} is missing: expected {len(fields)} "
                f"tab-separated fields ({', '.join(fields)}), found {len(cells)}"
            )
        if len(cells) > len(fields):
            raise ValueError(
                f"{where}: {len(cells) - len(fields)} more than the {len(fields)} tab-separated "
                f"fields ({', '.join(fields)}), from {cells[len(fields)][:40]!r} on; "
                "write a tab inside a field as a space"
            )
        row = dict(zip(fields, cells, strict=True))
        for field, cell in row.items():
            if not cell:
                raise ValueError(f"{where}: field {field!r} is empty")
        yield where, row


def require(record: Any, field: str, kind: type, *, where: str, remedy: str = "") -> Any:
    """`record[field]`, which must be there and be of the JSON kind.

    Args:
      record: a JSON value that ought to be an object.
      field: the field's name.
      kind: `str`, `list`, `dict`, ...
      where: file and line (or index) of the record, for the error.
      remedy: what to do about it, appended to the error.

    Raises:
      ValueError: naming `where`, the field, what was found and what was expected.
    """
    suffix = f"; {remedy}" if remedy else ""
    if not isinstance(record, Mapping):
        raise ValueError(f"{where}: expected an object, found {kind_name(record)}{suffix}")
    if field not in record:
        present = ", ".join(map(repr, record)) or "none"
        raise ValueError(f"{where}: field {field!r} is missing (fields: {present}){suffix}")
    value = record[field]
    if not isinstance(value, kind):
        raise ValueError(
            f"{where}: field {field!r}: expected {KIND_NAMES[kind]}, found {kind_name(value)}"
            f"{suffix}"
        )
    return value


def check_encodable(text: str, *, where: str) -> str:
    """The text itself, which no tokenizer can encode where it holds half of a surrogate pair.

    Raises:
      ValueError: it does; names `where` and the place.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        half = f"\\u{ord(text[error.start]):04x}"
        raise ValueError(
            f"{where} is no text: character {error.start + 1} is {half}, half of a surrogate pair; "
            "write the whole character, or leave it out"
        ) from error
    return text


def require_strings(record: Any, field: str, *, where: str, remedy: str = "") -> list[str]:
    """`record[field]`, which must be a list of strings; errors as in `require`."""
    values = require(record, field, list, where=where, remedy=remedy)
    for index, value in enumerate(values):
        if not isinstance(value, str):
            raise ValueError(
                f"{where}: field {field!r}[{index}]: expected a string, found {kind_name(value)}"
            )
    return values


def keyed_hash(*parts: str) -> int:
    """A 64-bit number that depends on the parts only: the same on every machine and run.

    Choices made once and for all (an instance's split, its exemplars, which of several outputs
    trains) are made with it, so that no choice depends on the order of reading.
    """
    key = "\x1f".join(parts).encode("utf-8")
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "little")
