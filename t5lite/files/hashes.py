"""Hashes of files, kept beside them and compared when they are read.

They find accidents: a bit that flipped, a block that was lost, half a file. CRC-32 finds every
burst of up to 32 wrong bits and all but one in four billion other changes, several times as fast as
cryptographic hashes. They are no protection from somebody who changes files and hashes together.

A bucket computes hashes itself when it is written to, and says them in its listings: of a folder
there these are kept, "crc32c:..." or "etag:...", and nothing is read to write or to compare them.
Elsewhere, such as in a copy on a disk, files with such a hash are compared by their sizes.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import pathlib
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar

from t5lite.files import strict_json
from t5lite.files.buckets import is_in_bucket, list_objects, object_hash
from t5lite.files.json_files import read_object
from t5lite.files.regular_files import has_file
from t5lite.files.whole_file import write_whole
from t5lite.messages.value_types import check_type

HASHES_FILE = "hashes.json"
VERIFY_VARIABLE = "T5LITE_VERIFY"

_Hash = TypeVar("_Hash")

_FORMAT = 1
_BUFFER_BYTES = 2**20
_MAX_THREADS = 8


def verify_is_on() -> bool:
    """Whether what is read is compared with its hashes: the flag --verify, or T5LITE_VERIFY.

    Raises:
      ValueError: the variable is neither "on" nor "off".
    """
    value = os.environ.get(VERIFY_VARIABLE) or "on"
    if value not in ("on", "off"):
        raise ValueError(f"{VERIFY_VARIABLE} (--verify) is {value!r}, neither 'on' nor 'off'")
    return value == "on"


def hash_file(path: pathlib.Path) -> str:
    """CRC-32 of a file's bytes, in hexadecimal; no more than a buffer of it is in memory."""
    crc, buffer = 0, bytearray(_BUFFER_BYTES)
    view = memoryview(buffer)
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            crc = zlib.crc32(view[:count], crc)
    return f"{crc:08x}"


def _try_hash_file(path: pathlib.Path) -> str | OSError:
    try:
        return hash_file(path)
    except OSError as error:
        return error


@dataclasses.dataclass(frozen=True)
class FileHashes:
    """What the files of a folder were when they were written.

    Attributes:
      folder: the folder.
      files: size in bytes and hash of each, by its path from the folder.
    """

    folder: pathlib.Path
    files: Mapping[str, tuple[int, str]]

    @classmethod
    def of(cls, folder: pathlib.Path, names: Iterable[str] | None = None) -> FileHashes:
        """Reads files of a folder; all of them, those in folders of it too, when `names` is None.

        Raises:
          OSError: a file cannot be read.
        """
        if names is None:
            names = files_below(folder)
        names = sorted(set(names) - {HASHES_FILE})
        if is_in_bucket(folder):
            listed = list_objects(folder)
            return cls(folder, {n: (listed[n]["size"], object_hash(listed[n])) for n in names})
        hashes = _in_threads([folder / name for name in names], hash_file)
        sizes = {name: (folder / name).stat().st_size for name in names}
        return cls(folder, {name: (sizes[name], hashes[folder / name]) for name in names})

    @classmethod
    def read(cls, folder: pathlib.Path) -> FileHashes | None:
        """Those kept in a folder; None where there are none.

        Raises:
          ValueError: what is kept is itself damaged.
        """
        path = folder / HASHES_FILE
        if not has_file(path):
            return None
        try:
            record = read_object(path)
            check_type(record["files"], Mapping[str, list[Any]], name="files")
            files = {name: (int(size), str(crc)) for name, (size, crc) in record["files"].items()}
            if record["format"] != _FORMAT or record["hash"] != _hash_of(files):
                raise ValueError("it does not have the hash that it says")
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise ValueError(
                f"{path}, which holds the hashes of the files beside it, is damaged ({error})"
            ) from error
        return cls(folder, files)

    def save(self) -> None:
        """Writes them into the folder, as a whole or not at all."""
        record = {
            "format": _FORMAT,
            "hash": _hash_of(self.files),
            "files": {name: list(entry) for name, entry in self.files.items()},
        }
        write_whole(self.folder / HASHES_FILE, strict_json.dumps(record, indent=1) + "\n")

    def named(self, prefix: str) -> list[str]:
        """The files whose path begins so, in order."""
        return sorted(name for name in self.files if name.startswith(prefix))

    def combined(self, prefix: str = "") -> str:
        """One hash of all files whose path begins so: of their names, sizes and hashes."""
        return _hash_of({name: self.files[name] for name in self.named(prefix)})

    def differences(self, names: Collection[str] | None = None) -> dict[str, str]:
        """What is wrong with each file that is not as it was written; all are read.

        Args:
          names: only these; all when None.
        """
        found, same_size = {}, []
        listed = list_objects(self.folder) if is_in_bucket(self.folder) else None
        for name in self.files if names is None else names:
            wanted, crc_of_before = self.files[name]
            size = _size(self.folder / name, None if listed is None else listed.get(name, {}))
            if size is None:
                found[name] = "is missing"
            elif size != wanted:
                found[name] = f"has {size:,} bytes, of the {wanted:,} that were written"
            elif ":" not in crc_of_before:
                same_size.append(name)
            elif listed is not None:
                now, before = object_hash(listed[name]), crc_of_before
                if now.split(":")[0] == before.split(":")[0] and now != before:
                    found[name] = f"is not what was written (its hash is {now}, was {before})"
        hashes = _in_threads([self.folder / name for name in same_size], _try_hash_file)
        for name in same_size:
            crc, wanted_crc = hashes[self.folder / name], self.files[name][1]
            if isinstance(crc, OSError):
                found[name] = f"cannot be read ({crc.strerror})"
            elif crc != wanted_crc:
                found[name] = f"is not what was written (its CRC-32 is {crc}, was {wanted_crc})"
        return dict(sorted(found.items()))


def files_below(folder: pathlib.Path) -> list[str]:
    """All files of a folder and of those in it, by their paths from it."""
    if is_in_bucket(folder):
        return list(list_objects(folder))
    return [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]


def _size(path: pathlib.Path, listed: Mapping[str, Any] | None) -> int | None:
    """The bytes of a file, None where there is none; `listed` is what a bucket says of it."""
    if listed is not None:
        return listed.get("size")
    return path.stat().st_size if path.is_file() else None


def _in_threads(
    paths: Collection[pathlib.Path], hash_one: Callable[[pathlib.Path], _Hash]
) -> dict[pathlib.Path, _Hash]:
    """Hashes of files; computing them holds no lock of Python's, so that threads help."""
    if len(paths) <= 1:
        return {path: hash_one(path) for path in paths}
    num_threads = min(len(paths), os.cpu_count() or 1, _MAX_THREADS)
    with concurrent.futures.ThreadPoolExecutor(num_threads) as executor:
        return dict(zip(paths, executor.map(hash_one, paths), strict=True))


def _hash_of(files: Mapping[str, tuple[int, str]]) -> str:
    text = strict_json.dumps(sorted((name, *entry) for name, entry in files.items()))
    return f"{zlib.crc32(text.encode()):08x}"
