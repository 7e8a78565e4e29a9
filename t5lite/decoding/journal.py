"""An ordered JSONL output that a killed run leaves whole up to a chunk, and a new run continues.

OUTPUT.settings.json   what the output is made from; stays beside it as its provenance
OUTPUT.partial         finished lines so far, renamed to OUTPUT at the end
OUTPUT.lock            while a run is writing
"""

from __future__ import annotations

import io
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from t5lite.files import strict_json
from t5lite.files.appended_file import AppendedFile
from t5lite.files.buckets import is_in_bucket
from t5lite.files.json_files import read_object, write_object
from t5lite.files.local_paths import storage_path, writable_folder
from t5lite.files.locks import delete_lock, take_lock
from t5lite.files.whole_file import FULL_DISK


class Journal:
    """Lines in order, appended a chunk at a time; use as a context manager.

    Attributes:
      num_done: Lines that need not be made again: whole chunks, or all.
    """

    def __init__(
        self,
        output: str | pathlib.Path,
        *,
        settings: Mapping[str, Any],
        num_lines: int,
        chunk_size: int,
        flag: str = "--output",
    ) -> None:
        """Opens or continues `output`.

        Args:
          output: The file that will hold all lines.
          settings: JSON-able; all that the lines depend on.
          num_lines: Lines of the complete output.
          chunk_size: Lines of every chunk but the last.
          flag: What says where the output lies, for errors.

        Raises:
          ValueError: The output, or the part of it that is there, was made with other settings, or
            another run is writing it.
        """
        self._output = storage_path(output, name=flag)
        if self._output.is_dir():
            raise ValueError(f"output {output} is a folder (flag {flag}); give a file")
        writable_folder(self._output.parent, name=f"output {output}, flag {flag}:")
        self._partial = self._beside(".partial")
        self._settings_path = self._beside(".settings.json")
        # Through JSON, so that tuples compare equal to the lists read back.
        self._settings = json.loads(strict_json.dumps({**settings, "chunk_size": chunk_size}))
        self._chunk_size = chunk_size
        self._file: AppendedFile | None = None
        self._output.parent.mkdir(parents=True, exist_ok=True)
        self._lock = take_lock(
            self._beside(".lock"),
            held=f"another run is writing {self._output}",
            remedy="wait for it, or choose another output.",
        )
        try:
            is_finished = self._output.exists()
            self.num_done = num_lines if is_finished else 0
            if is_finished or self._has_lines():
                self._check_settings(self._output if is_finished else self._partial)
            if not is_finished:
                self._open()
        except BaseException:
            delete_lock(self._lock)
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
        delete_lock(self._lock)

    def append(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Adds one chunk of lines, on disk when this returns.

        Raises:
          ValueError: The disk is full; the chunks before are whole.
        """
        assert self._file is not None
        text = "".join(strict_json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        try:
            # JSON may hold half a surrogate pair; it is written as the escape it was read from.
            self._file.append(text.encode("utf-8", "backslashreplace"), durably=True)
        except OSError as error:
            if error.errno not in FULL_DISK:
                raise
            raise ValueError(
                f"no space left on the disk of {self._partial}. What it holds is kept: free some "
                "space and start the same command again."
            ) from error

    def finish(self) -> None:
        """Gives the complete file its name, where it does not have it yet."""
        if self._file is not None:
            content = self._file.read() if is_in_bucket(self._output) else None
            self._file.close()
            if content is None:
                self._partial.replace(self._output)
            else:  # A bucket cannot rename.
                self._output.write_bytes(content)
                self._partial.unlink(missing_ok=True)

    def read(self) -> bytes:
        """The `num_done` lines that are there."""
        return self._output.read_bytes() if self._file is None else self._file.read()

    def discard(self) -> None:
        """Deletes the lines, and what says how they were made."""
        if self._file is not None:
            self._file.close()
        for path in (self._output, self._partial, self._settings_path):
            path.unlink(missing_ok=True)

    def _beside(self, suffix: str) -> pathlib.Path:
        return self._output.with_name(self._output.name + suffix)

    def _has_lines(self) -> bool:
        return self._partial.exists() and self._partial.stat().st_size > 0

    def _open(self) -> None:
        """Opens the partial file after its last whole chunk."""
        if not self._has_lines():
            write_object(self._settings_path, self._settings)
        self._file = AppendedFile(self._partial)
        kept_bytes = num_lines = position = 0
        for line in io.BytesIO(self._file.read()):
            position += len(line)
            num_lines += line.endswith(b"\n")
            if num_lines % self._chunk_size == 0 and line.endswith(b"\n"):
                self.num_done, kept_bytes = num_lines, position
        self._file.truncate(kept_bytes)

    def _check_settings(self, found: pathlib.Path) -> None:
        if not self._settings_path.exists():
            raise ValueError(
                f"{found} exists, and {self._settings_path.name}, which would say how it was made, "
                "does not: choose another output, or delete it."
            )
        before, now = _flat(read_object(self._settings_path)), _flat(self._settings)
        differing = [
            f"  {name}: {before.get(name)!r} then, {now.get(name)!r} now"
            for name in sorted(before.keys() | now.keys())
            if before.get(name) != now.get(name)
        ]
        if differing:
            raise ValueError(
                f"{found} was made with other settings:\n"
                + "\n".join(differing)
                + "\nChoose another output, or delete it to start over."
            )


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by name, those inside others as `decoding.seed`."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        inside = _flat(value) if isinstance(value, Mapping) else None
        flat |= {f"{name}.{k}": v for k, v in inside.items()} if inside else {name: value}
    return flat
