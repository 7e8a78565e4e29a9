"""Flags of `t5lite train`: every macro of gin/runs/train.gin whose value fits on a command line.

A flag is its macro's name in lower case; `--mixture` and `--tasks`, which the other verbs share,
are the exceptions. EVALS, which names configurables, has none.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

# A flag that sets a gin macro: (flag, macro, type, help).
Shorthand = tuple[str, str, Callable[[str], Any], str]


def lengths(text: str) -> dict[str, int]:
    """Reads `inputs=512,targets=128`."""
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(name and number.isdecimal() for name, _, number in pairs):
        raise argparse.ArgumentTypeError(f"{text!r} is not like inputs=512,targets=128")
    return {name: int(number) for name, _, number in pairs}


def duration(text: str) -> int | str:
    """Reads a number of steps; a text such as `3 epochs` is read where it is used."""
    return int(text) if text.isdecimal() else text


TASK_FEATURE_LENGTHS: Shorthand = (
    "--task_feature_lengths",
    "TASK_FEATURE_LENGTHS",
    lengths,
    "longest inputs and targets in tokens, as in inputs=512,targets=128",
)
MAX_DECODE_LENGTH: Shorthand = (
    "--max_decode_length",
    "MAX_DECODE_LENGTH",
    int,
    "most tokens of an answer",
)
TRAIN_FLAGS: tuple[Shorthand, ...] = (
    ("--mixture", "MIXTURE_OR_TASK_NAME", str, "registered mixture or task to train on"),
    TASK_FEATURE_LENGTHS,
    ("--train_steps", "TRAIN_STEPS", duration, "1000, '3 epochs', '50_000 examples', '2e6 tokens'"),
    ("--batch_size", "BATCH_SIZE", int, "rows of a batch, of all devices together"),
    ("--num_microbatches", "NUM_MICROBATCHES", int, "parts of a batch, one after the other"),
    (
        "--initial_checkpoint_path",
        "INITIAL_CHECKPOINT_PATH",
        str,
        "what a fresh run starts from: a model folder, Hugging Face's too, or a checkpoint",
    ),
    ("--learning_rate", "LEARNING_RATE", float, "base of the schedule"),
    ("--max_grad_norm", "MAX_GRAD_NORM", float, "clip gradients to this global norm"),
    ("--dropout_rate", "DROPOUT_RATE", float, "between 0 and 1"),
    ("--activation_dtype", "ACTIVATION_DTYPE", str, "float32 or bfloat16"),
    ("--remat_policy", "REMAT_POLICY", str, "what the backward pass recomputes: none, full, dots"),
    ("--seed", "SEED", int, "of initialisation, dropout and mixing"),
    ("--allow_missing_tasks", "ALLOW_MISSING_TASKS", bool, "leave out tasks that have no data"),
    ("--eval_period", "EVAL_PERIOD", duration, "how often to evaluate (default: at the end)"),
    ("--eval_batch_size", "EVAL_BATCH_SIZE", int, "examples decoded at once when evaluating"),
    MAX_DECODE_LENGTH,
    ("--checkpoint_period", "CHECKPOINT_PERIOD", duration, "how often to save"),
    ("--checkpoint_minutes", "CHECKPOINT_MINUTES", float, "also save when so many have passed"),
    ("--keep_checkpoints", "KEEP_CHECKPOINTS", int, "how many of the last to keep"),
    ("--mesh_fsdp", "MESH_FSDP", int, "devices that parameters are split over"),
    ("--mesh_tensor", "MESH_TENSOR", int, "devices that each layer is split over"),
)
