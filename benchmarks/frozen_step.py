"""A training step with most parameters frozen, beside one that trains them all.

    python benchmarks/frozen_step.py --batch_size 8 --turns 5

T5 1.1 small with AdamW, on one device. The steps run in turns, so that whatever else the machine
does slows all of them, and each one's best turn is given. Memory is what the compiled step says it
needs: parameters and optimizer state, and beside them gradients and activations.
"""

import argparse
import time

import jax
import numpy as np

from t5lite import sharding
from t5lite.mesh import MeshConfig, make_mesh
from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import param_axes, param_shapes
from t5lite.training.cross_entropy import CrossEntropy
from t5lite.training.optimizers import adamw, make_transformation
from t5lite.training.parameter_groups import partition_parameters
from t5lite.training.state import init_state_fn
from t5lite.training.step import make_train_step

MODEL = TransformerConfig(
    vocab_size=32128,
    d_model=512,
    d_ff=1024,
    d_kv=64,
    num_heads=6,
    num_encoder_layers=8,
    num_decoder_layers=8,
    mlp_activations=("gelu", "linear"),
    dropout_rate=0.1,
)
NORMS = (("norm/scale$", 1.0), ("", 0.0))
DECODER = (("^(encoder|token_embedder)/", 0.0),)
CASES = {
    "all trainable": {},
    "encoder and embedding frozen": {"groups": DECODER},
    "all but norms frozen": {"groups": NORMS},
    "all but norms frozen, bfloat16": {"groups": NORMS, "frozen_dtype": "bfloat16"},
}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--input_length", type=int, default=128)
    parser.add_argument("--target_length", type=int, default=64)
    parser.add_argument("--turns", type=int, default=5)
    return parser.parse_args()


def batch_of(arguments):
    """A batch of random tokens, unpacked."""
    rng = np.random.default_rng(0)
    inputs, targets = (
        rng.integers(2, 32000, (arguments.batch_size, length), dtype=np.int32)
        for length in (arguments.input_length, arguments.target_length)
    )
    return {
        "encoder_input_tokens": inputs,
        "decoder_input_tokens": np.roll(targets, 1, axis=1),
        "decoder_target_tokens": targets,
        "decoder_loss_weights": np.ones(targets.shape, np.float32),
    }


def compiled_step(batch, mesh, *, groups=(), **settings):
    """The compiled step, and the state it begins with."""
    axes = param_axes(MODEL)
    partition = partition_parameters(param_shapes(MODEL), groups, **settings)
    transformation = make_transformation(adamw(1e-3), partition.split(axes)[0])
    init = init_state_fn(MODEL, transformation, partition=partition, seed=0)
    state = jax.jit(init)()
    step = make_train_step(
        MODEL,
        transformation,
        CrossEntropy(),
        partition=partition,
        num_microbatches=1,
        seed=0,
        shardings=jax.tree.map(lambda _: sharding.replicated(mesh), state),
        mesh=mesh,
    )
    return step.lower(state, batch, {}).compile(), state


def main():
    arguments = parse_arguments()
    mesh = make_mesh(MeshConfig(), devices=jax.devices()[:1])
    batch = sharding.put_rows(batch_of(arguments), mesh)
    steps, states, seconds = {}, {}, {name: [] for name in CASES}
    for name, settings in CASES.items():
        steps[name], states[name] = compiled_step(batch, mesh, **settings)
    for turn in range(arguments.turns + 1):
        for name, step in steps.items():
            start = time.perf_counter()
            states[name], metrics, _ = step(states[name], batch, {})
            jax.block_until_ready(metrics)
            if turn:  # the first warms up
                seconds[name].append(time.perf_counter() - start)
    whole = min(seconds["all trainable"])
    print(f"{'':32}{'s a step':>9}{'ratio':>7}{'state, MiB':>12}{'more, MiB':>11}")
    for name, step in steps.items():
        best, memory = min(seconds[name]), step.memory_analysis()
        state, more = memory.argument_size_in_bytes, memory.temp_size_in_bytes
        print(f"{name:32}{best:9.3f}{best / whole:7.2f}{state / 2**20:12.0f}{more / 2**20:11.0f}")


if __name__ == "__main__":
    main()
