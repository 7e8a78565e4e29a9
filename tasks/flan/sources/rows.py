"""Rows of local files: JSON Lines, CSV and Parquet, read in a stream, never whole."""

from __future__ import annotations

import csv
import json
import pathlib
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Protocol

from t5lite.data import local_files

Row = Mapping[str, Any]
Located = tuple[int, str, Row]
SUFFIXES = (".jsonl", ".csv", ".parquet")

# Fields of CSV may hold whole articles; the standard limit is 128 KiB.
_MAX_CSV_FIELD = 1 << 24


class Rows(Protocol):
    """Rows of a data set, numbered from 0.

    Attributes:
      in_order: whether they lie in random order already.
    """

    in_order: bool

    def count(self) -> int:
        """How many there are."""
        ...

    def read(self, wanted: Collection[int]) -> Iterator[Located]:
        """Yields (number, what an error calls it, row) of the wanted rows, in their order."""
        ...


def open_file(path: pathlib.Path) -> Rows:
    """The rows of a file, by its suffix.

    Raises:
      ValueError: if the suffix is none of `SUFFIXES`.
    """
    kinds: dict[str, Callable[[pathlib.Path], Rows]] = {
        ".jsonl": JsonLines,
        ".csv": Csv,
        ".parquet": Parquet,
    }
    if path.suffix not in kinds:
        raise ValueError(f"{path}: rows are read from {', '.join(SUFFIXES)} files")
    return kinds[path.suffix](path)


class JsonLines:
    """A JSON object a line; blank lines do not count."""

    in_order = False

    def __init__(self, path: pathlib.Path):
        self._path = path

    def count(self) -> int:
        """How many lines hold something."""
        with self._path.open("rb") as file:
            return sum(not line.isspace() for line in file)

    def read(self, wanted: Collection[int]) -> Iterator[Located]:
        """See `Rows`; raises ValueError with file and line where a line is malformed."""
        chosen = set(wanted)
        index = -1
        with self._path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                index += not line.isspace()
                if line.isspace() or index not in chosen:
                    continue
                where = f"{self._path}, line {number}"
                yield index, where, _parse_object(line, where)


def _parse_object(line: bytes, where: str) -> Row:
    try:
        row = json.loads(line)
    except UnicodeDecodeError as error:
        raise ValueError(f"{where}: not UTF-8; convert the file to UTF-8") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"{where}, column {error.colno}: malformed JSON: {error.msg}") from error
    if not isinstance(row, dict):
        raise ValueError(f"{where}: expected a JSON object, found {local_files.kind_name(row)}")
    return row


class Csv:
    """Comma-separated values with a header."""

    in_order = False

    def __init__(self, path: pathlib.Path):
        self._path = path

    def count(self) -> int:
        """How many rows follow the header."""
        return sum(1 for _ in self._rows())

    def read(self, wanted: Collection[int]) -> Iterator[Located]:
        """See `Rows`."""
        chosen = set(wanted)
        for index, row in enumerate(self._rows()):
            if index in chosen:
                yield index, f"{self._path}, row {index + 1}", row

    def _rows(self) -> Iterator[dict[str, str]]:
        csv.field_size_limit(_MAX_CSV_FIELD)
        with self._path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            try:
                for row in reader:
                    if None in row or None in row.values():
                        raise ValueError(
                            f"{self._path}, line {reader.line_num}: the row has not the "
                            f"{len(reader.fieldnames or ())} fields of the header"
                        )
                    yield row
            except (csv.Error, UnicodeDecodeError) as error:
                raise ValueError(f"{self._path}, line {reader.line_num}: {error}") from error


class Parquet:
    """A Parquet file; needs pyarrow."""

    in_order = False

    def __init__(self, path: pathlib.Path):
        self._path = path

    def count(self) -> int:
        """How many rows its footer states."""
        return self._open().metadata.num_rows

    def read(self, wanted: Collection[int]) -> Iterator[Located]:
        """See `Rows`; raises ValueError where the file is damaged."""
        chosen = set(wanted)
        index = 0
        for batch in self._open().iter_batches(batch_size=1024):
            inside = [i for i in range(batch.num_rows) if index + i in chosen]
            for i, row in zip(inside, batch.take(inside).to_pylist(), strict=True):
                yield index + i, f"{self._path}, row {index + i + 1}", row
            index += batch.num_rows

    def _open(self) -> Any:
        try:
            import pyarrow
            import pyarrow.parquet
        except ModuleNotFoundError as error:
            raise ValueError(
                f"{self._path}: reading Parquet needs pyarrow, which is not installed: "
                "pip install 't5lite[flan]'"
            ) from error
        try:
            return pyarrow.parquet.ParquetFile(self._path)
        except pyarrow.ArrowInvalid as error:
            raise ValueError(f"{self._path}: not a Parquet file: {error}") from error
