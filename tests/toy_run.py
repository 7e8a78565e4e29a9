"""A tiny training run on `tests.toy_tasks`, callable in process or as a command of its own.

`python -m tests.toy_run MODEL_DIR --train_steps 30` is what the tests kill, resume and distribute.
"""

import argparse
import dataclasses
from typing import Any

from t5lite.checkpoints import CheckpointConfig
from t5lite.data.pipeline import DataConfig
from t5lite.models.config import TransformerConfig
from t5lite.sharding import MeshConfig
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


def main() -> None:
    """Runs `toy_train` with what the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model_dir")
    parser.add_argument("--cache_dir", required=True)
    parser.add_argument("--train_steps", type=int, default=30)
    parser.add_argument("--mesh", type=int, nargs=3, default=(-1, 1, 1))
    parser.add_argument("--process", help="index:count:coordinator of a multi-process run")
    options = parser.parse_args()
    if options.process:
        import jax

        index, count, coordinator = options.process.split(":", 2)
        jax.distributed.initialize(coordinator, int(count), int(index))
    data, fsdp, tensor = options.mesh
    result = toy_train(
        options.model_dir,
        options.cache_dir,
        train_steps=options.train_steps,
        mesh=MeshConfig(data=data, fsdp=fsdp, tensor=tensor),
    )
    print("stopped" if result.stopped else "done", result.progress.steps)


if __name__ == "__main__":
    main()
