"""Decoding from a cache, token by token, gives the logits of the whole sequence at once."""

import dataclasses
import functools

import jax
import numpy as np
import pytest

from t5lite.models.layer_loop import is_per_layer, step_params
from t5lite.models.parameters import bind
from t5lite.models.position_config import Learned, Rotary
from t5lite.models.transformer import CACHE_BATCH_AXIS
from tests.models.tiny import (
    ADAPTERS,
    PER_LAYER,
    decoder_only,
    encoder_decoder,
    family,
    logits,
    random_tokens,
    sharp_params,
)

# On a CPU every layer is compiled for itself, so there are few; an encoder has another number.
DEPTHS = {"num_encoder_layers": 1, "num_decoder_layers": 2}
T5 = encoder_decoder(**DEPTHS)
UMT5 = encoder_decoder(positions=PER_LAYER, num_kv_heads=1, **DEPTHS)
# The families whose positions, masks or widths are none of the others'.
CACHED = {
    name: family(name, num_decoder_layers=2)
    for name in ("t5_lm", "t5_lm_per_layer_bias", "palm", "opt_350m", "gpt_neox", "mistral", "mpt")
}
# The shapes of most tests, so that they share programs: answers of 13 tokens to 3 inputs of 11, or
# to 4 prompts of up to 9.
ANSWER_LENGTH = 13
PROMPT_LENGTHS = np.array([1, 5, 9, 9], np.int32)


def make_batch(config, rng):
    """What is asked."""
    if config.architecture == "encoder_decoder":
        inputs = random_tokens(rng, 3, 11)
        inputs[1, 4:] = 0
        return {"encoder_input_tokens": inputs}
    return {"decoder_input_tokens": random_tokens(rng, 4, 9), "prompt_lengths": PROMPT_LENGTHS}


def num_rows(batch):
    return len(next(iter(batch.values())))


def assert_same(result, expected, *, share=1e-5):
    """Equal to a share of the largest logit; sharp parameters make logits of about 7."""
    tolerance = share * np.max(np.abs(expected))
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
        T5,
        encoder_decoder(scan_layers=True, tied_embeddings=True, scale_logits=True, **DEPTHS),
        UMT5,
        encoder_decoder(positions=Rotary(), d_kv=8, norm_position="post", **DEPTHS),
        encoder_decoder(
            positions=Learned(max_positions=ANSWER_LENGTH),
            attention_bias=True,
            adapters=ADAPTERS,
            **DEPTHS,
        ),
    ],
    ids=["t5_1_1", "t5_1_0_scanned", "umt5", "rotary", "learned_adapters"],
)
def test_encoder_decoder(config):
    rng = np.random.default_rng(0)
    params = sharp_params(config)
    batch = make_batch(config, rng)
    decoder_tokens = random_tokens(rng, 3, ANSWER_LENGTH)
    decoder_tokens[:, 0] = 0
    expected = logits(config, params, batch | {"decoder_input_tokens": decoder_tokens})
    result, cache = prefill(config, params, batch, ANSWER_LENGTH)
    assert_same(result, expected[:, 0])
    for position in range(1, ANSWER_LENGTH):
        result, cache = step(config, params, decoder_tokens[:, position], cache)
        assert_same(result, expected[:, position])


