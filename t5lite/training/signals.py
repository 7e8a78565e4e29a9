"""SIGTERM and Ctrl-C as a request: finish the step, save, leave with exit code 0."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import Any

import jax
from jax.experimental import multihost_utils

INTERRUPTED = 130  # what shells report of a command that Ctrl-C ended
_STOPPING = b"\nStopping after this step, and saving. Ctrl-C once more stops at once.\n"
_AT_ONCE = b"\nStopped at once; the last checkpoint is what is saved.\n"


class StopRequest:
    """Context in which SIGTERM and SIGINT no longer kill the process but are remembered.

    SIGINT after either ends the process at once. A thread listens, for Python's own handlers wait
    while the main thread compiles or evaluates. Outside the main thread signals stay as they are.

    With several processes, JAX's preemption service picks one step that all of them reach, so that
    all save the same checkpoint. It hears SIGTERM; SIGINT is passed on to it as that.
    """

    def __enter__(self) -> StopRequest:
        self._requested = threading.Event()
        self._distributed = jax.process_count() > 1
        self._listens = threading.current_thread() is threading.main_thread()
        if self._listens:
            self._read_end, self._write_end = os.pipe()
            os.set_blocking(self._write_end, False)
            heard = [signal.SIGINT] if self._distributed else [signal.SIGINT, signal.SIGTERM]
            self._previous = {s: signal.signal(s, lambda *_: None) for s in heard}
            self._previous_fd = signal.set_wakeup_fd(self._write_end)
            self._listener = threading.Thread(target=self._listen, daemon=True)
            self._listener.start()
        return self

    def __exit__(self, *_: Any) -> None:
        if not self._listens:
            return
        signal.set_wakeup_fd(self._previous_fd)
        for signum, handler in self._previous.items():
            signal.signal(signum, signal.SIG_DFL if handler is None else handler)
        os.close(self._write_end)  # the listener reads its end
        self._listener.join()
        os.close(self._read_end)

    def at(self, step: int) -> bool:
        """Whether to stop after this step; the same answer on every process."""
        if self._distributed:
            return bool(multihost_utils.reached_preemption_sync_point(step))
        return self._requested.is_set()

    def _listen(self) -> None:
        while number := os.read(self._read_end, 1):
            if number[0] == signal.SIGINT:
                if self._requested.is_set():
                    _say(_AT_ONCE)
                    os._exit(INTERRUPTED)
                _say(_STOPPING)
                if self._distributed:
                    os.kill(os.getpid(), signal.SIGTERM)
            if number[0] in self._previous:
                self._requested.set()


def _say(line: bytes) -> None:
    """Writes to standard error past its buffer, whose reader may be gone."""
    with contextlib.suppress(OSError):
        os.write(2, line)
