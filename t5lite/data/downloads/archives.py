"""Unpacks .tar and .zip archives without trusting them: only files, only inside the folder.

An archive is read to its end, so that what is damaged or cut anywhere is found: Python's readers
take a tar file for complete that ends, or turns into something else, between two members, and look
at a stream's checksum only where they come to it.
"""

import bz2
import errno
import functools
import gzip
import lzma
import pathlib
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from typing import IO, cast

from t5lite.files.whole_file import FULL_DISK

# More than any data set here has; an archive that holds more is no data set.
MAX_BYTES = 64 << 30
_MAX_DEPTH = 64
# A zip file's last record, and the longest comment behind it.
_MAX_ZIP_END_BYTES = 22 + (1 << 16)
_TAR_BLOCK_BYTES = 512
_CHUNK_BYTES = 1 << 20

# What a compressed file begins with, and how it is opened.
_COMPRESSIONS: dict[bytes, Callable[[pathlib.Path], object]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}

# A member: its path, its size, whether it is a link or the like, and how to open it.
_Member = tuple[str, int, bool, Callable[[], IO[bytes] | None]]


class _RefusedError(ValueError):
    """An archive is what we do not take, and says so in our own words."""


class NoRoomError(_RefusedError):
    """The folder takes no more files; nothing is said of the archive."""


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
        no plain file (a link, a device), all are too large together, nothing is kept, the archive
        is damaged, cut, encrypted or compressed in an unknown way, or the disk is full.
    """
    open_members = _zip_members if name.endswith(".zip") else _tar_members
    size = count = 0
    try:
        for path, length, is_special, open_file in open_members(archive):
            parts = _safe_parts(path)[strip:]
            size += length
            if size > MAX_BYTES or length < 0:
                raise _RefusedError(f"it holds more than {MAX_BYTES >> 30} GiB")
            inside = "/".join(parts)
            is_kept = bool(parts) and inside.startswith(tuple(keep) or "")
            if is_special and is_kept:
                raise _RefusedError(
                    f"its member {_shown(path)} is a link or a device; nothing was unpacked"
                )
            count += is_kept
            if is_kept:
                _write(open_file, folder.joinpath(*parts), path)
            elif not is_special:  # read all the same: its name may be what is damaged
                _read_through(open_file)
    except _RefusedError:
        raise
    # Of the modules underneath each has errors of its own, some of Python's among them.
    except Exception as error:
        raise ValueError(
            f"the archive is damaged, or of a kind that is not read: {str(error) or repr(error)}"
        ) from error
    if not count:
        raise _RefusedError(f"it has no member under {', '.join(keep) or 'its top folder'}")


def _safe_parts(path: str) -> tuple[str, ...]:
    """A member's path in parts.

    Raises:
      ValueError: if it could name something outside the folder on any system.
    """
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    absolute = path.startswith("/") or pathlib.PureWindowsPath(path).drive
    if absolute or ".." in parts or "\\" in path or "\0" in path:
        raise _RefusedError(
            f"its member {_shown(path)} would leave the folder; nothing was unpacked"
        )
    if len(parts) > _MAX_DEPTH:
        raise _RefusedError(f"its member {_shown(path)} lies in more than {_MAX_DEPTH} folders")
    return parts


def _shown(path: str) -> str:
    return ascii(path if len(path) < 200 else path[:200] + "...")


def _write(open_file: Callable[[], IO[bytes] | None], path: pathlib.Path, member: str) -> None:
    source = open_file()
    assert source is not None, member
    with source:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            target = path.open("xb")
        except FileExistsError as error:
            raise _RefusedError(f"it has the member {_shown(member)} twice") from error
        except OSError as error:
            is_ours = error.errno in (*FULL_DISK, errno.EACCES, errno.EPERM, errno.EROFS)
            raise (NoRoomError if is_ours else _RefusedError)(
                f"its member {_shown(member)} cannot be written: {error.strerror}"
            ) from error
        try:
            with target:
                shutil.copyfileobj(source, target, _CHUNK_BYTES)
        except OSError as error:
            if error.errno not in FULL_DISK:
                raise
            raise NoRoomError(
                f"no space left on the disk of {path.parent}; free some and fetch it again"
            ) from error


def _read_through(open_file: Callable[[], IO[bytes] | None]) -> None:
    source = open_file()
    assert source is not None
    with source:
        while source.read(_CHUNK_BYTES):
            pass


def _tar_members(archive: pathlib.Path) -> Iterator[_Member]:
    with _decompressed(archive) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
        for member in tar:
            if not member.isdir():
                open_file = functools.partial(tar.extractfile, member)
                yield member.name, member.size, not member.isreg(), open_file
            else:
                _safe_parts(member.name)
        _read_to_end(stream, tar.offset)


def _decompressed(archive: pathlib.Path) -> IO[bytes]:
    with archive.open("rb") as file:
        start = file.read(max(map(len, _COMPRESSIONS)))
    for magic, open_stream in _COMPRESSIONS.items():
        if start.startswith(magic):
            return cast(IO[bytes], open_stream(archive))
    return archive.open("rb")


def _read_to_end(stream: IO[bytes], offset: int) -> None:
    """Reads what comes after the last member: a block of zeros, and whatever fills the file.

    Raises:
      EOFError: there is no such block: the archive is cut, or the next member's header damaged.
    """
    stream.seek(offset)
    block = stream.read(_TAR_BLOCK_BYTES)
    if len(block) < _TAR_BLOCK_BYTES or any(block):
        raise EOFError(f"it ends at byte {offset:,} without the mark that ends an archive")
    num_bytes = 0
    while chunk := stream.read(_CHUNK_BYTES):
        num_bytes += len(chunk)
        if num_bytes > MAX_BYTES:
            raise _RefusedError(f"it holds more than {MAX_BYTES >> 30} GiB")


def _zip_members(archive: pathlib.Path) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as zipped:
        _check_number(zipped, archive)
        for info in zipped.infolist():
            mode = info.external_attr >> 16
            is_special = stat.S_IFMT(mode) not in (0, stat.S_IFREG)
            if not info.is_dir():
                open_file = functools.partial(zipped.open, info)
                yield info.filename, info.file_size, is_special, open_file
            else:
                _safe_parts(info.filename)


def _check_number(zipped: zipfile.ZipFile, archive: pathlib.Path) -> None:
    """Compares how many members were found with what the archive's last record says.

    Raises:
      EOFError: a damaged entry of the list of members hides those after it.
    """
    with archive.open("rb") as file:
        file.seek(max(0, archive.stat().st_size - _MAX_ZIP_END_BYTES))
        tail = file.read()
    said = int.from_bytes(tail[tail.rindex(b"PK\5\6") + 10 :][:2], "little")
    found = len(zipped.infolist())
    if said not in (found, 0xFFFF):  # which says that there are more than it can hold
        raise EOFError(f"it says that it has {said} members, and lists {found}")
