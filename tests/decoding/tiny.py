"""Tiny random models and examples for the tests of decoding."""

import functools
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special

from t5lite.decoding.sequence_generator import SequenceGenerator
from t5lite.models import parameters
from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import bind
from tests.feature_converters import bare

EOS = 1
_ROW_STEP = 16
CONVERTERS = ("encoder_decoder", "decoder_only", "prefix_lm")


def config(converter="encoder_decoder", **changes):
    is_pair = converter == "encoder_decoder"
    fields = {
        "architecture": "encoder_decoder" if is_pair else "decoder_only",
        "vocab_size": 40,
        "d_model": 16,
        "d_ff": 32,
        "d_kv": 8,
        "num_heads": 2,
        "num_encoder_layers": 2 if is_pair else 0,
        "num_decoder_layers": 2,
    }
    return TransformerConfig(**fields | changes)


def params(model_config, seed=0):
    """Random parameters of a model that is sure of what it says."""
    tree = jax.tree.map(lambda x: x, _init(model_config, seed))
    if "logits_dense" in tree["decoder"]:
        tree["decoder"]["logits_dense"]["kernel"] *= 3.0
    return tree


@functools.cache
def _init(model_config, seed):
    with mock.patch.object(parameters, "_init_one", _init_one):
        return parameters.init_params(model_config, jax.random.key(seed))


def _init_one(param, key):
    """The same numbers, op by op: XLA compiles it for each shape, not for each model."""
    shape = param.get_value().shape
    if param.logical_axes[0] != "layers":
        return param.init_fn(key, shape)
    keys = [jax.random.fold_in(key, index) for index in range(shape[0])]
    return jnp.stack([param.init_fn(layer_key, shape[1:]) for layer_key in keys])


def prompts(lengths, seed=0, vocab_size=40):
    rng = np.random.default_rng(seed)
    return [rng.integers(3, vocab_size, length).astype(np.int32) for length in lengths]


def decoder(model_config, converter="encoder_decoder", *, batch_size=3, eos_ids=(EOS,), **kwargs):
    return SequenceGenerator(
        model_config, converter=bare(converter), eos_ids=eos_ids, batch_size=batch_size, **kwargs
    )


@functools.partial(jax.jit, static_argnums=0)
def logits(model_config, params, batch):
    return bind(model_config, params).logits(batch)


def scoring_batch(prompts, targets, *, converter="encoder_decoder"):
    """What training makes of complete prompts and targets, in rows of few lengths to compile."""
    converter = bare(converter)
    sizes = np.array([[len(p), len(t)] for p, t in zip(prompts, targets, strict=True)])
    needed = converter.needs(sizes).max(axis=0)
    capacities = tuple((-(-needed // _ROW_STEP) * _ROW_STEP).tolist())
    return converter.scoring_batch(prompts, targets, capacities=capacities)


def full_logits(config, params, prompt, answer, *, converter):
    """Logits of the token after `answer`: no cache, no batch."""
    batch = scoring_batch([prompt], [[*answer, 3]], converter=converter)
    last = np.flatnonzero(batch["decoder_loss_weights"][0])[-1]
    return np.array(logits(config, params, batch))[0, last]


def naive_score(config, params, prompt, answer, *, converter):
    """Log-likelihood of an answer: teacher-forced, no cache, no batch."""
    batch = scoring_batch([prompt], [answer], converter=converter)
    places = np.flatnonzero(batch["decoder_loss_weights"][0])
    # In NumPy: JAX would compile these steps for each number of places.
    found = np.array(logits(config, params, batch), np.float64)[0, places]
    log_probs = scipy.special.log_softmax(found, axis=-1)
    return float(sum(log_probs[n, token] for n, token in enumerate(answer)))