@pytest.mark.parametrize(
    ("config", "with_prefix"),
    [
        (CACHED["t5_lm"], True),
        (family("t5_lm", num_decoder_layers=2, scan_layers=True, adapters=ADAPTERS), True),
        *((config, False) for config in CACHED.values()),
    ],
    ids=["prefix_lm", "scanned_adapters", *CACHED],
)
def test_decoder_only_with_prompts_of_unequal_length(config, with_prefix):
    rng = np.random.default_rng(1)
    params = sharp_params(config)
    # Id 0 is a token like any other, and what stands behind a prompt is not looked at.
    tokens = random_tokens(rng, 4, 21)
    tokens[:3, [0, 4, 8]] = 0
    batch = make_batch(config, rng)
    prompts = batch["decoder_input_tokens"]
    is_prompt = np.arange(9) < PROMPT_LENGTHS[:, None]
    batch["decoder_input_tokens"] = np.where(is_prompt, tokens[:, :9], prompts)
    full_batch = {"decoder_input_tokens": tokens}
    if with_prefix:
        prefix = (np.arange(21) < PROMPT_LENGTHS[:, None]).astype(np.int32)
        full_batch["decoder_causal_attention"] = prefix
        batch["decoder_causal_attention"] = prefix[:, :9]
    expected = logits(config, params, full_batch)
    rows = np.arange(4)
    result, cache = prefill(config, params, batch, ANSWER_LENGTH)
    assert_same(result, expected[rows, PROMPT_LENGTHS - 1])
    for i in range(ANSWER_LENGTH - 1):
        result, cache = step(config, params, tokens[rows, PROMPT_LENGTHS + i], cache)
        assert_same(result, expected[rows, PROMPT_LENGTHS + i])


@pytest.mark.parametrize("config", CACHED.values(), ids=CACHED)
def test_prompts_go_on_from_a_prefix_that_was_read_once(config):
    rng = np.random.default_rng(3)
    params = sharp_params(config)
    tokens = random_tokens(rng, 4, 21)
    tokens[:, :6] = tokens[0, :6]
    expected = logits(config, params, {"decoder_input_tokens": tokens})
    # Two rows that are alike, as where two devices share a batch, padded by two.
    before = {"decoder_input_tokens": np.repeat(tokens[:1, :8], 2, axis=0)}
    _, cache = prefill(config, params, before | {"prompt_lengths": np.array([6, 6], np.int32)}, 1)
    rest_lengths = np.array([1, 5, 9, 9], np.int32)
    batch = {
        "decoder_input_tokens": np.where(np.arange(11) < rest_lengths[:, None], tokens[:, 6:17], 3),
        "prompt_lengths": rest_lengths,
        "prefix": cache,
    }
    rows = np.arange(4)
    result, cache = prefill(config, params, batch, 6)
    assert_same(result, expected[rows, 5 + rest_lengths])
    for i in range(5):
        result, cache = step(config, params, tokens[rows, 6 + rest_lengths + i], cache)
        assert_same(result, expected[rows, 6 + rest_lengths + i])


@pytest.mark.parametrize("config", [T5, CACHED["t5_lm"]], ids=["t5", "t5_lm"])
def test_rows_of_a_cache_can_be_reordered_and_repeated(config):
    rng = np.random.default_rng(2)
    params = sharp_params(config)
    batch = make_batch(config, rng)
    rows = np.array([2, 0, 0, 1])
    tokens = random_tokens(rng, num_rows(batch))
    _, cache = prefill(config, params, batch, ANSWER_LENGTH)
    straight, _ = step(config, params, tokens, cache)
    taken = jax.tree.map(lambda leaf: leaf.take(rows, axis=CACHE_BATCH_AXIS), jax.device_get(cache))
    reordered, _ = step(config, params, tokens[rows], taken)
    np.testing.assert_allclose(reordered, np.asarray(straight)[rows], atol=1e-6)


REMAT = dataclasses.replace(T5, remat="full")
ADAPTED = family("llama", num_decoder_layers=2, adapters=ADAPTERS)


