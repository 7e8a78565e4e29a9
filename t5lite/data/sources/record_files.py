"""Records of local files, read in a stream: JSON Lines, JSON, CSV, TSV, Parquet, Arrow, texts.

A record is a mapping from fields to values, as JSON has them. Each comes with what an error calls
it ("train.csv, line 7"), so that whoever finds a fault later can name its place. Text files are
UTF-8, with or without a byte order mark, and may be packed with gzip (`.gz`).
"""

from __future__ import annotations

import collections
import csv
import gzip
import pathlib
import sys
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Protocol

from t5lite.files import strict_json
from t5lite.files.regular_files import check_regular
from t5lite.messages.suggest import did_you_mean

Record = Mapping[str, Any]
Located = tuple[int, str, Record]

_ROWS_PER_BATCH = 256
_PYARROW_IS_MISSING = (
    "reading Parquet and Arrow files needs pyarrow, which is not installed: "
    "pip install 't5lite[data]'"
)


class RecordFile(Protocol):
    """Records of a file, numbered from 0."""

    def count(self) -> int:
        """How many there are.

        Raises:
          ValueError: the file cannot be read; names file and line.
        """
        ...

    def read(self, wanted: Collection[int] | None = None) -> Iterator[Located]:
        """Yields (number, what an error calls it, record) in the file's order.

        Args:
          wanted: numbers of the records to give; None for all.

        Raises:
          ValueError: the file or a record cannot be read; names file and line.
        """
        ...


def open_records(path: pathlib.Path) -> RecordFile:
    """The records of a file, whose format its suffix says.

    Raises:
      ValueError: if the suffix is none of `SUFFIXES`.
    """
    suffix = suffix_of(path)
    if suffix not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise ValueError(
            f"{path}: rows are read from {known} files, text also with .gz behind it; found "
            f"the suffix {suffix!r}.{did_you_mean(suffix, SUFFIXES)}"
        )
    return FORMATS[suffix[1:]](path)


def suffix_of(path: pathlib.Path) -> str:
    """The suffix that says the format, `.gz` aside."""
    return pathlib.PurePath(path.name.removesuffix(".gz")).suffix.lower()


# ----------------------------------------------------------------------------------------- text


def _text_lines(path: pathlib.Path) -> Iterator[tuple[int, str]]:
    """Yields numbered lines with their ends.

    Raises:
      ValueError: there is no such file, or a line is not UTF-8.
    """
    check_regular(path)
    is_gzip = path.name.endswith(".gz")
    opener: Callable[..., Any] = gzip.open if is_gzip else open
    try:
        if is_gzip and not path.stat().st_size:
            raise EOFError("the file is empty, and gzip writes a head and an end")
        with opener(path, "rb") as file:
            for number, data in enumerate(file, start=1):
                try:
                    yield number, data.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    raise ValueError(
                        f"{path}, line {number}: not UTF-8 (byte 0x{data[error.start]:02x}); "
                        "convert the file to UTF-8"
                    ) from error
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"{path}: cannot be read: {reason}") from error


class WholeText:
    """One record, whose field `text` is all that the file says."""

    def __init__(self, path: pathlib.Path):
        self._path = path

    def count(self) -> int:
        """See `RecordFile`."""
        return 1

    def read(self, wanted: Collection[int] | None = None) -> Iterator[Located]:
        """See `RecordFile`."""
        if wanted is None or 0 in wanted:
            yield 0, str(self._path), {"text": "".join(line for _, line in _text_lines(self._path))}


class JsonLines:
    """A JSON object a line; blank lines do not count."""

    def __init__(self, path: pathlib.Path):
        self._path = path

    def count(self) -> int:
        """See `RecordFile`."""
        return sum(not line.isspace() for _, line in _text_lines(self._path))

    def read(self, wanted: Collection[int] | None = None) -> Iterator[Located]:
        """See `RecordFile`; what is not wanted is not parsed."""
        chosen = None if wanted is None else set(wanted)
        index = -1
        for number, line in _text_lines(self._path):
            index += not line.isspace()
            if line.isspace() or (chosen is not None and index not in chosen):
                continue
            where = f"{self._path}, line {number}"
            yield (
                index,
                where,
                _as_record(strict_json.loads(line.rstrip("\r\n"), where=where), where),
            )


class Json:
    """A JSON list of objects; or, as many such files are, an object a line."""

    def __init__(self, path: pathlib.Path):
        self._path = path

    def count(self) -> int:
        """See `RecordFile`."""
        return sum(1 for _ in self.read())

    def read(self, wanted: Collection[int] | None = None) -> Iterator[Located]:
        """See `RecordFile`; a list is parsed as a whole."""
        first = next((line for _, line in _text_lines(self._path) if not line.isspace()), "")
        if not first.lstrip().startswith("["):
            yield from JsonLines(self._path).read(wanted)
            return
        text = "".join(line for _, line in _text_lines(self._path))
        records = strict_json.loads(text, where=str(self._path), is_line=False)
        for index, record in enumerate(records):
            if wanted is None or index in wanted:
                where = f"{self._path}, record {index + 1}"
                yield index, where, _as_record(record, where)


def _as_record(value: Any, where: str) -> Record:
    if not isinstance(value, dict):
        raise ValueError(
            f"{where}: expected a JSON object, found {strict_json.kind_name(value)}; a file of "
            "JSON Lines holds one object a line"
        )
    return value


