"""Attention over long texts on a CPU: plain, in blocks, and torch's, by length.

`python benchmarks/long_attention.py` times causal attention, forward and backward, of one row (8
heads of 64, float32), and then the training step of a small LLaMA (7.4 million parameters) on one
row. Each is run in a process of its own. `memory` is how far the process's resident memory rises
above what it was before the inputs were made; `CPU s` is of all cores together, the least of the
runs. Plain attention is left out where its weights alone would be above 8 GiB. Linux only; torch's
line needs torch. `--lengths=32768 --only=step` asks for one of them.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from measuring import measured, measured_step, run_alone

from t5lite.data.features.feature_converters import DecoderOnlyFeatureConverter
from t5lite.memory import readable
from t5lite.messages.tables import format_table
from t5lite.models.attention import Attend
from t5lite.models.config import TransformerConfig
from t5lite.models.masks import Mask
from t5lite.models.position_config import Rotary

HEADS, WIDTH = 8, 64
MODEL = TransformerConfig(
    architecture="decoder_only",
    vocab_size=8192,
    d_model=256,
    d_ff=688,
    d_kv=32,
    num_heads=8,
    num_encoder_layers=0,
    num_decoder_layers=4,
    mlp_activations=("silu", "linear"),
    scale_attention=True,
    positions=Rotary(),
    initializer="normal",
    remat="full",
    scan_layers=True,  # on a CPU a loop holds several layers at a time
)
LENGTHS = (512, 1024, 2048, 4096, 8192, 32768)
MOST_WEIGHTS = 8 << 30


def attention(implementation: str, length: int) -> dict[str, float]:
    """Measures forward and backward of one attention."""
    shape = (1, HEADS, length, WIDTH)
    arrays = [np.random.default_rng(i).normal(size=shape).astype(np.float32) for i in range(4)]
    if implementation == "torch":
        import torch

        def run_torch(inputs: Any) -> Any:
            *parts, bar = inputs
            out = torch.nn.functional.scaled_dot_product_attention(*parts, is_causal=True, scale=1)
            torch.autograd.grad(out, parts, bar)
            return inputs

        return measured(
            lambda: [
                *(torch.tensor(x).requires_grad_() for x in arrays[:3]),
                torch.tensor(arrays[3]),
            ],
            run_torch,
        )
    config = dataclasses.replace(MODEL, attention_implementation=implementation)

    def both_ways(q: jax.Array, k: jax.Array, v: jax.Array, bar: jax.Array) -> Any:
        attend = Attend.over(Mask.of_text(length, is_causal=True), config)
        out, backward = jax.vjp(lambda q, k, v: attend(q, (k, v), bias=None), q, k, v)
        return out, backward(bar)

    compiled = jax.jit(both_ways).lower(*arrays).compile()

    def run(inputs: Any) -> Any:
        jax.block_until_ready(compiled(*inputs))
        return inputs

    return measured(lambda: [jnp.asarray(x) for x in arrays], run)


def step(implementation: str, length: int) -> dict[str, float]:
    """Measures a training step of one row."""
    model = dataclasses.replace(MODEL, attention_implementation=implementation)
    rows = DecoderOnlyFeatureConverter(task_feature_lengths={"targets": length}, eos_id=1)
    return measured_step(model, rows, batch_size=1)


MEASURES = {"attention": attention, "step": step}


def is_run(what: str, implementation: str, length: int) -> bool:
    """Whether a line is in the table."""
    if implementation == "torch":
        return what == "attention" and importlib.util.find_spec("torch") is not None
    return implementation == "blocked" or 4 * HEADS * length**2 <= MOST_WEIGHTS


def main() -> None:
    """Prints a table, a row for each length and implementation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lengths", default=",".join(map(str, LENGTHS)))
    parser.add_argument("--only", choices=tuple(MEASURES))
    options = parser.parse_args()
    for what in MEASURES if options.only is None else (options.only,):
        rows = []
        for length in map(int, options.lengths.split(",")):
            for name in ("xla", "blocked", "torch"):
                if is_run(what, name, length):
                    found = run_alone(MEASURES[what], name, length)
                    memory, seconds = readable(found["memory"]), found["seconds"]
                    rows.append((f"{length:,}", name, f"{seconds:.3f}", memory))
        print(format_table((what, "implementation", "CPU s", "memory"), rows, right=(0, 2, 3)))


if __name__ == "__main__":
    main()
