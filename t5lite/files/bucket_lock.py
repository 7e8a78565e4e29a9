"""A lock in a bucket: objects, the one of the highest number being the holder's.

A lock is taken by making the object of the next number, which a bucket lets one process do. The
holder writes its object again all the time. Who finds a holder watches its object: where it
changes, the holder is alive; where it does not for `EXPIRY_SECONDS`, or where the holder was a
process of this machine that is no more, it was killed, and the next number is free to take. No
clock is compared with that of another machine. A holder that was stopped for so long and goes on
finds a higher number, and has lost the lock.
"""

from __future__ import annotations

import logging
import os
import pathlib
import secrets
import socket
import threading
import time
import weakref
from collections.abc import Mapping
from typing import Any

import psutil

from t5lite.files import strict_json
from t5lite.files.buckets import create_object, list_objects

log = logging.getLogger(__name__)

BEAT_SECONDS = 15.0
EXPIRY_SECONDS = 60.0
_LOOKS = 12  # within EXPIRY_SECONDS
_ATTEMPTS = 10


class HeldError(Exception):
    """Another process has the lock; its text says which."""


class BucketLock:
    """A lock of this process, until `release`, or until nothing refers to it."""

    def __init__(self, path: pathlib.Path) -> None:
        """Names it; `path` is the folder of its objects."""
        self._path = path
        self._holding: _Holding | None = None

    def acquire(self) -> None:
        """Takes it; watches another holder for at most `EXPIRY_SECONDS`.

        Raises:
          HeldError: another process has it.
        """
        me = _this_process()
        for _ in range(_ATTEMPTS):
            number, content = _latest(self._path)
            if content and not _is_dead(content):
                self._watch(number, content)
            mine = self._path / f"{number + 1:08d}"
            if create_object(mine, _to_bytes(me)):
                self._holding = _Holding(self._path, number + 1, me)
                weakref.finalize(self, self._holding.end)
                return
        raise HeldError("one process after another")

    def check(self) -> None:
        """Raises ValueError where another process has taken it since."""
        if self._holding is not None and self._holding.is_lost.is_set():
            raise ValueError(
                f"this process gave no sign of life in {self._path} for {EXPIRY_SECONDS:.0f} "
                "seconds (was it stopped, or the network down?), and another one has taken over "
                "its work there. Nothing more is written by this one."
            )

    def release(self) -> None:
        """Gives it back."""
        if self._holding is not None:
            self._holding.end()
            self._holding = None

    def _watch(self, number: int, content: bytes) -> None:
        """Returns when the holder has shown no life for long enough."""
        holder = _describe(content)
        log.info(
            "%s is held by %s; looking for at most %.0f seconds whether it is alive",
            *(self._path, holder, EXPIRY_SECONDS),
        )
        for _ in range(_LOOKS):
            time.sleep(EXPIRY_SECONDS / _LOOKS)
            now = _latest(self._path)
            if now[0] > number or (now[0] == number and now[1] != content):
                raise HeldError(holder)
            if now[0] < number:
                return
        log.warning("%s was held by %s, which shows no life; it is taken over", self._path, holder)


class _Holding:
    """What keeps a lock while it is held: a thread that writes its object."""

    def __init__(self, path: pathlib.Path, number: int, me: Mapping[str, Any]) -> None:
        self.is_lost = threading.Event()
        self._path, self._number, self._me = path, number, me
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bucket lock", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Ends the thread, and deletes the lock's objects, as far as they are there."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._thread.join()
        self._delete(up_to=self._number)

    def _run(self) -> None:
        self._delete(up_to=self._number - 1)
        number = 0
        while not (self._ended.wait(BEAT_SECONDS) or self.is_lost.is_set()):
            number += 1
            self.beat(number)

    def beat(self, number: int) -> None:
        """Writes the object once more, unless another process has a higher one."""
        try:
            if _latest(self._path)[0] > self._number:
                self.is_lost.set()
                return
            content = _to_bytes({**self._me, "beat": number})
            (self._path / f"{self._number:08d}").write_bytes(content)
        except Exception as error:  # Of the network or of a driver; the next may do.
            log.warning("no sign of life could be given in %s: %s", self._path, error)

    def _delete(self, *, up_to: int) -> None:
        try:
            for name in list_objects(self._path):
                if int(name) <= up_to:
                    (self._path / name).unlink(missing_ok=True)
        except Exception as error:
            log.warning("objects of the lock %s are left there: %s", self._path, error)


def _latest(path: pathlib.Path) -> tuple[int, bytes]:
    """The highest number and what its object holds; 0 where there is none."""
    for _ in range(_ATTEMPTS):
        number = max(map(int, list_objects(path)), default=0)
        try:
            return number, (path / f"{number:08d}").read_bytes() if number else b""
        except FileNotFoundError:  # Deleted since it was listed.
            continue
    raise HeldError("one process after another")


def _this_process() -> dict[str, Any]:
    me = psutil.Process()
    return {
        "id": secrets.token_hex(8),
        "host": socket.gethostname(),
        "process": me.pid,
        "started": me.create_time(),
        "machine": _machine(),
        "beat": 0,
    }


def _machine() -> str:
    """Which machine and, in containers, whose processes are counted; "" where it is not known."""
    try:
        boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _is_dead(content: bytes) -> bool:
    """Whether a holder was a process of this machine that has ended."""
    holder = strict_json.loads(content.decode(), where="lock")
    if not holder["machine"] or holder["machine"] != _machine():
        return False
    try:
        return psutil.Process(holder["process"]).create_time() != holder["started"]
    except psutil.NoSuchProcess:
        return True


def _describe(content: bytes) -> str:
    holder = strict_json.loads(content.decode(), where="lock")
    return f"process {holder['process']} of {holder['host']}"


def _to_bytes(record: Mapping[str, Any]) -> bytes:
    return strict_json.dumps(record).encode()