class Csv:
    """Values with a header, quoted as spreadsheets do; blank lines do not count."""

    def __init__(self, path: pathlib.Path, delimiter: str = ","):
        self._path = path
        self._delimiter = delimiter

    def count(self) -> int:
        """See `RecordFile`."""
        return sum(1 for _ in self._rows())

    def read(self, wanted: Collection[int] | None = None) -> Iterator[Located]:
        """See `RecordFile`; all values are texts."""
        chosen = None if wanted is None else set(wanted)
        for index, (where, row) in enumerate(self._rows()):
            if chosen is None or index in chosen:
                yield index, where, row

    def _rows(self) -> Iterator[tuple[str, Record]]:
        # A field may hold a whole article; Python's own limit is 128 KiB.
        csv.field_size_limit(sys.maxsize)
        lines = (line for _, line in _text_lines(self._path))
        reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
        header: list[str] = []
        while True:
            where = f"{self._path}, line {reader.line_num + 1}"
            try:
                cells = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                raise ValueError(f"{where}: malformed CSV: {error}") from error
            if not cells:
                continue
            if not header:
                header = _checked_header(cells, where)
                continue
            if len(cells) != len(header):
                raise ValueError(
                    f"{where}: the row has not the {len(header)} fields of the header "
                    f"({', '.join(header)}), but {len(cells)}; quote what holds the delimiter "
                    f"{self._delimiter!r} or a line break"
                )
            yield where, dict(zip(header, cells, strict=True))
        if not header:
            raise ValueError(f"{self._path}: is empty; its first line must name the fields")


def _checked_header(cells: list[str], where: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    repeated = [name for name, count in collections.Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f"{where}: the header names the field {repeated[0]!r} more than once")
    return names


def _tsv(path: pathlib.Path) -> Csv:
    return Csv(path, delimiter="\t")


# --------------------------------------------------------------------------------------- columns


class Parquet:
    """A Parquet file; needs pyarrow."""

    def __init__(self, path: pathlib.Path):
        self._path = path

    def count(self) -> int:
        """See `RecordFile`; the file's footer states it."""
        with _ExplainArrow(self._path, "Parquet"):
            count: int = self._open().metadata.num_rows
        return count

    def read(self, wanted: Collection[int] | None = None) -> Iterator[Located]:
        """See `RecordFile`."""
        with _ExplainArrow(self._path, "Parquet"):
            batches = self._open().iter_batches(batch_size=_ROWS_PER_BATCH)
            yield from _located(batches, self._path, wanted)

    def _open(self) -> Any:
        import pyarrow.parquet

        return pyarrow.parquet.ParquetFile(self._path)


class Arrow:
    """A file of Arrow's streaming or file format, as `datasets` writes them; needs pyarrow."""

    def __init__(self, path: pathlib.Path):
        self._path = path

    def count(self) -> int:
        """See `RecordFile`."""
        with _ExplainArrow(self._path, "Arrow"):
            return sum(batch.num_rows for batch in self._batches())

    def read(self, wanted: Collection[int] | None = None) -> Iterator[Located]:
        """See `RecordFile`."""
        with _ExplainArrow(self._path, "Arrow"):
            yield from _located(self._batches(), self._path, wanted)

    def _batches(self) -> Iterator[Any]:
        """Slices of its batches, which may be large; the file is mapped, not read."""
        import pyarrow

        file = pyarrow.memory_map(str(self._path))
        if file.read(6) == b"ARROW1":
            reader = pyarrow.ipc.open_file(file)
            batches = map(reader.get_batch, range(reader.num_record_batches))
        else:
            file.seek(0)
            batches = iter(pyarrow.ipc.open_stream(file))
        for batch in batches:
            for start in range(0, batch.num_rows, _ROWS_PER_BATCH):
                yield batch.slice(start, _ROWS_PER_BATCH)


def _located(
    batches: Iterator[Any], path: pathlib.Path, wanted: Collection[int] | None
) -> Iterator[Located]:
    """The wanted rows of batches of Arrow."""
    chosen = None if wanted is None else set(wanted)
    first = 0
    for batch in batches:
        indices = range(first, first + batch.num_rows)
        first = indices.stop
        if chosen is not None:
            inside = [index - indices.start for index in indices if index in chosen]
            indices_here: Collection[int] = [indices.start + place for place in inside]
            batch = batch.take(inside)
        else:
            indices_here = indices
        for index, row in zip(indices_here, batch.to_pylist(), strict=True):
            yield index, f"{path}, row {index + 1}", row


class _ExplainArrow:
    """Turns what pyarrow raises into one sentence."""

    def __init__(self, path: pathlib.Path, kind: str):
        self._path, self._kind = path, kind

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, ModuleNotFoundError):
            raise ValueError(f"{self._path}: {_PYARROW_IS_MISSING}") from error
        if error is None or isinstance(error, GeneratorExit):
            return
        import pyarrow

        if isinstance(error, pyarrow.ArrowInvalid | UnicodeDecodeError):
            raise ValueError(f"{self._path}: not {_article(self._kind)} file: {error}") from error
        if isinstance(error, OSError | pyarrow.ArrowException):
            reason = getattr(error, "strerror", None) or error
            raise ValueError(f"{self._path}: cannot be read: {reason}") from error


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "AEIOU" else f"a {kind}"


# By name; a file's suffix is a dot and this.
_BY_SUFFIX: Mapping[str, Callable[[pathlib.Path], RecordFile]] = {
    "jsonl": JsonLines,
    "json": Json,
    "csv": Csv,
    "tsv": _tsv,
    "parquet": Parquet,
    "arrow": Arrow,
}
SUFFIXES = tuple(f".{name}" for name in _BY_SUFFIX)
# A text file may hold a record a line, or be one: only its owner knows.
FORMATS: Mapping[str, Callable[[pathlib.Path], RecordFile]] = {**_BY_SUFFIX, "document": WholeText}
