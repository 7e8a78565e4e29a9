"""Reading files that others put there: what is no regular file is refused, never waited for.

Opening a pipe waits until somebody writes to it, and reading a device may never end. A folder, or a
link to nothing, where an optional file is looked for is a mistake, and not the same as no file.
"""

from __future__ import annotations

import codecs
import os
import pathlib
import stat

from t5lite.files.buckets import is_in_bucket


def check_regular(path: pathlib.Path) -> None:
    """Refuses what is there and is no file.

    Raises:
      ValueError: it is a pipe, a device, a socket, a folder or a link to nothing.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if not path.is_symlink():
            return
        found = f"a link to {os.readlink(path)}, which is not there"
    except NotADirectoryError:
        return
    else:
        if stat.S_ISREG(mode):
            return
        found = "a folder" if stat.S_ISDIR(mode) else "no regular file"
    raise ValueError(f"{path} is {found}; put the file itself there")


def has_file(path: pathlib.Path) -> bool:
    """Whether a file is there.

    Raises:
      ValueError: as `check_regular`.
    """
    check_regular(path)
    return path.exists()


def read_bytes(path: pathlib.Path) -> bytes:
    """The content of a file.

    Raises:
      ValueError: as `check_regular`.
      OSError: it is not there, or cannot be read.
    """
    check_regular(path)
    return path.read_bytes()


def read_text(path: pathlib.Path, *, encoding: str = "utf-8") -> str:
    """The text of a file, newlines as they are; "utf-8-sig" takes a byte-order mark off.

    Raises:
      ValueError: as `check_regular`, or it is not UTF-8.
      OSError: it is not there, or cannot be read.
    """
    content = read_bytes(path)
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise ValueError(f"{path}: UTF-16; convert the file to UTF-8") from error
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path}, line {line}: not UTF-8 (byte 0x{content[error.start]:02x}); "
            "convert the file to UTF-8"
        ) from error


def check_all_regular(folder: pathlib.Path) -> None:
    """Refuses a folder with pipes, devices or sockets anywhere in it, for libraries that open all.

    Raises:
      ValueError: naming one of them.
    """
    for place, _, names in () if is_in_bucket(folder) else os.walk(folder):
        for name in names:
            check_regular(pathlib.Path(place, name))
