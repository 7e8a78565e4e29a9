"""A training step on one device: t5lite beside Hugging Face transformers and torch.

    python benchmarks/train_step.py --batch_size 8 --turns 5

T5 1.1 small with AdamW and dropout, float32, on a CPU. The same step runs in t5lite, its layers by
a loop and by a scan, and in transformers, each in a process of its own, in turns, so that whatever
else the machine does slows all of them; the best turn of each is given. Beside them stand the
step's matrix products alone: every product in the program of the step, timed by itself with its own
shapes, and added up. `share` is the products' time by the step's: 1 would mean that nothing but
products costs anything.
"""

import argparse
import collections
import dataclasses
import os

import numpy as np
from measuring import Side, seconds_of

# T5 1.1: small, and one for a quick look.
SIZES = {
    "small": {
        "vocab_size": 32128,
        "d_model": 512,
        "d_ff": 1024,
        "d_kv": 64,
        "num_heads": 6,
        "num_encoder_layers": 8,
        "num_decoder_layers": 8,
        "mlp_activations": ("gelu", "linear"),
        "dropout_rate": 0.1,
    },
}
SIZES["tiny"] = SIZES["small"] | {
    "d_model": 128,
    "d_ff": 256,
    "num_heads": 2,
    "num_encoder_layers": 2,
    "num_decoder_layers": 2,
}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--input_length", type=int, default=128)
    parser.add_argument("--target_length", type=int, default=64)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of torch")
    return parser.parse_args()


class Ours:
    """t5lite's jitted training step."""

    def __init__(self, size, tokens, *, scan_layers=False, packed=False):
        import jax

        from t5lite import sharding
        from t5lite.mesh import MeshConfig, make_mesh
        from t5lite.models.config import TransformerConfig
        from t5lite.models.parameters import param_axes, param_shapes
        from t5lite.training.cross_entropy import CrossEntropy
        from t5lite.training.freed_memory import keep_freed_memory
        from t5lite.training.optimizers import adamw, make_transformation
        from t5lite.training.parameter_groups import partition_parameters
        from t5lite.training.state import init_state_fn
        from t5lite.training.step import make_train_step

        keep_freed_memory()  # as the verb does
        config = TransformerConfig(**SIZES[size], scan_layers=scan_layers)
        mesh = make_mesh(MeshConfig(), devices=jax.devices()[:1])
        partition = partition_parameters(param_shapes(config), ())
        axes = partition.split(param_axes(config))[0]
        transformation = make_transformation(adamw(1e-3), axes)
        init = init_state_fn(config, transformation, partition=partition, seed=0)
        inputs, targets = tokens
        batch = {
            "encoder_input_tokens": inputs,
            "decoder_input_tokens": np.pad(targets, ((0, 0), (1, 0)))[:, :-1],
            "decoder_target_tokens": targets,
            "decoder_loss_weights": np.ones(targets.shape, np.float32),
        }
        if packed:  # as rows that several examples share, though there is one
            for stack, array in (("encoder", inputs), ("decoder", targets)):
                positions = np.arange(array.shape[1], dtype=np.int32)
                batch[f"{stack}_positions"] = np.broadcast_to(positions, array.shape)
                batch[f"{stack}_segment_ids"] = np.ones_like(array)
        self._state = jax.jit(init)()
        self._batch = sharding.put_rows(batch, mesh)
        step = make_train_step(
            config,
            transformation,
            CrossEntropy(),
            partition=partition,
            num_microbatches=1,
            seed=0,
            shardings=jax.tree.map(lambda _: sharding.replicated(mesh), self._state),
            mesh=mesh,
        )
        traced = step.trace(self._state, self._batch, {})
        self._products = products_of(traced.jaxpr)
        self._step = traced.lower().compile()

    def products(self):
        return self._products

    def step_seconds(self):
        return seconds_of(self._run)

    def seconds_alone(self, product, turns):
        return best_seconds(product.for_xla(), turns)

    def _run(self):
        import jax

        self._state, metrics, _ = self._step(self._state, self._batch, {})
        jax.block_until_ready(metrics)


class Theirs:
    """transformers' model, torch's AdamW."""

    def __init__(self, size, tokens, *, threads):
        import torch

        torch.set_num_threads(threads)
        self._model = their_model(size).train()
        self._optimizer = torch.optim.AdamW(self._model.parameters(), lr=1e-3)
        inputs, labels = (torch.from_numpy(array).long() for array in tokens)
        mask = torch.ones_like(inputs)
        self._batch = {"input_ids": inputs, "attention_mask": mask, "labels": labels}

    def step_seconds(self):
        return seconds_of(self._run)

    def seconds_alone(self, product, turns):
        return best_seconds(product.for_torch(), turns)

    def _run(self):
        loss = self._model(**self._batch).loss
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()


