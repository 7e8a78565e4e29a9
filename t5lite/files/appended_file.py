"""A file that one process adds to, on a disk or in a bucket.

A bucket cannot append: the file is kept on this machine then and written whole, now and again and
where `sync` asks for it. A process that is killed loses what it added since.
"""

from __future__ import annotations

import os
import pathlib
import tempfile
import time
from collections.abc import Callable
from typing import BinaryIO

from t5lite.files.buckets import is_in_bucket
from t5lite.files.whole_file import naming_file

# Between two writings to a bucket, which take the whole file.
_SECONDS = 30.0


class AppendedFile:
    """Bytes that are added at the end of a file, which is made where it is not there.

    Attributes:
      path: the file.
    """

    def __init__(self, path: pathlib.Path, *, now: Callable[[], float] = time.monotonic) -> None:
        """Opens the file; `now` gives seconds.

        Raises:
          OSError: it cannot be opened.
        """
        self.path, self._now, self._in_bucket = path, now, is_in_bucket(path)
        self._written_at, self._is_written = now(), True
        # Without a buffer, which would try again what a full disk refused, when nobody asks it to.
        self._file: BinaryIO
        if self._in_bucket:
            self._file = tempfile.TemporaryFile("a+b", buffering=0)  # noqa: SIM115 (closed below)
            if path.exists():
                self._file.write(path.read_bytes())
        else:
            self._file = path.open("a+b", buffering=0)

    def read(self, start: int = 0, num_bytes: int = -1) -> bytes:
        """All that it holds, or so many bytes of it from `start` on, fewer at its end."""
        self._file.seek(start)
        return self._file.read(num_bytes)

    def append(self, content: bytes, *, durably: bool = False) -> None:
        """Adds bytes; with `durably` a disk has them when this returns.

        Raises:
          OSError: naming the file, such as on a full disk; none of the bytes is there then.
        """
        end = self._file.seek(0, os.SEEK_END)
        with naming_file(self.path):
            try:
                rest = memoryview(content)
                while rest:
                    rest = rest[self._file.write(rest) :]
                if durably and not self._in_bucket:
                    os.fsync(self._file.fileno())
            except OSError:
                self._file.truncate(end)
                raise
        self._is_written = False
        if self._in_bucket and self._now() - self._written_at >= _SECONDS:
            self.sync()

    def truncate(self, num_bytes: int) -> None:
        """Cuts off what is behind so many bytes."""
        if self._file.seek(0, os.SEEK_END) == num_bytes:
            return
        with naming_file(self.path):
            self._file.truncate(num_bytes)
            os.fsync(self._file.fileno())
        self._is_written = False

    def sync(self) -> None:
        """Writes it to the bucket where it lies in one."""
        if self._in_bucket and not self._is_written:
            self.path.write_bytes(self.read())
            self._written_at = self._now()
        self._is_written = True

    def close(self) -> None:
        """Writes what is not written yet, and closes."""
        if not self._file.closed:
            self.sync()
            self._file.close()