@pytest.mark.parametrize(
    ("config", "dtype"),
    [
        (REMAT, "float32"),
        (UMT5, "float32"),
        (ADAPTED, "float32"),
        (CACHED["opt_350m"], "float32"),
        # Between them they have every kind of matrix that is cast.
        (REMAT, "bfloat16"),
        (ADAPTED, "bfloat16"),
    ],
    ids=["t5", "umt5", "llama_adapters", "opt_350m", "t5_bfloat16", "llama_adapters_bfloat16"],
)
def test_unstacked_layers_step_like_stacked_ones(config, dtype):
    config = dataclasses.replace(config, dtype=dtype)
    rng = np.random.default_rng(3)
    params = sharp_params(config)
    batch = make_batch(config, rng)
    params_unstacked = step_params(config, params, unstacked=True)
    expected, stacked = prefill(config, params, batch, ANSWER_LENGTH)
    result, unstacked = prefill(config, params_unstacked, batch, ANSWER_LENGTH)
    assert_same(result, expected, share=1e-5 if dtype == "float32" else 1e-2)
    for _ in range(3):
        tokens = random_tokens(rng, num_rows(batch))
        expected, stacked = step(config, params, tokens, stacked)
        result, unstacked = step(config, params_unstacked, tokens, unstacked)
        # Compilers may round bfloat16 at other places.
        assert_same(result, expected, share=1e-5 if dtype == "float32" else 1e-2)
    kept = ("self_key", "self_value", "cross_key", "cross_value", "prompt_key", "prompt_value")
    assert all(is_per_layer(x) for name, x in unstacked.items() if name in kept)
    assert not any(map(is_per_layer, stacked.values()))


@functools.partial(jax.jit, static_argnums=0)
def extend(config, params, tokens, cache, position, seen):
    return bind(config, params).extend(tokens, cache, position_BN=position, seen_BNS=seen)


@pytest.mark.parametrize("config", [T5, UMT5, *CACHED.values()], ids=["t5", "umt5", *CACHED])
def test_branches_of_a_cache_are_as_if_alone(config):
    """Three branches a row, grown together two tokens at a time, against three whole texts."""
    rng = np.random.default_rng(4)
    params = sharp_params(config)
    batch = make_batch(config, rng)
    size = num_rows(batch)
    branches = random_tokens(rng, size, 3, 4)
    _, cache = prefill(config, params, batch, 1 + 3 * 4)
    num_slots = cache["key_position"].shape[-1]
    first_slot = int(np.asarray(cache["next_slot"])[0, 0])
    start = np.asarray(cache["next_position"])[0]
    shared = np.asarray(cache["key_position"])[0] >= 0
    seen = np.repeat(shared[:, None], 3, axis=1)
    found = np.zeros((size, 3, 4, config.vocab_size), np.float32)
    for chunk in range(2):
        # Tokens of a chunk: branch 0's two, branch 1's two, ...
        new = np.arange(3 * 2)
        seen_by_token = np.repeat(seen, 2, axis=1)
        for token in new:
            own = first_slot + chunk * 6 + token
            seen_by_token[:, token - token % 2 : token - token % 2 + 2, own] = True
            seen_by_token[:, token - token % 2 : token, own] = False
        result, cache = extend(
            config,
            params,
            branches[:, :, 2 * chunk : 2 * chunk + 2].reshape(size, 6),
            cache,
            (start[:, None] + 2 * chunk + new % 2).astype(np.int32),
            seen_by_token,
        )
        found[:, :, 2 * chunk : 2 * chunk + 2] = np.reshape(result, (size, 3, 2, -1))
        seen = seen_by_token[:, 1::2]
    assert num_slots == first_slot + 3 * 4
    # Where the branch begins in each text; a decoder that has an encoder begins with id 0.
    begins = np.ones(size, np.int32)
    texts = np.zeros((size, ANSWER_LENGTH), np.int32)
    if config.architecture == "decoder_only":
        begins = batch.pop("prompt_lengths")
        texts = np.pad(batch["decoder_input_tokens"], ((0, 0), (0, ANSWER_LENGTH - 1)))
    places = begins[:, None] + np.arange(4)
    rows = np.arange(size)[:, None]
    for branch in range(3):
        texts[rows, places] = branches[:, branch]
        expected = logits(config, params, batch | {"decoder_input_tokens": texts})
        assert_same(found[:, branch], expected[rows, places])


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
