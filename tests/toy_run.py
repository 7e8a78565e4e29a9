"""A tiny training run on `tests.toy_tasks`, callable in process or as a command of its own.

`python -m tests.toy_run MODEL_DIR --train_steps 30` is what the tests kill, resume and distribute.
"""

import argparse
import contextlib
import dataclasses
import functools
import os
import pathlib
import signal
import time
from collections.abc import Iterator
from typing import Any
from unittest import mock

import jax
import orbax.checkpoint as ocp

from t5lite.checkpoints.checkpointer import CheckpointConfig
from t5lite.data.data_config import DataConfig
from t5lite.mesh import MeshConfig
from t5lite.messages.streams import leave_out_abandoned_writes
from t5lite.models.config import TransformerConfig
from t5lite.train import TrainResult, train
from t5lite.training.optimizers import adafactor
from t5lite.training.program import TrainProgram, TrainStep, build_program
from t5lite.training.signals import StopRequest

MODEL = TransformerConfig(
    vocab_size=264,
    d_model=32,
    d_ff=64,
    d_kv=8,
    num_heads=4,
    num_encoder_layers=2,
    num_decoder_layers=2,
    dropout_rate=0.1,
)
LENGTHS = {"inputs": 32, "targets": 16}
OPTIMIZER = adafactor(learning_rate=0.01)


def data_config(cache_dir: str, **changes: Any) -> DataConfig:
    """The toy mixture, packed into 8 rows."""
    config = DataConfig(
        mixture_or_task_name="toy",
        task_feature_lengths=LENGTHS,
        batch_size=8,
        task_modules=("tests.toy_tasks",),
        cache_dir=cache_dir,
        vocabulary="bytes",
        num_build_workers=1,
    )
    return dataclasses.replace(config, **changes)


def toy_train(model_dir: str, cache_dir: str, **changes: Any) -> TrainResult:
    """Trains the toy model; `changes` replace arguments of `train`."""
    arguments: dict[str, Any] = {
        "model": MODEL,
        "model_dir": str(model_dir),
        "train_data": data_config(str(cache_dir)),
        "optimizer": OPTIMIZER,
        "train_steps": 30,
        "checkpoint": CheckpointConfig(period=10),
        "log_period": 1,
    }
    with mock.patch("t5lite.train.build_program", _program):
        return train(**(arguments | changes))


class _Program(TrainProgram):
    """One that is traced and compiled once, however often a process starts to train with it."""

    @functools.cached_property
    def _steps(self) -> dict[str, TrainStep]:
        return {}

    def step(self, *rows: Any, **settings: Any) -> TrainStep:
        key = repr((rows, settings))
        if key not in self._steps:
            self._steps[key] = super().step(*rows, **settings)
        return self._steps[key]


def _program(model: Any, objective: Any, *, parameter_groups: Any, **settings: Any) -> _Program:
    groups = tuple(map(tuple, parameter_groups))
    return _kept_program(model, objective, parameter_groups=groups, **settings)


@functools.lru_cache(maxsize=4)
def _kept_program(*arguments: Any, **settings: Any) -> _Program:
    return _Program(**vars(build_program(*arguments, **settings)))


@contextlib.contextmanager
def interrupted_at(step: int, signum: int, *, sends_signal: bool = True) -> Iterator[None]:
    """Training that sends itself a signal after `step`, and goes on slowly enough to hear of it.

    JAX's preemption service looks for signals once a second, and processes then agree on a step;
    a toy run that is not held back has ended by then.
    """
    original = StopRequest.at

    def at(self: StopRequest, steps: int) -> bool:
        if sends_signal and steps == step:
            os.kill(os.getpid(), signum)
        if steps >= step:
            time.sleep(2 if jax.process_count() > 1 else 0.1)
        return original(self, steps)

    with mock.patch.object(StopRequest, "at", at):
        yield


def main() -> None:
    """Runs `toy_train` with what the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model_dir")
    parser.add_argument("--cache_dir", required=True)
    parser.add_argument("--train_steps", type=int, default=30)
    parser.add_argument("--mesh", type=int, nargs=4, action="append", help="MODEL_DIR/A_B_C_D each")
    parser.add_argument("--process", help="index:count:coordinator of a multi-process run")
    parser.add_argument("--kill", type=int, help="train until the last process dies at this step")
    parser.add_argument("--ctrl_c", type=int, help="train in MODEL_DIR/stopped too, stopped here")
    options = parser.parse_args()
    leave_out_abandoned_writes()
    index, count = 0, 1
    if options.process:
        index, count, coordinator = options.process.split(":", 2)
        index, count = int(index), int(count)
        jax.distributed.initialize(coordinator, count, index, shutdown_timeout_seconds=1200)

    def run(model_dir: str | pathlib.Path, mesh: MeshConfig) -> None:
        result = toy_train(
            str(model_dir), options.cache_dir, train_steps=options.train_steps, mesh=mesh
        )
        print("stopped" if result.stopped else "done", result.progress.steps)
        # Process 0 writes a report still; a collective would wait for it for 30 seconds only.
        ocp.multihost.get_barrier_sync_fn()(key="end of a run", timeout_ms=1_200_000)

    is_last = index == count - 1  # whichever process gets the signal, all stop after the same step
    if options.kill:
        with interrupted_at(options.kill, signal.SIGKILL, sends_signal=is_last):
            run(options.model_dir, MeshConfig())
    folders = {pathlib.Path(options.model_dir): MeshConfig()}
    if options.mesh:
        names = {"_".join(map(str, sizes)): MeshConfig(*sizes) for sizes in options.mesh}
        folders = {pathlib.Path(options.model_dir, name): mesh for name, mesh in names.items()}
    for folder, mesh in folders.items():
        run(folder, mesh)
        if options.ctrl_c:
            with interrupted_at(options.ctrl_c, signal.SIGINT, sends_signal=is_last):
                run(folder / "stopped", mesh)
            run(folder / "stopped", mesh)


if __name__ == "__main__":
    main()
