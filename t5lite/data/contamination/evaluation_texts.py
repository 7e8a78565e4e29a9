"""The texts of evaluation sets, read from files as their users have them.

Each record is one text: all its strings, one after the other, a line each. What a record is:
- `.jsonl`: a line's value; `.json`: an element of the list that the file holds, or of every list of
  objects in its object (BBH's `examples`, SQuAD's `data`), or else the whole file;
- `.csv` (quoted, as MMLU's) and `.tsv` (not quoted, as MGSM's): a row, a header being one too;
- `.txt`: what stands between blank lines.
Each may be packed with gzip (`.gz`).
"""

from __future__ import annotations

import csv
import gzip
import io
import pathlib
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from t5lite.data.sources import local_files
from t5lite.files import strict_json
from t5lite.files.buckets import local_copy
from t5lite.files.local_paths import named_path
from t5lite.files.regular_files import read_bytes


def evaluation_sets(against: Sequence[str]) -> dict[str, list[pathlib.Path]]:
    """The files of each evaluation set.

    Args:
      against: a file, or a folder with files, of a kind that is known; or `NAME=PATH`, which names
        the set. Unnamed ones are called as their file or folder.

    Raises:
      ValueError: a path does not exist or holds no such file, or two sets have one name.
    """
    sets: dict[str, list[pathlib.Path]] = {}
    for argument in against:
        name, path = named_path(argument, name="--against")
        if not name:
            name = path.resolve().name if path.is_dir() else path.name.partition(".")[0]
        path = local_copy(path) if path.exists() else path
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        known = [file for file in files if file.is_file() and _kind(file) in _READERS]
        if not known:
            found = "does not exist" if not path.exists() else "holds no file of evaluation data"
            raise ValueError(
                f"--against {argument}: {path} {found}; give a file or folder of "
                f"{', '.join(_READERS)} files, which may end in .gz"
            )
        if name in sets:
            raise ValueError(
                f"--against {argument}: another set is called {name!r}; name this one, as in "
                f"--against other_{name}={path}"
            )
        sets[name] = known
    return sets


def read_texts(files: Sequence[pathlib.Path]) -> Iterator[str]:
    """The texts of the files of one set.

    Raises:
      ValueError: a file cannot be read, or is not what its name says; names file and line.
    """
    for path in files:
        yield from _READERS[_kind(path)](path, _read(path))


def _kind(path: pathlib.Path) -> str:
    """The file's extension, `.gz` aside."""
    return pathlib.Path(path.name.removesuffix(".gz")).suffix.lower()


def _read(path: pathlib.Path) -> str:
    if path.suffix != ".gz":
        return local_files.read_text(path)
    try:
        # Of no bytes Python makes a text of none, as if it were whole.
        return gzip.decompress(read_bytes(path) or b"-").decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: no gzip file of UTF-8 text ({error})") from error


def _json_texts(path: pathlib.Path, text: str) -> Iterator[str]:
    records = strict_json.loads_texts(text, where=str(path), is_line=False)
    if isinstance(records, dict):
        lists = [v for v in records.values() if isinstance(v, list) and v and _all_objects(v)]
        records = [record for found in lists for record in found] or [records]
    for record in records if isinstance(records, list) else [records]:
        yield "\n".join(_strings(record))


def _jsonl_texts(path: pathlib.Path, text: str) -> Iterator[str]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            where = f"{path}, line {number}"
            yield "\n".join(_strings(strict_json.loads_texts(line, where=where)))


def _all_objects(values: list[Any]) -> bool:
    return all(isinstance(value, dict) for value in values)


def _strings(value: Any) -> Iterator[str]:
    """All strings inside a JSON value, in order; names of fields and numbers are none."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)


def _csv_texts(path: pathlib.Path, text: str) -> Iterator[str]:
    csv.field_size_limit(_LONGEST_FIELD)
    rows = csv.reader(io.StringIO(text, newline=""))
    while True:
        try:
            yield "\n".join(next(rows))
        except StopIteration:
            return
        except csv.Error as error:
            raise ValueError(f"{path}, line {rows.line_num}: malformed CSV: {error}") from error


def _tsv_texts(path: pathlib.Path, text: str) -> Iterator[str]:
    del path
    for line in text.split("\n"):
        if line.strip():
            yield line.replace("\t", "\n").replace("\\n", "\n")


def _plain_texts(path: pathlib.Path, text: str) -> Iterator[str]:
    del path
    yield from (part for part in re.split(r"\n\s*\n", text) if part.strip())


# Of a CSV field: Python's reader stops at 131,072 characters by default.
_LONGEST_FIELD = 2**31 - 1

_READERS: dict[str, Callable[[pathlib.Path, str], Iterator[str]]] = {
    ".json": _json_texts,
    ".jsonl": _jsonl_texts,
    ".csv": _csv_texts,
    ".tsv": _tsv_texts,
    ".txt": _plain_texts,
}
