"""A tiny training run on `tests.toy_tasks`, callable in process or as a command of its own.

`python -m tests.toy_run MODEL_DIR --train_steps 30` is what the tests kill, resume and distribute.
"""

import argparse
import dataclasses
import os
import pathlib
import signal
import threading
import time
from typing import Any

from t5lite.checkpoints.checkpointer import CheckpointConfig
from t5lite.data.data_config import DataConfig
from t5lite.mesh import MeshConfig
from t5lite.models.config import TransformerConfig
from t5lite.train import TrainResult, train
from t5lite.training.optimizers import adafactor

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
        "optimizer": adafactor(learning_rate=0.01),
        "train_steps": 30,
        "checkpoint": CheckpointConfig(period=10),
        "log_period": 1,
    }
    return train(**(arguments | changes))


def signal_at(model_dir: str | pathlib.Path, step: int, signum: int) -> None:
    """Sends this process a signal once the run in the folder has logged `step`; returns at once."""

    def watch() -> None:
        while num_logged(model_dir) < step:
            time.sleep(0.005)
        os.kill(os.getpid(), signum)

    threading.Thread(target=watch, daemon=True).start()


def num_logged(model_dir: str | pathlib.Path) -> int:
    """How many steps the run in the folder has logged."""
    path = pathlib.Path(model_dir) / "metrics.jsonl"
    return path.read_text().count('"train"') if path.exists() else 0


def main() -> None:
    """Runs `toy_train` with what the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model_dir")
    parser.add_argument("--cache_dir", required=True)
    parser.add_argument("--train_steps", type=int, default=30)
    parser.add_argument("--mesh", type=int, nargs=4, default=(-1, 1, 1, 1))
    parser.add_argument("--process", help="index:count:coordinator of a multi-process run")
    parser.add_argument("--ctrl_c", type=int, help="train in MODEL_DIR/stopped too, stopped here")
    options = parser.parse_args()
    index, count = 0, 1
    if options.process:
        import jax

        index, count, coordinator = options.process.split(":", 2)
        index, count = int(index), int(count)
        jax.distributed.initialize(coordinator, count, index)

    def run(model_dir: str | pathlib.Path) -> None:
        result = toy_train(
            str(model_dir),
            options.cache_dir,
            train_steps=options.train_steps,
            mesh=MeshConfig(*options.mesh),
        )
        print("stopped" if result.stopped else "done", result.progress.steps)

    run(options.model_dir)
    if options.ctrl_c:
        stopped = pathlib.Path(options.model_dir, "stopped")
        if index == count - 1:  # whichever process gets the signal, all stop after the same step
            signal_at(stopped, options.ctrl_c, signal.SIGINT)
        run(stopped)
        run(stopped)


if __name__ == "__main__":
    main()
