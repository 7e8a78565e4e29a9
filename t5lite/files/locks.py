"""Files that one process at a time may write to.

The system releases a lock however its process ends. A lock file is deleted by who holds it, or
never: whoever had opened it before then holds nothing, which filelock sees, and tries again.
"""

from __future__ import annotations

import pathlib

import filelock


def take_lock(path: pathlib.Path, *, held: str, remedy: str) -> filelock.BaseFileLock:
    """Takes a lock for this process, at once or not at all.

    Args:
      path: the lock file, which is made.
      held: what another process does that has it, for the message.
      remedy: what to do then.

    Raises:
      ValueError: another process has it.
    """
    lock = filelock.FileLock(path, timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise ValueError(f"{held} (it holds {path}); {remedy}") from None
    return lock


def delete_lock(lock: filelock.BaseFileLock) -> None:
    """Deletes the file of a lock that this process has, and releases it."""
    pathlib.Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()
