"""Several processes end together: one that fails says so to the others, through JAX's coordinator.

Without it the others wait for one that fails at a collective or at JAX's last barrier, for minutes.
A process that dies without a word is missed by JAX itself, by its heartbeats, within
`HEARTBEAT_SECONDS`: it ends all others with a message that has the number only. So who is silent is
named here before, with its host.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import re
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from t5lite.messages import streams

HEARTBEAT_SECONDS = 50
_SILENT_SECONDS = 30.0
_POLL_SECONDS = 1.0
_BEATS, _FAILURES = "t5lite/beats/", "t5lite/failures/"
_FAILED_WITH_OTHERS = 1
_watching = threading.Event()  # set where this process is one of several
# How XLA's errors begin, of whatever class they are.
_OF_XLA = re.compile(r"(UNKNOWN|INTERNAL|UNAVAILABLE|ABORTED|CANCELLED|DEADLINE_EXCEEDED): ")


def watch() -> None:
    """Begins to beat, and to listen for the failures of others; after jax.distributed started."""
    import jax

    if jax.process_count() == 1:
        return
    client = _client()
    _beat(client, 0)  # before anything can happen to this process
    _watching.set()
    threading.Thread(target=_watch, args=(client,), name="watch_processes", daemon=True).start()


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
        _client().key_value_set(f"{_FAILURES}{_index()}", f"{_name()} failed: {reason}")


def _beat(client: Any, number: int) -> None:
    client.key_value_set(f"{_BEATS}{_index()}", f"{number} {_name()}", allow_overwrite=True)


def _watch(client: Any) -> None:
    import jax

    silence = _Silence()
    with contextlib.suppress(jax.errors.JaxRuntimeError):  # the run, or process 0, has ended
        for number in itertools.count(1):
            _beat(client, number)
            failures = dict(client.key_value_dir_get(_FAILURES))
            if f"{_FAILURES}{_index()}" in failures:
                return
            if failures:
                said = min(failures.items())[1]
                streams.say(f"t5lite: {said}. This process, {_name()}, ends too.")
                _leave(_FAILED_WITH_OTHERS)
            if _index() == 0:
                silence.report(client.key_value_dir_get(_BEATS))
            time.sleep(_POLL_SECONDS)


class _Silence:
    """Names processes that were not heard of for a while."""

    def __init__(self) -> None:
        self._heard: dict[str, tuple[str, float]] = {}

    def report(self, beats: list[tuple[str, str]]) -> None:
        now = time.monotonic()
        for key, beat in beats:
            before, since = self._heard.get(key, ("", now))
            if beat != before:
                self._heard[key] = beat, now
            elif now - since > _SILENT_SECONDS:
                self._heard[key] = beat, float("inf")  # once
                name = beat.partition(" ")[2]
                streams.say(
                    f"t5lite: {name} has not been heard of for {_SILENT_SECONDS:.0f} s. JAX ends "
                    f"the job {HEARTBEAT_SECONDS} s after its last sign."
                )


def _leave(status: int) -> None:
    if _index() == 0:  # without which nobody is told any more
        time.sleep(3 * _POLL_SECONDS)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(status)
