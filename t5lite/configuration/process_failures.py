"""Several processes end together: one that fails says so to the others, through JAX's coordinator.

Without it the others wait for one that fails at a collective or at JAX's last barrier, for minutes.
A process that dies without a word is missed by JAX itself, by its heartbeats, within
`HEARTBEAT_SECONDS`: it ends all others with a message that has the number only. So who is silent is
named here before, with its host. Where it is process 0, which coordinates, JAX ends the others at
once and names none: they do so when they are aborted.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import itertools
import math
import os
import re
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from t5lite.messages import streams

HEARTBEAT_SECONDS = 50
# Less than half of that: JAX's heartbeats are so far apart, and the last may be as old as that.
_SILENT_SECONDS = 20.0
_POLL_SECONDS = 1.0
_BEATS, _NEWS = "t5lite/beats/", "t5lite/news/"
_FAILED, _SILENT = f"{_NEWS}failed/", f"{_NEWS}silent/"
_JOIN_MILLISECONDS = 60_000
_ABORT_SECONDS = 10
_FAILED_WITH_OTHERS = 1
_watching = threading.Event()  # set where this process is one of several
# How XLA's errors begin, of whatever class they are.
_OF_XLA = re.compile(r"(UNKNOWN|INTERNAL|UNAVAILABLE|ABORTED|CANCELLED|DEADLINE_EXCEEDED): ")


def watch(coordinator: str | None) -> None:
    """Begins to beat, and to listen for the failures of others; after jax.distributed started.

    Args:
      coordinator: `HOST:PORT` of process 0, where it is known.
    """
    import jax

    if jax.process_count() == 1:
        return
    client = _client()
    _beat(client, 0)  # before anything can happen to this process
    _watching.set()
    watch = _Watch(client, coordinator)
    threading.Thread(target=watch.run, name="watch_processes", daemon=True).start()
    if _index() != 0:
        _before_abort(watch.name_the_lost)


@contextlib.contextmanager
def telling_others() -> Iterator[None]:
    """Tells the other processes, where there are some, of an exception that passes through."""
    try:
        yield
    except BaseException as error:
        if _watching.is_set():
            _tell(error)
        raise


def ending_together(command: Callable[[], int]) -> int:
    """Runs a command; where it fails as one of several processes, ends this one at once.

    JAX's own end would wait for the others, which end as soon as they are told.
    """
    try:
        status = command()
    except BaseException:
        if not _watching.is_set():
            raise
        traceback.print_exc()
        status = _FAILED_WITH_OTHERS
    if status and _watching.is_set():
        _leave(status)
    return status


def _client() -> Any:
    import orbax.checkpoint as ocp

    return ocp.multihost.get_jax_distributed_client()


@functools.cache
def _index() -> int:
    """Kept, for at the interpreter's end JAX has forgotten it and would start its devices anew."""
    import jax

    return jax.process_index()


@functools.cache
def _name() -> str:
    import jax

    return f"process {_index()} of {jax.process_count()} on {socket.gethostname()}"


def _tell(error: BaseException) -> None:
    """Says that this process fails, unless it is for want of another."""
    import jax

    if _OF_XLA.match(str(error)):
        # A collective fails at once where a process is gone, long before that one is missed.
        streams.say(f"t5lite: {_name()} failed in a computation; waiting to hear of another")
        time.sleep(HEARTBEAT_SECONDS + 2 * _POLL_SECONDS)
    lines = str(error).strip().splitlines()
    reason = f"{type(error).__name__}: {lines[0][:300] if lines else ''}"
    with contextlib.suppress(jax.errors.JaxRuntimeError):
        _client().key_value_set(f"{_FAILED}{_index()}", f"{_name()} failed: {reason}")


def _beat(client: Any, number: int) -> None:
    client.key_value_set(f"{_BEATS}{_index()}", f"{number} {_name()}", allow_overwrite=True)


class _Watch:
    """What this process knows of the others, asked of process 0 once a second."""

    def __init__(self, client: Any, coordinator: str | None) -> None:
        self._client, self._coordinator = client, coordinator
        self._silence = _Silence()
        self._silent: dict[str, str] = {}
        self._first, self._answered_at = "process 0", time.monotonic()
        self._unanswered = threading.Event()

    def run(self) -> None:
        """Watches until the run ends, or process 0."""
        import jax

        with contextlib.suppress(jax.errors.JaxRuntimeError):
            first = self._client.blocking_key_value_get(f"{_BEATS}0", _JOIN_MILLISECONDS)
            self._first = _of_beat(first)
            for number in itertools.count(1):
                _beat(self._client, number)
                news = dict(self._client.key_value_dir_get(_NEWS))
                if f"{_FAILED}{_index()}" in news:
                    return
                if failed := sorted(key for key in news if key.startswith(_FAILED)):
                    streams.say(f"t5lite: {news[failed[0]]}. This process, {_name()}, ends too.")
                    _leave(_FAILED_WITH_OTHERS)
                for key in news.keys() - self._silent.keys():
                    streams.say(
                        f"t5lite: {news[key]} has not been heard of for {_SILENT_SECONDS:.0f} s. "
                        f"JAX ends the job {HEARTBEAT_SECONDS} s after its last sign."
                    )
                self._silent, self._answered_at = news, time.monotonic()
                if _index() == 0:
                    self._silence.tell(self._client)
                time.sleep(_POLL_SECONDS)
        self._unanswered.set()

    def name_the_lost(self) -> None:
        """Says for want of which process this one is aborted, if it is for that."""
        lost = " and ".join(self._silent.values())
        if not lost:
            ended = self._unanswered.wait(2 * _POLL_SECONDS)
            if not ended and time.monotonic() - self._answered_at < 2 * _POLL_SECONDS:
                return
            lost = f"{self._first} ({self._coordinator or 'the coordinator'})"
        streams.say(f"t5lite: {lost} is lost. This process, {_name()}, ends too.")


class _Silence:
    """Process 0's account of who was not heard of for a while."""

    def __init__(self) -> None:
        self._heard: dict[str, tuple[str, float]] = {}

    def tell(self, client: Any) -> None:
        """Puts names of silent processes where all read them, and takes back those that beat."""
        now = time.monotonic()
        for key, beat in client.key_value_dir_get(_BEATS):
            before, since = self._heard.get(key, ("", now))
            news = _SILENT + key.removeprefix(_BEATS)
            if beat != before:
                self._heard[key] = beat, now
                if since == math.inf:
                    client.key_value_delete(news)
            elif now - since > _SILENT_SECONDS:
                self._heard[key] = beat, math.inf  # once
                client.key_value_set(news, _of_beat(beat))


def _of_beat(beat: str) -> str:
    return beat.partition(" ")[2]


@functools.cache  # keeps what the C library calls
def _before_abort(speak: Callable[[], None]) -> Any:
    """Has `speak` called when this process is aborted.

    JAX aborts in a thread of its own where it loses another process, without asking Python, whose
    own signal handlers the main thread would run when there is no process any more.
    """
    handler_type = ctypes.CFUNCTYPE(None, ctypes.c_int)

    @handler_type
    def handler(number: int) -> None:
        signal.alarm(_ABORT_SECONDS)  # the end, whatever comes of the words
        speak()

    ctypes.CDLL(None).signal(signal.SIGABRT, handler)
    return handler


def _leave(status: int) -> None:
    if _index() == 0:  # without which nobody is told any more
        time.sleep(3 * _POLL_SECONDS)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(status)
