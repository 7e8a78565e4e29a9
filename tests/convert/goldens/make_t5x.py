"""Runs T5X's scanned and decoder-only networks and its Adafactor, and saves what they hold.

    python -m tests.convert.goldens.make_t5x PATH_TO_A_T5X_CHECKOUT

Packages that T5X imports but that these parts of it never call are replaced by stand-ins.
"""

import importlib.abc
import importlib.machinery
import pathlib
import sys
from unittest import mock

import flax
import jax
import numpy as np
from flax import traverse_util

HERE = pathlib.Path(__file__).parent
STAND_INS = ("airio", "jestimator", "cached_property", "tensorboard")
SIZES = {"vocab_size": 11, "emb_dim": 8, "num_heads": 3, "head_dim": 2, "mlp_dim": 10}
MLP = ("gelu", "linear")
# Small enough that every kernel here is factored, and no table of relative biases is.
MIN_DIM_SIZE_TO_FACTOR = 4
BETA1 = 0.9
LEARNING_RATE = 0.01


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives an empty mock for every module of the packages that are not needed."""

    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in STAND_INS:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        module = mock.MagicMock(name=spec.name)
        module.__path__ = []
        return module

    def exec_module(self, module):
        pass


def scanned():
    from t5x.examples.scalable_t5 import network

    config = network.T5Config(
        **SIZES, num_encoder_layers=2, num_decoder_layers=3, mlp_activations=MLP, dropout_rate=0.0
    )
    return network.Transformer(config=config), ("enc", "dec", "target")


def decoder_only():
    from t5x.examples.decoder_only import network

    config = network.TransformerConfig(**SIZES, num_layers=3, mlp_activations=MLP, dropout_rate=0.0)
    return network.DecoderWrapper(config=config), ("dec", "target")


def batch():
    rng = np.random.default_rng(0)
    tokens = {"enc": (2, 9), "dec": (2, 7), "target": (2, 7)}
    tokens = {name: rng.integers(1, 11, shape, dtype=np.int32) for name, shape in tokens.items()}
    tokens["enc"][1, 5:] = 0
    tokens["dec"][:, 0] = 0
    return tokens


def random_like(tree, seed):
    """Numbers that make attention far from uniform, in the tree's shapes."""
    rng = np.random.default_rng(seed)
    flat = traverse_util.flatten_dict(flax.core.unfreeze(tree), sep="/")
    out = {}
    for name in sorted(flat):
        value = 0.5 * rng.normal(size=flat[name].shape)
        out[name] = (1 + 0.2 * value if name.endswith("scale") else value).astype(np.float32)
    return traverse_util.unflatten_dict(out, sep="/")


def record(model, argument_names):
    """A checkpoint after two updates, logits there, and the parameters after a third update."""
    from t5x import adafactor, train_state

    tokens = batch()
    arguments = [tokens[name] for name in argument_names]
    variables = flax.core.unfreeze(model.init(jax.random.key(0), *arguments, enable_dropout=False))
    variables["params"] = random_like(variables["params"], 0)
    optimizer = adafactor.Adafactor(
        beta1=BETA1,
        min_dim_size_to_factor=MIN_DIM_SIZE_TO_FACTOR,
        logical_factor_rules=adafactor.standard_logical_factor_rules(),
    )
    state = train_state.FlaxOptimTrainState.create(optimizer, flax.core.freeze(variables))
    gradients = [random_like(variables["params"], seed) for seed in (1, 2, 3)]
    for gradient in gradients[:2]:
        state = state.apply_gradient(flax.core.freeze(gradient), learning_rate=LEARNING_RATE)
    after = state.apply_gradient(flax.core.freeze(gradients[2]), learning_rate=LEARNING_RATE)
    logits = model.apply({"params": state.params}, *arguments, enable_dropout=False)
    kept = {
        **state.state_dict(),
        "gradient": gradients[2],
        "after": flax.core.unfreeze(after.params),
        "batch": tokens,
        "logits": logits,
    }
    return {k: np.asarray(v) for k, v in traverse_util.flatten_dict(kept, sep="/").items()}


def main():
    sys.meta_path.insert(0, StandIns())
    sys.path.insert(0, sys.argv[1])
    np.savez_compressed(HERE / "t5x_scanned.npz", **record(*scanned()))
    kept = {
        name: array
        for name, array in record(*decoder_only()).items()
        if name.startswith(("target/", "batch/", "logits"))
    }
    np.savez_compressed(HERE / "t5x_decoder_only.npz", **kept)


if __name__ == "__main__":
    main()
