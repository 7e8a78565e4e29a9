"""Tiny odd-sized models and batches: nothing divides anything else, so mix-ups of axes show."""

import dataclasses
import functools
from typing import Any

import jax
import numpy as np

from t5lite.models.adapter_config import AdaptionPrompt, Lora, PromptTuning, ScaleBias
from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import Params, bind, flatten_names, param_shapes, unflatten_names
from t5lite.models.position_config import Alibi, Learned, RelativeBias, Rotary
from t5lite.models.rotary_scaling import LinearScaling

VOCAB_SIZE = 43
# Small, so that short sequences reach the far buckets.
RELATIVE = RelativeBias(num_buckets=8, max_distance=10)
PER_LAYER = dataclasses.replace(RELATIVE, per_layer=True)
LORA = Lora(rank=3, alpha=1.5, targets=("layers/",))
# One of each kind.
ADAPTERS = (
    LORA,
    AdaptionPrompt(num_tokens=4, num_layers=1),
    ScaleBias(),
    PromptTuning(num_tokens=3),
)


def encoder_decoder(**changes: Any) -> TransformerConfig:
    fields: dict[str, Any] = {
        "vocab_size": VOCAB_SIZE,
        "d_model": 22,
        "d_ff": 34,
        "d_kv": 5,
        "num_heads": 3,
        "num_encoder_layers": 2,
        "num_decoder_layers": 3,
        "positions": RELATIVE,
    }
    return TransformerConfig(**(fields | changes))


def decoder_only(**changes: Any) -> TransformerConfig:
    return encoder_decoder(architecture="decoder_only", num_encoder_layers=0, **changes)


_BIASED = {"attention_bias": True, "mlp_bias": True, "norm": "layer", "norm_bias": True}

# What each decoder-only family is made of; widths stay those of `decoder_only`.
FAMILIES: dict[str, dict[str, Any]] = {
    "t5_lm": {},
    "t5_lm_per_layer_bias": {"positions": PER_LAYER},
    "palm": {
        "num_kv_heads": 1,
        "scale_attention": True,
        "norm": "layer",
        "block": "parallel_shared_norm",
        "positions": Rotary(),
        "d_kv": 6,
        "mlp_activations": ("silu", "linear"),
        "tied_embeddings": True,
        "scale_logits": True,
    },
    "gpt2": _BIASED
    | {"positions": Learned(max_positions=40), "mlp_activations": ("gelu",)}
    | {"scale_attention": True, "tied_embeddings": True},
    "opt": _BIASED
    | {
        "mlp_activations": ("relu",),
        "scale_attention": True,
        "tied_embeddings": True,
        "positions": Learned(max_positions=40, offset=2),
    },
    "opt_350m": _BIASED
    | {
        "mlp_activations": ("relu",),
        "scale_attention": True,
        "tied_embeddings": True,
        "positions": Learned(max_positions=40, offset=2),
        "norm_position": "post",
        "embedding_dim": 14,
    },
    "gpt_neox": _BIASED
    | {
        "mlp_activations": ("gelu_exact",),
        "scale_attention": True,
        "block": "parallel",
        "positions": Rotary(fraction=0.4),
        "d_kv": 11,
    },
    "llama": {
        "num_heads": 6,
        "num_kv_heads": 2,
        "d_kv": 8,
        "scale_attention": True,
        "positions": Rotary(theta=500.0, scaling=LinearScaling(factor=2.0)),
        "mlp_activations": ("silu", "linear"),
    },
}
FAMILIES["mpt"] = {
    "positions": Alibi(),
    "mlp_activations": ("gelu_exact",),
    "norm": "layer",
    "scale_attention": True,
    "tied_embeddings": True,
    "qkv_clip": 0.8,
}
FAMILIES["qwen2"] = FAMILIES["llama"] | {"attention_bias": True, "attention_out_bias": False}
FAMILIES["mistral"] = FAMILIES["llama"] | {"attention_window": 4}
FAMILIES["gemma"] = FAMILIES["llama"] | {
    "norm_adds_one": True,
    "scale_embeddings": True,
    "mlp_activations": ("gelu", "linear"),
    "tied_embeddings": True,
}


# What makes GPT-2 a BLOOM; only its embedding's norm is none of the others'.
OF_BLOOM: dict[str, Any] = {"positions": Alibi(), "embedding_norm": True}


def family(name: str, **changes: Any) -> TransformerConfig:
    return decoder_only(**(FAMILIES[name] | changes))


def sharp_params(config: TransformerConfig, seed: int = 0) -> Params:
    """Random parameters, no two alike, that make attention far from uniform; made by NumPy."""
    rng = np.random.default_rng(seed)
    flat = {}
    for name, struct in flatten_names(param_shapes(config)).items():
        value = rng.normal(size=struct.shape)
        if name.endswith(("scale", "scale_in")):
            value = 1 + 0.2 * value
        if name.endswith(("kernel", "lora_a", "lora_b")):
            value *= 1.2 * struct.shape[-2] ** -0.5
        flat[name] = value.astype(np.float32)
    return unflatten_names(flat)


def assert_same_params(params: Params, expected: Params) -> None:
    params, expected = flatten_names(params), flatten_names(expected)
    assert params.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(np.asarray(params[name]), expected[name], err_msg=name)


@functools.partial(jax.jit, static_argnums=0)
def traced_logits(
    config: TransformerConfig, params: Params, batch: dict, dropout_key: Any = None
) -> jax.Array:
    return bind(config, params).logits(batch, dropout_key=dropout_key)


def logits(*arguments: Any) -> np.ndarray:
    """Those of `traced_logits`, as NumPy's: JAX would compile every slice that a test takes."""
    return np.asarray(traced_logits(*arguments))


def random_tokens(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.integers(1, VOCAB_SIZE, shape, dtype=np.int32)


def shift_right(targets: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros_like(targets[..., :1]), targets[..., :-1]], axis=-1)


def loss_and_gradients(name: str) -> dict[str, Any]:
    """A mean over logits of the model "t5" or of a family, and its gradients by name."""
    decoder = {"num_decoder_layers": 2}
    is_pair = name == "t5"
    config = (
        encoder_decoder(num_encoder_layers=1, **decoder) if is_pair else family(name, **decoder)
    )
    rng = np.random.default_rng(4)
    batch = {
        "encoder_input_tokens": random_tokens(rng, 3, 7),
        "decoder_input_tokens": random_tokens(rng, 3, 11),
    }

    def loss(params):
        return (bind(config, params).logits(batch) ** 2).mean()

    value, grads = jax.jit(jax.value_and_grad(loss))(sharp_params(config))
    return {"loss": value} | flatten_names(grads)
