"""JSON objects in files, one in a file or one a line."""

import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from t5lite.files import strict_json
from t5lite.files.regular_files import has_file, read_text
from t5lite.files.whole_file import write_whole


def read_object(path: pathlib.Path, *, missing_ok: bool = False) -> dict[str, Any]:
    """Reads a JSON object; an empty one where there is no file and `missing_ok`.

    Raises:
      ValueError: the file is not a JSON object, or a text in it is half of a surrogate pair.
    """
    if missing_ok and not has_file(path):
        return {}
    record = strict_json.loads_texts(read_text(path), where=str(path), is_line=False)
    if not isinstance(record, dict):
        raise ValueError(f"{path} holds a {type(record).__name__}, expected a JSON object")
    return record


def read_lines(
    path: pathlib.Path, *, any_text: bool = False
) -> Iterator[tuple[str, dict[str, Any]]]:
    """As `parse_lines`, of a file.

    Raises:
      ValueError: as `parse_lines`, or the file is not UTF-8.
    """
    yield from parse_lines(read_text(path), path=path, any_text=any_text)


def parse_lines(
    text: str, *, path: pathlib.Path, any_text: bool = False
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields `(where, object)` for each line of JSON Lines; blank lines are skipped.

    Lines end at newlines only. JSON allows the other separators that `str.splitlines` knows, such
    as U+2028 and U+0085, inside its texts.

    Args:
      text: the lines.
      path: the file that they are of; `where` is it and the line.
      any_text: whether texts may hold half of a surrogate pair, as an answer of a model may.

    Raises:
      ValueError: naming the file, the line and the column where it is malformed, or is no JSON
        object, and the field that holds half of a surrogate pair.
    """
    loads = strict_json.loads if any_text else strict_json.loads_texts
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        record = loads(line, where=where)
        if not isinstance(record, dict):
            raise ValueError(
                f"{where}: expected a JSON object, found {strict_json.kind_name(record)}; "
                "a JSON Lines file holds one object a line"
            )
        yield where, record


def write_object(path: pathlib.Path, record: Mapping[str, Any], **options: Any) -> None:
    """Writes a JSON object, indented, as a whole or not at all; `options` are `json.dumps`'s."""
    write_whole(path, object_bytes(record, **options))


def object_bytes(record: Mapping[str, Any], **options: Any) -> bytes:
    """The file that `write_object` writes."""
    return (strict_json.dumps(record, indent=2, **options) + "\n").encode()


def line_of(record: Mapping[str, Any]) -> bytes:
    """A JSON object as a line of JSON Lines.

    A text may hold half of a surrogate pair, which stays the escape that it was read from.
    """
    line = strict_json.dumps(record, ensure_ascii=False) + "\n"
    return line.encode("utf-8", "backslashreplace")


def write_lines(path: pathlib.Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Writes JSON Lines, an object a line, as a whole or not at all."""
    write_whole(path, b"".join(map(line_of, records)))
