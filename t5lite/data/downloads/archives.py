"""Unpacks .tar and .zip archives without trusting them: only files, only inside the folder."""

import functools
import pathlib
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from typing import IO

# More than any data set here has; an archive that holds more is no data set.
_MAX_BYTES = 64 << 30

# A member: its path, its size, whether it is a link or the like, and how to open it.
_Member = tuple[str, int, bool, Callable[[], IO[bytes] | None]]


def unpack(
    archive: pathlib.Path,
    folder: pathlib.Path,
    *,
    name: str,
    strip: int = 0,
    keep: Sequence[str] = (),
) -> None:
    """Unpacks the files of an archive.

    Args:
      archive: the archive.
      folder: where its files go; it must exist.
      name: the archive's name, whose suffix says its kind.
      strip: how many leading folders to drop from each path.
      keep: only files whose paths, so stripped, start with one of these; empty for all.

    Raises:
      ValueError: if a member has an absolute path or one with `..`, or is to be unpacked and is
        no plain file (a link, a device), all are too large together, nothing is kept, or the
        archive is damaged.
    """
    open_members = _zip_members if name.endswith(".zip") else _tar_members
    size = count = 0
    try:
        for path, length, is_special, open_file in open_members(archive):
            parts = _safe_parts(path)[strip:]
            inside = "/".join(parts)
            if not parts or not inside.startswith(tuple(keep) or ""):
                continue
            if is_special:
                raise ValueError(f"its member {path!r} is a link or a device; nothing was unpacked")
            size += length
            count += 1
            if size > _MAX_BYTES:
                raise ValueError(f"it holds more than {_MAX_BYTES >> 30} GiB")
            _write(open_file, folder.joinpath(*parts), path)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise ValueError(f"the archive is damaged: {error}") from error
    if not count:
        raise ValueError(f"it has no member under {', '.join(keep) or 'its top folder'}")


def _safe_parts(path: str) -> tuple[str, ...]:
    """A member's path in parts.

    Raises:
      ValueError: if it could name something outside the folder on any system.
    """
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    absolute = path.startswith("/") or pathlib.PureWindowsPath(path).drive
    if absolute or ".." in parts or "\\" in path or "\0" in path:
        raise ValueError(f"its member {path!r} would leave the folder; nothing was unpacked")
    return parts


def _write(open_file: Callable[[], IO[bytes] | None], path: pathlib.Path, member: str) -> None:
    if path.exists():
        raise ValueError(f"it has the member {member!r} twice")
    path.parent.mkdir(parents=True, exist_ok=True)
    source = open_file()
    assert source is not None, member
    with source, path.open("xb") as target:
        shutil.copyfileobj(source, target)


def _tar_members(archive: pathlib.Path) -> Iterator[_Member]:
    with tarfile.open(archive, "r:*") as tar:
        for member in tar:
            if not member.isdir():
                open_file = functools.partial(tar.extractfile, member)
                yield member.name, member.size, not member.isreg(), open_file
            else:
                _safe_parts(member.name)


def _zip_members(archive: pathlib.Path) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as zipped:
        for info in zipped.infolist():
            mode = info.external_attr >> 16
            is_special = stat.S_IFMT(mode) not in (0, stat.S_IFREG)
            if not info.is_dir():
                open_file = functools.partial(zipped.open, info)
                yield info.filename, info.file_size, is_special, open_file
            else:
                _safe_parts(info.filename)
