"""The memory that a training step takes on this machine's CPUs, beside what its compiler says."""

from __future__ import annotations

import ctypes
import gc
import pathlib
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from t5lite.training.program import TrainProgram, TrainStep

_STATUS = pathlib.Path("/proc/self/status")


def measure_step(program: TrainProgram, step: TrainStep, executable: Any) -> int:
    """Runs a compiled step once, on a batch of ones, in a process that does little else.

    Args:
      program: makes the state.
      step: what the step is called with.
      executable: the step, compiled.

    Returns:
      How many bytes of this process's memory were in use at most, of all devices together, beyond
      what it had before the state was made.

    Raises:
      ValueError: this system does not count them, or the step reads further models.
    """
    if sys.platform != "linux":
        raise ValueError("--measure counts memory as Linux does; leave it out on this system.")
    if step.shapes[2]:
        raise ValueError(
            "--measure runs a step from nothing, and this objective reads further models; leave it "
            "out."
        )
    make_state = jax.jit(program.init_fn, out_shardings=program.shardings).lower().compile()

    def run() -> None:
        batch = {
            name: jax.device_put(jnp.ones(x.shape, x.dtype), x.sharding)
            for name, x in step.shapes[1].items()
        }
        jax.block_until_ready(executable(make_state(), batch, {}))

    return memory_rise(run)


def memory_rise(run: Callable[[], Any]) -> int:
    """Bytes by which this process's resident memory rises at most while `run` runs; on Linux."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # what was freed before is not to be used again
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # VmHWM begins anew
    before = _resident("VmRSS")
    run()
    return _resident("VmHWM") - before


def _resident(name: str) -> int:
    """Bytes of this process that are in memory: VmRSS now, or VmHWM at most."""
    lines = _STATUS.read_text().split("\n")
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))