def their_model(size):
    """transformers' model of a size, freshly initialised."""
    import torch
    import transformers

    torch.manual_seed(0)
    model = SIZES[size]
    config = transformers.T5Config(
        vocab_size=model["vocab_size"],
        d_model=model["d_model"],
        d_ff=model["d_ff"],
        d_kv=model["d_kv"],
        num_heads=model["num_heads"],
        num_layers=model["num_encoder_layers"],
        num_decoder_layers=model["num_decoder_layers"],
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
        dropout_rate=model["dropout_rate"],
        decoder_start_token_id=0,
        use_cache=False,
    )
    return transformers.T5ForConditionalGeneration(config)


@dataclasses.dataclass(frozen=True)
class Product:
    """One `dot_general` of a program: shapes of both sides, and which axes are summed or kept."""

    left: tuple[int, ...]
    right: tuple[int, ...]
    dimensions: tuple

    @property
    def operations(self):
        """A multiplication and an addition for each element of the sum."""
        (_, right_summed), (_, right_kept) = self.dimensions
        free = [n for axis, n in enumerate(self.right) if axis not in (*right_summed, *right_kept)]
        return 2 * int(np.prod(self.left)) * int(np.prod(free))

    def for_xla(self):
        """A function that runs it once."""
        import jax

        ones = [jax.numpy.ones(shape, "float32") for shape in (self.left, self.right)]
        run = jax.jit(lambda left, right: jax.lax.dot_general(left, right, self.dimensions))
        return lambda: run(*ones).block_until_ready()

    def for_torch(self):
        """The same product as torch would be asked for it, batch first, without copies."""
        import torch

        (left_summed, right_summed), (left_kept, right_kept) = self.dimensions

        def flat(array, kept, summed, *, summed_last):
            free = [axis for axis in range(array.ndim) if axis not in (*kept, *summed)]
            groups = (kept, free, summed) if summed_last else (kept, summed, free)
            sizes = [int(np.prod([array.shape[axis] for axis in axes])) for axes in groups]
            return array.permute([axis for axes in groups for axis in axes]).reshape(sizes)

        left = flat(torch.ones(self.left), left_kept, left_summed, summed_last=True)
        right = flat(torch.ones(self.right), right_kept, right_summed, summed_last=False)
        return lambda: torch.matmul(left, right)


def products_of(jaxpr, times=1):
    """How often each product stands in a program, a scan's body as often as it runs."""
    found = collections.Counter()
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            left, right = (variable.aval.shape for variable in equation.invars)
            found[Product(left, right, equation.params["dimension_numbers"])] += times
        runs = times
        if equation.primitive.name == "scan":
            runs *= equation.params["length"]
        for parameter in equation.params.values():
            inner = getattr(parameter, "jaxpr", parameter)
            if hasattr(inner, "eqns"):
                found += products_of(inner, runs)
    return found


def make_side(name, size, tokens, threads):
    """One of the table's lines, or `t5lite, packed`."""
    if name == "transformers":
        return Theirs(size, tokens, threads=threads)
    return Ours(size, tokens, scan_layers=name == "t5lite, scan", packed=name == "t5lite, packed")


def random_tokens(batch_size, lengths):
    """Inputs and targets without padding."""
    rng = np.random.default_rng(0)
    return [rng.integers(2, 32000, (batch_size, length), dtype=np.int32) for length in lengths]


def best_seconds(run, turns):
    """The best of some runs, after one that warms up."""
    run()
    return min(seconds_of(run) for _ in range(turns))


def main():
    arguments = parse_arguments()
    os.environ["JAX_PLATFORMS"] = "cpu"
    lengths = arguments.input_length, arguments.target_length
    tokens = random_tokens(arguments.batch_size, lengths)
    names = ("t5lite, loop", "t5lite, scan", "transformers")
    sides = {
        name: Side(make_side, name, arguments.size, tokens, arguments.threads) for name in names
    }
    seconds = {name: [] for name in names}
    for turn in range(arguments.turns + 2):
        for name, side in sides.items():
            taken = side.ask("step_seconds")
            if turn > 1:  # the first two warm up
                seconds[name].append(taken)
    products = sides["t5lite, loop"].ask("products")
    alone = {"XLA": 0.0, "torch": 0.0}
    for product, count in products.items():
        for library, name in (("XLA", "t5lite, loop"), ("torch", "transformers")):
            alone[library] += count * sides[name].ask("seconds_alone", product, arguments.turns)
    operations = sum(count * product.operations for product, count in products.items())
    print(f"{operations / 1e9:.0f} GFLOP of products a step, {os.cpu_count()} cores")
    print(f"{'':24}{'s a step':>9}{'ratio':>7}{'share':>7}")
    theirs = min(seconds["transformers"])
    for name, taken in seconds.items():
        floor = alone["torch" if name == "transformers" else "XLA"]
        print(f"{name:24}{min(taken):9.3f}{theirs / min(taken):7.2f}{floor / min(taken):7.2f}")
    for library, taken in alone.items():
        print(f"products alone, {library:8}{taken:9.3f}{theirs / taken:7.2f}")


if __name__ == "__main__":
    main()
