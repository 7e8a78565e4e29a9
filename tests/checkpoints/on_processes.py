"""One of two processes that save together: `FOLDER INDEX 2 PORT`.

The second save fails on process 0 when all is written, the third on process 1 while it writes.
"""

import contextlib
import functools
import pathlib
import sys
from unittest import mock

import jax
import numpy as np
import orbax.checkpoint as ocp

from t5lite.checkpoints.checkpointer import CheckpointConfig, Checkpointer
from t5lite.files.hashes import FileHashes


class FullDisk:
    """A write that never ends well."""

    def result(self, timeout: float | None = None) -> None:
        """What orbax asks of all that is being written."""
        raise OSError("the disk of this process is full")


async def writing_fails(handler, *arguments, original, **named):
    """`PyTreeCheckpointHandler.async_save`, with one part that fails."""
    return [*(await original(handler, *arguments, **named)), FullDisk()]


def main(folder: str, index: int, port: str) -> None:
    """Saves four times, and prints what fails and what is there."""
    jax.distributed.initialize(f"localhost:{port}", 2, index)
    mesh = jax.make_mesh((2,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    sharding = jax.NamedSharding(mesh, jax.P("data"))
    state = {"params": jax.make_array_from_callback((8,), sharding, lambda at: np.arange(8.0)[at])}
    checkpointer = Checkpointer(folder, CheckpointConfig(keep=1))
    save = functools.partial(checkpointer.save, data_state={}, config="", metrics={})
    handler = ocp.PyTreeCheckpointHandler
    failing = functools.partialmethod(writing_fails, original=handler.async_save)
    breaks = {
        (2, 0): mock.patch.object(FileHashes, "save", side_effect=OSError("no hashes")),
        (3, 1): mock.patch.object(handler, "async_save", failing),
    }
    for step in range(1, 5):
        with breaks.get((step, index), contextlib.nullcontext()):
            save(step, state)
            try:
                checkpointer.wait()
            except ValueError as error:
                print(error)
    checkpointer.close()
    print("left:", *(path.name for path in pathlib.Path(folder, "checkpoints").iterdir()))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[4])
