"""JSON Lines that are added one at a time, and are on disk before the next is thought of."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from t5lite.files.appended_file import AppendedFile
from t5lite.files.json_files import line_of, parse_lines
from t5lite.files.local_paths import storage_path, writable_folder
from t5lite.files.locks import delete_lock, take_lock
from t5lite.files.regular_files import check_regular


class AppendedLines:
    """A JSONL file that one process adds lines to; use as a context manager.

    A process that is killed leaves whole lines, and maybe a piece of one, which the next to open
    the file cuts off. `FILE.lock` is there meanwhile.

    Attributes:
      path: The file.
      records: Its lines, `(where, object)` each, as `files.json_files.parse_lines` gives them.
    """

    def __init__(self, path: str | pathlib.Path, *, name: str) -> None:
        """Opens the file, or makes it.

        Args:
          path: The file.
          name: The flag that gave it, for messages.

        Raises:
          ValueError: It is no file, holds a malformed line, cannot be made, or another process adds
            to it.
        """
        self.path = storage_path(path, name=name)
        check_regular(self.path)
        writable_folder(self.path.parent, name=f"{name} {path}:")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = take_lock(
            self.path.with_name(self.path.name + ".lock"),
            held=f"another process is writing {self.path}",
            remedy=f"stop that one, or give another {name}.",
        )
        try:
            self._file, self.records = self._open()
        except BaseException:
            delete_lock(self._lock)
            raise

    def __enter__(self) -> AppendedLines:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        delete_lock(self._lock)

    def append(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Adds lines; they are on disk when this returns.

        Raises:
          OSError: Of this file, such as on a full disk; none of the lines is there then.
        """
        self._file.append(b"".join(map(line_of, records)), durably=True)
        self._file.sync()
        self.records += [(str(self.path), dict(record)) for record in records]

    def take_back(self) -> None:
        """Removes the last line."""
        assert self.records, "there is a line to remove"
        content = self._file.read().rstrip(b"\n")
        self._file.truncate(content.rfind(b"\n") + 1)
        self._file.sync()
        del self.records[-1]

    def _open(self) -> tuple[AppendedFile, list[tuple[str, dict[str, Any]]]]:
        file = AppendedFile(self.path)
        content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        try:
            text = whole.decode("utf-8")
            records = list(parse_lines(text, path=self.path, any_text=True))
        except UnicodeDecodeError as error:
            file.close()
            raise ValueError(f"{self.path} is not JSON Lines: {error}") from error
        except ValueError:
            file.close()
            raise
        file.truncate(len(whole))
        return file, records
