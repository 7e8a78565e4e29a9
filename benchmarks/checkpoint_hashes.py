"""What the hashes of a checkpoint cost: seconds of saving and of restoring, with and without.

`python benchmarks/checkpoint_hashes.py --megabytes=1024` saves a state of random numbers, which do
not compress, in a temporary folder, and restores it from the system's cache of files: a slower disk
hides more of the cost.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp

from t5lite.checkpoints.checkpointer import CheckpointConfig, Checkpointer
from t5lite.files.hashes import VERIFY_VARIABLE, FileHashes, hash_file
from t5lite.sharding import abstract


def seconds(run: Callable[[], object]) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> None:
    """Prints a table of medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=512, help="size of the state")
    parser.add_argument("--arrays", type=int, default=16, help="how many arrays it has")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    rows = options.megabytes * 2**20 // options.arrays // 4 // 1024
    keys = jax.random.split(jax.random.key(0), options.arrays)
    state = {f"x{i}": jax.random.normal(key, (rows, 1024)) for i, key in enumerate(keys)}
    state = {"params": jax.block_until_ready(state)}
    where = jax.tree.map(lambda leaf: leaf.sharding, state)
    wanted = abstract(jax.eval_shape(lambda: jax.tree.map(jnp.zeros_like, state)), where)
    gigabytes = sum(leaf.nbytes for leaf in jax.tree.leaves(state)) / 1e9
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for repeat in range(options.repeats):
            folder = pathlib.Path(scratch) / str(repeat)
            writer = Checkpointer(folder, CheckpointConfig())
            save = lambda writer=writer: writer.save(  # noqa: E731
                1, state, data_state={}, config="", metrics={}
            )
            stalled = seconds(save)
            times.setdefault("save: training stands still", []).append(stalled)
            times.setdefault("save: until it is on disk", []).append(stalled + seconds(writer.wait))
            writer.close()
            step = folder / "checkpoints" / "1"
            times.setdefault("of this, hashing", []).append(
                seconds(lambda step=step: FileHashes.of(step))
            )
            for verify in ("on", "off"):
                os.environ[VERIFY_VARIABLE] = verify
                reader = Checkpointer(folder, read_only=True)
                read = lambda reader=reader: jax.block_until_ready(  # noqa: E731
                    reader.restore_state(1, wanted)
                )
                times.setdefault(f"restore, --verify={verify}", []).append(seconds(read))
                reader.close()
        largest = max(step.rglob("*"), key=lambda path: path.stat().st_size)
        alone = seconds(lambda: hash_file(largest))
        print(f"one thread hashes {largest.stat().st_size / 1e9 / alone:.2f} GB/s")
    print(f"{gigabytes:.2f} GB, {os.cpu_count()} cores, medians of {options.repeats}")
    for name, values in times.items():
        median = statistics.median(values)
        print(f"{name:<30} {median:6.2f} s  {gigabytes / median:6.2f} GB/s")


if __name__ == "__main__":
    main()
