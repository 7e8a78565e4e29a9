"""Folders and files that a user names: what storage cannot take is refused early.

`storage_path` gives the path of a bucket too (`buckets.py`); `local_path` is for what can only be
on this machine.
"""

from __future__ import annotations

import os
import pathlib
import re
import tempfile

from t5lite.files import buckets

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
    text = os.fspath(text) if isinstance(text, str | os.PathLike) else str(text)
    if _ADDRESS.match(text):
        only = " Here it can only be on this machine." if buckets.is_address(text) else ""
        raise ValueError(
            f"{name} {text}: t5lite reads and writes gs:// and s3:// (docs/storage.md), and what "
            f"is on this machine.{only} Mount the bucket or share as a folder, or copy what it "
            "holds, and give that folder."
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


def storage_path(text: str | os.PathLike[str], *, name: str) -> pathlib.Path:
    """As `local_path`; an address of a bucket gives the path there, see `buckets.py`.

    Raises:
      ValueError: as `local_path` and `buckets.bucket_path`.
    """
    if not isinstance(text, str | os.PathLike):  # A path of a bucket already.
        return text
    if buckets.is_address(os.fspath(text)):
        return buckets.bucket_path(os.fspath(text), name=name)
    return local_path(text, name=name)


def named_path(text: str, *, name: str) -> tuple[str, pathlib.Path]:
    """A name and the path that it is given to, of `NAME=PATH`; the name is "" of a path alone.

    Raises:
      ValueError: as `storage_path`.
    """
    label, _, rest = text.partition("=")
    if label and rest and not buckets.is_address(text) and not os.path.exists(text):
        return label, storage_path(rest, name=name)
    return "", storage_path(text, name=name)


def check_storable(folder: pathlib.Path, *, name: str) -> None:
    """Refuses a folder below which checkpoints would be written but not found again.

    Raises:
      ValueError: naming the part of the whole path that is to be called otherwise.
    """
    in_bucket = buckets.is_in_bucket(folder)
    for part in str(folder).split("/") if in_bucket else folder.absolute().parts:
        if (part in ("gs:", "s3:") and not in_bucket) or set(part) & set(_NOT_FOUND_AGAIN):
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
      ValueError: as `storage_path`; its bucket is missing or forbidden; or a file or a folder that
        cannot be written to is in the way.
    """
    folder = storage_path(text, name=name)
    if buckets.is_in_bucket(folder):
        buckets.check_bucket(folder, name=name, writes=True)
        return folder
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


def writable_file(text: str | os.PathLike[str], *, name: str) -> pathlib.Path:
    """A file that can be written, in a folder that is there now: said before hours of work.

    Raises:
      ValueError: as `writable_folder`, or it is a folder.
    """
    file = storage_path(text, name=name)
    if file.is_dir():
        raise ValueError(f"{name} {file} is a folder; give a file in it.")
    writable_folder(file.parent, name=name).mkdir(parents=True, exist_ok=True)
    return file
