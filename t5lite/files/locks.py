"""Files that one process at a time may write to.

On a disk the system releases a lock however its process ends. A lock file is deleted by who holds
it, or never: whoever had opened it before then holds nothing, which filelock sees, and tries again.
In a bucket nobody releases what a killed process held, see `bucket_lock.py`.
"""

from __future__ import annotations

import pathlib
from typing import Protocol

import filelock

from t5lite.files.bucket_lock import BucketLock, HeldError
from t5lite.files.buckets import is_in_bucket


class Lock(Protocol):
    """What this process holds until `release`."""

    def release(self) -> None:
        """Lets others take it."""

    def check(self) -> None:
        """Raises ValueError where it was lost: to another process, or with its folder."""


class NoLock:
    """What a process has that writes nothing, beside one that holds the lock."""

    def release(self) -> None:
        """There is nothing to let go."""

    def check(self) -> None:
        """There is nothing to lose."""


class _DiskLock(filelock.FileLock):
    folder: tuple[int, int] | None = None

    def check(self) -> None:
        """Nobody else can take it, but its folder may be another one by now."""
        path = pathlib.Path(self.lock_file).parent
        if self.folder != _identity(path):
            raise ValueError(
                f"{path} was moved or deleted while this process writes to it. Put it back, or "
                "name its new place, and give the same command again; it goes on from what is there"
            )


def _identity(folder: pathlib.Path) -> tuple[int, int] | None:
    """What tells a folder from others that may have its name; None where there is none."""
    try:
        found = folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def take_lock(path: pathlib.Path, *, held: str, remedy: str) -> Lock:
    """Takes a lock for this process, or not at all.

    On a disk it is known at once whether another process has it; in a bucket it may be watched for
    a minute, whether who has it is alive.

    Args:
      path: the lock file, which is made.
      held: what another process does that has it, for the message.
      remedy: what to do then.

    Raises:
      ValueError: another process has it.
    """
    if is_in_bucket(path):
        bucket_lock = BucketLock(path)
        try:
            bucket_lock.acquire()
        except HeldError as error:
            raise ValueError(f"{held} ({error} holds {path}); {remedy}") from None
        return bucket_lock
    lock = _DiskLock(path, timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise ValueError(f"{held} (it holds {path}); {remedy}") from None
    lock.folder = _identity(path.parent)
    return lock


def delete_lock(lock: Lock) -> None:
    """Deletes the file of a lock that this process has, and releases it."""
    if isinstance(lock, filelock.BaseFileLock):
        pathlib.Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()
