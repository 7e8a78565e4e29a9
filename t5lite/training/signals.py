"""SIGTERM as a request: finish the step, save, leave with exit code 0."""

from __future__ import annotations

import signal
import types
from typing import Any

import jax
from jax.experimental import multihost_utils


class StopRequest:
    """Context in which SIGTERM no longer kills the process but is remembered.

    With several processes, JAX's preemption service picks one step that all of them reach, so that
    all save the same checkpoint.
    """

    def __enter__(self) -> StopRequest:
        self._requested = False
        self._distributed = jax.process_count() > 1
        if not self._distributed:
            self._previous = signal.signal(signal.SIGTERM, self._remember)
        return self

    def __exit__(self, *_: Any) -> None:
        if not self._distributed:
            signal.signal(signal.SIGTERM, self._previous)

    def at(self, step: int) -> bool:
        """Whether to stop after this step; the same answer on every process."""
        if self._distributed:
            return bool(multihost_utils.reached_preemption_sync_point(step))
        return self._requested

    def _remember(self, signum: int, frame: types.FrameType | None) -> None:
        self._requested = True
