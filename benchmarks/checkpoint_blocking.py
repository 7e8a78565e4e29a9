"""How long the training loop is blocked by saving: in the background, not, and by torch.save.

    python benchmarks/checkpoint_blocking.py --d_model=512 --layers=8 --steps=20 --period=10

A state of parameters and AdamW's moments is updated on the device, and saved every `period` steps.
Printed are the seconds that a save keeps the loop from its next step, their share of all time, and
the shortest period at which that is under 2%. The floor is a copy of the state in memory, for the
next step overwrites it.
"""

import argparse
import pathlib
import tempfile
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from t5lite.checkpoints.checkpointer import CheckpointConfig, Checkpointer


def make_state(d_model: int, layers: int) -> dict[str, jax.Array]:
    """Float32 parameters of a transformer's size, and two moments of each."""
    key, width = jax.random.key(0), 12 * d_model
    return {
        f"{part}/{layer}": jax.random.normal(jax.random.fold_in(key, layer), (d_model, width))
        for part in ("params", "mu", "nu")
        for layer in range(layers)
    }


def run(
    options: argparse.Namespace, save: Callable[[int, dict[str, jax.Array]], None]
) -> tuple[float, float, int]:
    """Seconds of all steps, those that saves blocked, and the number of saves."""
    size = options.matmul
    factor = jax.random.normal(jax.random.key(1), (size, size)) / size**0.5

    def step(state: dict[str, jax.Array]) -> dict[str, jax.Array]:
        work = jax.lax.fori_loop(0, options.work, lambda _, x: x @ factor, factor)
        return jax.tree.map(lambda x: 0.999 * x + 1e-9 * jnp.mean(work), state)

    step_fn = jax.jit(step, donate_argnums=0)
    state = jax.block_until_ready(step_fn(make_state(options.d_model, options.layers)))
    blocked, saves, began = 0.0, 0, time.perf_counter()
    for number in range(1, options.steps + 1):
        state = jax.block_until_ready(step_fn(state))
        if number % options.period == 0:
            start = time.perf_counter()
            save(number, state)
            blocked, saves = blocked + time.perf_counter() - start, saves + 1
    return time.perf_counter() - began, blocked, saves


def main() -> None:
    """Prints a line for each way to save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--d_model", type=int, default=512)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--period", type=int, default=10)
    parser.add_argument("--matmul", type=int, default=1024, help="size of a step's matrix products")
    parser.add_argument("--work", type=int, default=40, help="how many of them")
    options = parser.parse_args()
    gigabytes = 3 * options.layers * 12 * options.d_model**2 * 4 / 1e9
    print(f"{gigabytes:.2f} GB of state, a save every {options.period} steps", flush=True)
    print(f"{'':28} {'s a save':>9} {'GB/s':>7} {'blocked':>8} {'period for 2%':>14}")

    def report(name: str, save: Callable[[int, dict[str, jax.Array]], None]) -> None:
        seconds, blocked, saves = run(options, save)
        each = blocked / saves
        print(
            f"{name:28} {each:9.3f} {gigabytes / each:7.2f} {blocked / seconds:8.2%} "
            f"{each / 0.02:11.0f} s",
            flush=True,
        )

    report("copy in memory (the floor)", lambda _, state: jax.tree.map(np.array, state) and None)
    for asynchronous in (True, False):
        with tempfile.TemporaryDirectory() as folder:
            config = CheckpointConfig(asynchronous=asynchronous, keep=1)
            checkpointer = Checkpointer(folder, config)
            report(
                "t5lite, " + ("in the background" if asynchronous else "not"),
                lambda step, state, to=checkpointer: to.save(
                    step, state, data_state={}, config="", metrics={}
                ),
            )
            checkpointer.close()
    try:
        import torch
    except ImportError:
        print("torch is not installed; torch.save is left out")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "state.pt"
        report(
            "torch.save",
            lambda _, state: torch.save(
                {name: torch.from_numpy(np.asarray(x).copy()) for name, x in state.items()}, path
            ),
        )


if __name__ == "__main__":
    main()
