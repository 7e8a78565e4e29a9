"""Reading a suite's files: each is parsed once, and a fault is named by file and line."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable
from typing import TypeVar

from t5lite.data.sources import local_files

T = TypeVar("T")


def parsed(parse: Callable[[pathlib.Path], T], path: pathlib.Path) -> T:
    """`parse(path)`, remembered while the file is as it was: many Tasks read the same few files.

    Raises:
      ValueError: there is no such file, or as `parse`.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise ValueError(
            f"{path}: cannot be read: {error.strerror}; `t5lite data status --tasks=tasks.eval` "
            "says what is looked for, `t5lite data fetch` gets what it can"
        ) from error
    return _remembered(parse, path, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=8)
def _remembered(parse: Callable[[pathlib.Path], T], path: pathlib.Path, *state: int) -> T:
    del state  # Only part of the cache's key.
    return parse(path)


def read_text(path: pathlib.Path) -> str:
    """The text of a UTF-8 file that holds something.

    Raises:
      ValueError: it cannot be read, or holds nothing.
    """
    text = local_files.read_text(path)
    if not text.strip():
        raise ValueError(f"{path}: is empty")
    return text
