"""Folders and files that a user names: what this machine's storage cannot take is refused early."""

from __future__ import annotations

import os
import pathlib
import re
import tempfile

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
# Orbax looks its files up with patterns, in which these mean something else: what it writes below
# such a folder it does not find again, or with files of another folder that the pattern fits.
_NOT_FOUND_AGAIN = "[]*?\\"
_MAX_NAME_BYTES = 255
_MAX_PATH_BYTES = 3072  # of 4,096 that Linux allows


def local_path(text: str | os.PathLike[str], *, name: str) -> pathlib.Path:
    """A path on this machine, `~` filled in.

    Args:
      text: what was given.
      name: the flag or macro that gave it, for messages.

    Raises:
      ValueError: it is the address of something elsewhere, or no path.
    """
    text = os.fspath(text)
    if _ADDRESS.match(text):
        raise ValueError(
            f"{name} {text}: t5lite reads and writes files of this machine only. Mount the bucket "
            "or share as a folder, or copy what it holds, and give that folder."
        )
    if not text.strip():
        raise ValueError(f"{name} is empty; give a path")
    try:
        is_path = b"\0" not in text.encode("utf-8")
    except UnicodeEncodeError:
        is_path = False
    if not is_path or any(len(os.fsencode(p)) > _MAX_NAME_BYTES for p in pathlib.Path(text).parts):
        raise ValueError(
            f"{name} {text[:80]!r} can be no path: its parts must be UTF-8 of at most "
            f"{_MAX_NAME_BYTES} bytes"
        )
    return pathlib.Path(text).expanduser()


def check_storable(folder: pathlib.Path, *, name: str) -> None:
    """Refuses a folder below which checkpoints would be written but not found again.

    Raises:
      ValueError: naming the part of the whole path that is to be called otherwise.
    """
    for part in folder.absolute().parts:
        if part in ("gs:", "s3:") or set(part) & set(_NOT_FOUND_AGAIN):
            raise ValueError(
                f"{name} {folder}: checkpoints cannot lie in a folder called {part!r}, for the "
                f"library that stores them does not find it again. Give a folder whose whole path "
                f"({folder.absolute()}) is without [ ] * ? \\ and without gs: or s3:."
            )


def writable_folder(text: str | os.PathLike[str], *, name: str) -> pathlib.Path:
    """A folder that can be made, or that is there and can be written to; nothing is made here.

    Args:
      text: what was given.
      name: the flag or macro that gave it, for messages.

    Raises:
      ValueError: as `local_path`; or a file or a folder that cannot be written to is in the way.
    """
    folder = local_path(text, name=name)
    if len(os.fsencode(folder.absolute())) > _MAX_PATH_BYTES:
        raise ValueError(
            f"{name} {str(folder)[:80]}...: its whole path is longer than {_MAX_PATH_BYTES:,} "
            "bytes, which leaves no room for the names of files in it. Give another folder."
        )
    nearest = next(p for p in (folder, *folder.absolute().parents) if os.path.lexists(p))
    if not nearest.exists():
        raise ValueError(
            f"{name} {folder}: {nearest} is a link to {os.readlink(nearest)}, which is not there. "
            "Make that folder, or give another one."
        )
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        reason = "is a file" if nearest.is_file() else f"cannot be written to: {error.strerror}"
        raise ValueError(f"{name} {folder}: {nearest} {reason}. Give another folder.") from error
    return folder
