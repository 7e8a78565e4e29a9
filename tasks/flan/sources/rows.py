"""Rows of a data set, read in a stream, never whole: what is there, whoever prepared it."""

from __future__ import annotations

import pathlib
from collections.abc import Collection, Iterator
from typing import Protocol

from t5lite.data.sources.record_files import Located, RecordFile, open_records

SUFFIXES = (".jsonl", ".csv", ".parquet")


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


class FileRows:
    """The rows of a file, in whatever order it has them."""

    in_order = False

    def __init__(self, file: RecordFile):
        self._file = file

    def count(self) -> int:
        """See `Rows`."""
        return self._file.count()

    def read(self, wanted: Collection[int]) -> Iterator[Located]:
        """See `Rows`."""
        return self._file.read(wanted)


def open_file(path: pathlib.Path) -> Rows:
    """The rows of a file, by its suffix.

    Raises:
      ValueError: if the suffix is of no format that is read.
    """
    return FileRows(open_records(path))
