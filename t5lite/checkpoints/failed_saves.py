"""Saves that fail in the background, known to every process of a run.

Orbax's processes wait for each other while they write a checkpoint, and one whose part failed goes
on without the others: these would wait for it for hours. Here it meets them first, having said what
happened, so the save fails on all of them at once.
"""

from __future__ import annotations

import sys

import jax
import orbax.checkpoint as ocp

from t5lite.files.whole_file import is_full_disk

_FOLDER = "t5lite/failed_saves"
# What orbax names the points at which its processes wait for each other.
_LEFT = "set_value_start"
_WRITTEN, _COMMITTED = "async_write_complete", "async_commit_complete"


class Barrier:
    """Orbax's barrier (`AsyncOptions.barrier_sync_fn`), at which a failed save fails everywhere."""

    def __init__(self) -> None:
        """Begins before the first save."""
        self._number = 0
        self._ahead: list[str] = []

    def begin(self) -> None:
        """Says that a save begins; all processes call it."""
        self._number, self._ahead = self._number + 1, [_WRITTEN, _COMMITTED]

    def __call__(self, *, key: str, timeout_ms: int) -> None:
        """Waits until all processes are here.

        Raises:
          RuntimeError: the save failed on some; says on which, and why.
        """
        if jax.process_count() == 1:
            return
        client, error = ocp.multihost.get_jax_distributed_client(), sys.exception()
        folder = f"{_FOLDER}/{self._number}"
        if error is not None and self._ahead and key.endswith(_LEFT):
            index = jax.process_index()
            client.key_value_set(f"{folder}/{index}", f"process {index}: {cause(error)}")
            client.wait_at_barrier(f"{folder} {self._ahead[0]}", timeout_ms)
            self._ahead = []
        if not (self._ahead and self._ahead[0] in key):
            client.wait_at_barrier(key, timeout_ms)
            return
        client.wait_at_barrier(f"{folder} {self._ahead.pop(0)}", timeout_ms)
        if failed := sorted(value for _, value in client.key_value_dir_get(f"{folder}/")):
            self._ahead = []
            raise RuntimeError("; ".join(failed))


def cause(error: BaseException) -> str:
    """Why a save failed, in one line; a full disk by one name, however orbax wraps it."""
    if is_full_disk(error):
        return "no space left on the disk"
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
