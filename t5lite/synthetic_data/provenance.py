"""How an example came to be: what it was asked with, what was answered, what each filter said.

Whatever makes data writes one line an example, kept or not, into `FOLDER/trace.jsonl`, and
`t5lite trace ID` shows it.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, Self

from t5lite.files import strict_json
from t5lite.files.appended_lines import AppendedLines
from t5lite.files.json_files import read_lines, write_lines
from t5lite.files.local_paths import storage_path
from t5lite.messages.value_types import dataclass_of

TRACE_FILE = "trace.jsonl"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What one filter said of an example.

    Attributes:
      filter: Its name, such as "rouge".
      kept: Whether the example passed.
      why: What was found, such as "ROUGE-L 0.81 with seed_17".
    """

    filter: str
    kept: bool
    why: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Origin:
    """Where one example comes from.

    Attributes:
      id: Its name in the folder, such as "instruction_00012".
      example: Its fields, as far as the answer could be read.
      request: The digest of the request, which `Answers` finds the reply by; None of one that
        nobody was asked for, such as a seed.
      choice: Which of the answers to the request.
      template: The name of the template that the request was made from, where there are several.
      demonstrations: Ids of the examples that the request showed.
      verdicts: What the filters said, in their order; the first that is not `kept` is the last.
    """

    id: str
    example: Mapping[str, Any]
    request: str | None = None
    choice: int = 0
    template: str | None = None
    demonstrations: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    @property
    def left_out_by(self) -> str | None:
        """The filter that left it out; None where every one let it pass."""
        return next((verdict.filter for verdict in self.verdicts if not verdict.kept), None)

    @property
    def kept(self) -> bool:
        """Whether every filter let it pass."""
        return self.left_out_by is None


class Trace:
    """The origins of a folder, which one process at a time adds to; use as a context manager.

    A run that was killed goes through its last round again: what is there already, and is as it
    was, is not added twice. Of an id whose origin has changed the last holds.
    """

    def __init__(self, folder: str | pathlib.Path) -> None:
        """Opens FOLDER/trace.jsonl, or makes it.

        Raises:
          ValueError: It holds a malformed line, or another process adds to it.
        """
        path = storage_path(folder, name="the folder") / TRACE_FILE
        self._lines = AppendedLines(path, name="the folder of the trace")
        self._origins = {}
        try:
            for where, record in self._lines.records:
                origin = dataclass_of(Origin, record, name=where, others_pass=True)
                self._origins[origin.id] = origin
        except BaseException:
            self._lines.__exit__()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.__exit__()

    def add(self, origins: Sequence[Origin]) -> None:
        """Adds what is new; it is on disk when this returns.

        Raises:
          OSError: Of the file, such as on a full disk.
        """
        new = []
        for origin in origins:
            if not _is_same(self._origins.get(origin.id), origin):
                new.append(_record(origin))
                self._origins[origin.id] = origin
        if new:
            self._lines.append(new)


def write_trace(folder: str | pathlib.Path, origins: Sequence[Origin]) -> None:
    """Writes all origins of a folder anew, as a whole or not at all.

    Raises:
      OSError: Of the file, such as on a full disk.
    """
    write_lines(storage_path(folder, name="the folder") / TRACE_FILE, map(_record, origins))


def read_trace(folder: str | pathlib.Path, *, name: str = "--folder") -> dict[str, Origin]:
    """The origins of a folder by their ids.

    Raises:
      ValueError: There are none, or a line is malformed.
    """
    path = storage_path(folder, name=name) / TRACE_FILE
    if not path.is_file():
        raise ValueError(
            f"{name} {folder}: there is no {TRACE_FILE} in it; give the folder that a verb which "
            "makes data wrote"
        )
    lines = read_lines(path, any_text=True)
    origins = (dataclass_of(Origin, line, name=where, others_pass=True) for where, line in lines)
    return {origin.id: origin for origin in origins}


def _record(origin: Origin) -> dict[str, Any]:
    return dataclasses.asdict(dataclasses.replace(origin, example=dict(origin.example)))


def _is_same(old: Origin | None, new: Origin) -> bool:
    """Whether both are written alike, tuples as lists."""
    return old is not None and strict_json.dumps(_record(old)) == strict_json.dumps(_record(new))
