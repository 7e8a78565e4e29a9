"""What benchmarks measure with, and processes of their own to measure in.

What one side imported or allocated, no other one meets there.
"""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import time
from collections.abc import Callable
from typing import Any


def run_alone(function: Callable[..., Any], *arguments: Any, **settings: Any) -> Any:
    """Calls a function of a module in a new process, and gives what it returns."""
    with _new_process() as pool:
        return pool.submit(function, *arguments, **settings).result()


class Side:
    """An object in a process of its own, whose methods are called from here, one at a time."""

    def __init__(self, make: Callable[..., Any], *arguments: Any) -> None:
        """Makes it there, by a function or a class of a module."""
        self._pool = _new_process(initializer=_make, initargs=(make, arguments))

    def ask(self, method: str, *arguments: Any) -> Any:
        """What its method returns."""
        return self._pool.submit(_ask, method, arguments).result()


def _new_process(**settings: Any) -> concurrent.futures.ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return concurrent.futures.ProcessPoolExecutor(1, context, **settings)


_made: list[Any] = []


def _make(make: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    _made.append(make(*arguments))


def _ask(method: str, arguments: tuple[Any, ...]) -> Any:
    return getattr(_made[0], method)(*arguments)


def seconds_of(run: Callable[[], Any]) -> float:
    """How long a call takes."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def measured(make: Callable[[], Any], run: Callable[[Any], Any]) -> dict[str, float]:
    """Calls `run` a few times on what `make` gives, and then on what it gives itself.

    Returns:
      `memory`, how far the process's resident memory rises above what it was before the inputs were
      made; `seconds` of CPU of all cores together, the least of the calls after the first.
    """
    from t5lite.planning.measured import memory_rise

    seconds: list[float] = []

    def repeat() -> None:
        inputs = make()
        while len(seconds) < 4 and sum(seconds) < 60:
            start = time.process_time()
            inputs = run(inputs)
            seconds.append(time.process_time() - start)

    return {"memory": memory_rise(repeat), "seconds": min(seconds[1:] or seconds)}


def compiled_step(model: Any, rows: Any, *, batch_size: int, num_microbatches: int = 1) -> Any:
    """A training step with AdamW on one device.

    Returns:
      The program, its step, and the step compiled.
    """
    import jax

    from t5lite.mesh import MeshConfig, make_mesh
    from t5lite.training.cross_entropy import CrossEntropy
    from t5lite.training.optimizers import adamw
    from t5lite.training.program import build_program

    program = build_program(
        model,
        CrossEntropy(),
        optimizer=adamw(learning_rate=1e-3),
        parameter_groups=(),
        frozen_dtype="float32",
        max_grad_norm=None,
        seed=0,
        mesh=make_mesh(MeshConfig(), devices=jax.devices()[:1]),
    )
    step = program.step(
        rows, batch_size=batch_size, num_microbatches=num_microbatches, frozen_models={}
    )
    return program, step, step.function.lower(*step.shapes).compile()


def measured_step(model: Any, rows: Any, *, batch_size: int) -> dict[str, float]:
    """`measured` of a training step, on a batch of ones."""
    import jax
    import jax.numpy as jnp

    program, step, compiled = compiled_step(model, rows, batch_size=batch_size)
    make_state = jax.jit(program.init_fn).lower().compile()
    batch = {name: jnp.ones(x.shape, x.dtype) for name, x in step.shapes[1].items()}
    found = measured(make_state, lambda state: jax.block_until_ready(compiled(state, batch, {})[0]))
    return found | {"flops": step.flops.model}
