"""Decoding from a cache, token by token, gives the logits of the whole sequence at once."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from t5lite.models.parameters import bind
from t5lite.models.transformer import CACHE_BATCH_AXIS
from tests.models.tiny import (
    FAMILIES,
    decoder_only,
    encoder_decoder,
    family,
    logits,
    random_tokens,
    sharp_params,
)


def assert_same(result, expected):
    """Equal to 1e-5 of the largest logit; sharp parameters make logits of about 7."""
    tolerance = 1e-5 * np.max(np.abs(expected))
    np.testing.assert_allclose(result, expected, atol=tolerance, rtol=0)


@functools.partial(jax.jit, static_argnums=(0, 3))
def prefill(config, params, batch, max_decode_length):
    return bind(config, params).prefill(batch, max_decode_length=max_decode_length)


@functools.partial(jax.jit, static_argnums=0)
def step(config, params, tokens, cache):
    return bind(config, params).step(tokens, cache)


@pytest.mark.parametrize(
    "config",
    [
        encoder_decoder(),
        encoder_decoder(scan_layers=False, tied_embeddings=True, scale_logits=True),
        encoder_decoder(relative_bias_per_layer=True, num_kv_heads=1),
        encoder_decoder(positions="rotary", d_kv=8, norm_position="post"),
        encoder_decoder(positions="learned", max_positions=14, attention_bias=True),
    ],
    ids=["t5_1_1", "t5_1_0_unrolled", "umt5", "rotary", "learned"],
)
def test_encoder_decoder(config):
    rng = np.random.default_rng(0)
    params = sharp_params(config)
    inputs = random_tokens(rng, 3, 11)
    inputs[1, 4:] = 0
    decoder_tokens = random_tokens(rng, 3, 14)
    decoder_tokens[:, 0] = 0
    batch = {"encoder_input_tokens": inputs}
    expected = logits(config, params, batch | {"decoder_input_tokens": decoder_tokens})
    result, cache = prefill(config, params, batch, 14)
    assert_same(result, expected[:, 0])
    for position in range(1, 14):
        result, cache = step(config, params, decoder_tokens[:, position], cache)
        assert_same(result, expected[:, position])


@pytest.mark.parametrize(
    ("config", "with_prefix"),
    [
        (family("t5_lm"), True),
        (family("t5_lm", scan_layers=False), True),
        *((family(name), False) for name in FAMILIES),
    ],
    ids=["prefix_lm", "unrolled", *FAMILIES],
)
def test_decoder_only_with_prompts_of_unequal_length(config, with_prefix):
    rng = np.random.default_rng(1)
    params = sharp_params(config)
    # Id 0 is a token like any other, and what stands behind a prompt is not looked at.
    tokens = random_tokens(rng, 4, 20)
    tokens[:3, [0, 4, 8]] = 0
    prompt_lengths = np.array([1, 5, 9, 9], np.int32)
    prompts = np.where(
        np.arange(9) < prompt_lengths[:, None], tokens[:, :9], random_tokens(rng, 4, 9)
    )
    full_batch = {"decoder_input_tokens": tokens}
    batch = {"decoder_input_tokens": prompts, "prompt_lengths": prompt_lengths}
    if with_prefix:
        prefix = (np.arange(20) < prompt_lengths[:, None]).astype(np.int32)
        full_batch["decoder_causal_attention"] = prefix
        batch["decoder_causal_attention"] = prefix[:, :9]
    expected = np.asarray(logits(config, params, full_batch))
    rows = np.arange(4)
    result, cache = prefill(config, params, batch, 10)
    assert_same(result, expected[rows, prompt_lengths - 1])
    for i in range(9):
        result, cache = step(config, params, tokens[rows, prompt_lengths + i], cache)
        assert_same(result, expected[rows, prompt_lengths + i])


@pytest.mark.parametrize("make_config", [encoder_decoder, decoder_only])
def test_rows_of_a_cache_can_be_reordered_and_repeated(make_config):
    rng = np.random.default_rng(2)
    config = make_config()
    params = sharp_params(config)
    batch = {
        "encoder_input_tokens": random_tokens(rng, 3, 7),
        "decoder_input_tokens": random_tokens(rng, 3, 6),
    }
    batch["prompt_lengths"] = np.array([6, 3, 6], np.int32)
    rows = jnp.array([2, 0, 0, 1])
    tokens = random_tokens(rng, 3)
    _, cache = prefill(config, params, batch, 5)
    straight, _ = step(config, params, tokens, cache)
    taken = jax.tree.map(lambda leaf: jnp.take(leaf, rows, axis=CACHE_BATCH_AXIS), cache)
    reordered, _ = step(config, params, tokens[rows], taken)
    np.testing.assert_allclose(reordered, straight[rows], atol=1e-6)


def test_packed_prompts_are_refused():
    for config in (encoder_decoder(), decoder_only()):
        ones = np.ones((2, 3), np.int32)
        batch = {
            "encoder_input_tokens": ones,
            "decoder_input_tokens": ones,
            "decoder_segment_ids": ones,
        }
        with pytest.raises(ValueError, match="one example a row, got a packed batch"):
            bind(config, sharp_params(config)).prefill(batch, max_decode_length=3)
