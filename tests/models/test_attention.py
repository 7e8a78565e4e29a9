"""Every implementation of attention computes the same; which one runs is chosen, or said."""

import dataclasses
import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax._src.cudnn import fused_attention_stablehlo
from jax.experimental.pallas import tpu as pltpu

from t5lite.models import attention
from t5lite.models.attention import dot_product_attention
from t5lite.models.attention_choice import Case, choose
from t5lite.models.blocked_attention import Blocks, blocked_attention
from t5lite.models.fused_attention import cudnn_attention, pallas_attention
from t5lite.models.layers import Placement, placing_activations
from t5lite.models.masks import Mask
from t5lite.models.parameters import bind, flatten_names
from t5lite.models.positions import shifted_rows
from tests.models.tiny import encoder_decoder, family, random_tokens, sharp_params

BATCH, HEADS, WIDTH, LENGTH = 2, 6, 8, 37


def sorted_ids(rng, low, length):
    """Segment ids of two rows, one of which has keys of segments that no query is of."""
    return jnp.asarray(np.sort(rng.integers(low, 5, (BATCH, length)), axis=1))


@functools.cache
def masks():
    rng = np.random.default_rng(1)
    ids, other_ids = sorted_ids(rng, 0, LENGTH), sorted_ids(rng, 2, 29)
    prefix = jnp.asarray(np.arange(LENGTH) < np.array([[20], [3]]), jnp.int32)
    own = {"query_length": LENGTH, "key_length": LENGTH}
    return {
        "causal": Mask(**own, is_causal=True),
        "packed": Mask(**own, is_causal=True, segments=(ids, ids)),
        "window": Mask(**own, is_causal=True, window=11),
        "packed_window": Mask(**own, is_causal=True, window=3, segments=(ids, ids)),
        "prefix_window": Mask(**own, is_causal=True, window=6, prefix_BS=prefix),
        "prefix_lm": Mask(**own, is_causal=True, segments=(ids, ids), prefix_BS=prefix),
        "packed_encoder": Mask(**own, segments=(ids, ids)),
        "padded_encoder": Mask(**own, keys_BS=jnp.arange(LENGTH) < jnp.array([[20], [0]])),
        "cross": Mask(query_length=LENGTH, key_length=29, segments=(ids, other_ids)),
        "slots_behind": Mask(query_length=LENGTH, key_length=50, is_causal=True),
    }


def both(function, mask, *, num_kv_heads, has_bias, drops, by_distance=False):
    """Outputs and gradients of an implementation, and those of the plain one."""
    rng = np.random.default_rng(0)

    def normal(*shape):
        return rng.normal(size=shape).astype(np.float32)

    keys = (BATCH, num_kv_heads, mask.key_length, WIDTH)
    inputs = [normal(BATCH, HEADS, LENGTH, WIDTH), normal(*keys), normal(*keys)]
    bias_HR = normal(HEADS, LENGTH + mask.key_length - 1) if has_bias else None
    keep_BHS = None
    if drops:
        keep_BHS = np.float32(1.25) * (normal(BATCH, HEADS, mask.key_length) > -0.8)
    cotangent = normal(*inputs[0].shape)

    def drawn(bias_HR):
        return None if bias_HR is None else shifted_rows(bias_HR, LENGTH)[None]

    def whole(q, k, v, bias_HR):
        if drops:
            each = HEADS // num_kv_heads
            k, v = jnp.repeat(k, each, axis=1), jnp.repeat(v, each, axis=1) * keep_BHS[..., None]
        settings = {"mask": mask.dense(), "float32_logits": True}
        return dot_product_attention(q, k, v, bias=drawn(bias_HR), **settings)

    def by_function(q, k, v, bias_HR):
        bias = bias_HR if by_distance else drawn(bias_HR)
        return function(q, k, v, mask=mask, bias=bias, keep_BHS=keep_BHS)

    def run(function, *inputs):
        out, backward = jax.vjp(function, *inputs)
        return jax.tree.leaves((out, backward(cotangent)))

    return [jax.jit(run, static_argnums=0)(f, *inputs, bias_HR) for f in (by_function, whole)]


@pytest.mark.parametrize(
    ("name", "num_kv_heads", "has_bias", "drops", "blocks"),
    [
        ("causal", 6, True, False, Blocks(8, 16)),
        ("packed", 2, False, True, Blocks(16, 8)),
        ("prefix_lm", 1, False, False, Blocks(8, 8)),
        ("packed_encoder", 6, True, True, Blocks(16, 8)),
        ("padded_encoder", 6, True, False, Blocks(64, 5)),
        ("cross", 2, False, True, Blocks(5, 64)),
        ("slots_behind", 6, True, False, Blocks(16, 16)),
        ("window", 2, False, True, Blocks(4, 8)),
        ("packed_window", 6, True, False, Blocks(8, 4)),
        ("prefix_window", 1, False, False, Blocks(8, 8)),
    ],
)
def test_blocks_give_what_the_whole_gives(name, num_kv_heads, has_bias, drops, blocks):
    def in_blocks(*inputs, bias, **others):
        return blocked_attention(*inputs, bias_HR=bias, blocks=blocks, **others)

    case = {"num_kv_heads": num_kv_heads, "has_bias": has_bias, "drops": drops}
    for ours, theirs in zip(*both(in_blocks, masks()[name], by_distance=True, **case), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-5)


@pytest.mark.parametrize(
    "name", ["causal", "packed", "packed_encoder", "prefix_lm", "window", "prefix_window"]
)
def test_no_block_is_left_out_in_which_a_query_sees_a_key(name):
    # In one program: each of its operations would be compiled alone.
    dense_and_live = jax.jit(lambda mask: (mask.dense(), mask.live_blocks(8, 4)))
    dense, live = jax.device_get(dense_and_live(masks()[name].padded(40, 40)))
    seen = np.broadcast_to(dense, (BATCH, 1, 40, 40)).any(axis=(0, 1))
    needed = seen.reshape(5, 8, 10, 4).any(axis=(1, 3))
    assert not (needed & ~live).any()
    assert live.sum() < live.size


def test_blocks_that_are_computed_grow_as_the_length_under_a_window():
    for length in (64, 128):
        mask = Mask.of_text(length, is_causal=True, window=9)
        # A block of 8 queries sees its own keys and those of the block before.
        assert mask.live_blocks(8, 8).sum() == 2 * length / 8 - 1
    assert Mask.of_text(8, is_causal=True, window=8).window is None


def model_batch(*, packed):
    rng = np.random.default_rng(3)
    batch = {
        "encoder_input_tokens": random_tokens(rng, 3, 21),
        "decoder_input_tokens": random_tokens(rng, 3, 19),
    }
    if not packed:
        batch["encoder_input_tokens"][1, 5:] = 0
        return batch
    for name, length in (("encoder", 21), ("decoder", 19)):
        ids = np.sort(rng.integers(1, 4, (3, length), np.int32), axis=1)
        batch[f"{name}_segment_ids"] = ids
        batch[f"{name}_positions"] = np.arange(length, dtype=np.int32) - np.argmax(
            ids[:, :, None] == ids[:, None, :], axis=2
        )
    return batch


@pytest.mark.parametrize(
    ("config", "packed", "prefix_lm"),
    [
        (encoder_decoder(dropout_rate=0.3, scan_layers=True), True, False),
        (encoder_decoder(scan_layers=True, remat="dots"), False, False),
        (family("t5_lm_per_layer_bias", num_decoder_layers=2), True, True),
        (
            family("mistral", num_decoder_layers=2, dropout_rate=0.3, remat="full"),
            *(True, False),
        ),
        (family("mpt", num_decoder_layers=2), False, True),
    ],
)
def test_a_model_in_blocks_is_the_model(config, packed, prefix_lm, monkeypatch):
    """Values, and gradients of all parameters, tables of biases among them."""
    monkeypatch.setattr(attention, "BLOCKS", Blocks(8, 4))
    batch = model_batch(packed=packed)
    if prefix_lm:
        batch["decoder_causal_attention"] = np.arange(19) % 7 < np.array([[3], [0], [5]])
        batch["decoder_causal_attention"] = batch["decoder_causal_attention"].astype(np.int32)
    params = sharp_params(config)
    key = jax.random.key(1) if config.dropout_rate else None

    def loss(params, implementation):
        chosen = dataclasses.replace(config, attention_implementation=implementation)
        return jnp.sin(bind(chosen, params).logits(batch, dropout_key=key)).mean()

    run = jax.jit(jax.value_and_grad(loss), static_argnums=1)
    (value, grads), (expected, expected_grads) = (run(params, n) for n in ("blocked", "xla"))
    np.testing.assert_allclose(value, expected, atol=1e-6)
    expected_grads = flatten_names(expected_grads)
    for name, grad in flatten_names(grads).items():
        np.testing.assert_allclose(grad, expected_grads[name], atol=3e-6, err_msg=name)


def test_a_prompt_in_blocks_gives_the_same_logits_and_cache(monkeypatch):
    monkeypatch.setattr(attention, "BLOCKS", Blocks(8, 4))
    rng = np.random.default_rng(0)
    batch = {"decoder_input_tokens": random_tokens(rng, 2, 11), "prompt_lengths": np.array([11, 4])}

    def prefill(implementation):
        config = family("t5_lm", attention_implementation=implementation)
        run = jax.jit(lambda params: bind(config, params).prefill(batch, max_decode_length=6))
        return run(sharp_params(config))

    for ours, theirs in zip(
        *(jax.tree.leaves(prefill(n)) for n in ("blocked", "xla")), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=3e-5)


def a_case(**changes):
    fields = {
        "platform": "cpu",
        "dtype": "bfloat16",
        "width": 64,
        "has_prefix": False,
        "has_window": False,
        "query_length": 4096,
        "key_length": 4096,
        "length_is_cut": False,
    }
    return Case(**(fields | changes))


@pytest.mark.parametrize(
    ("changes", "chosen"),
    [
        ({}, "blocked"),
        ({"query_length": 128, "key_length": 512}, "xla"),
        ({"length_is_cut": True}, "xla"),
        ({"platform": "gpu"}, "cudnn"),
        ({"platform": "gpu", "dtype": "float32"}, "blocked"),
        ({"platform": "gpu", "width": 256}, "blocked"),
        ({"platform": "gpu", "key_length": 4097, "query_length": 1}, "xla"),
        ({"platform": "tpu"}, "pallas"),
        ({"platform": "tpu", "has_prefix": True}, "blocked"),
        ({"platform": "tpu", "width": 192}, "blocked"),
        ({"platform": "tpu", "has_window": True}, "blocked"),
        ({"platform": "gpu", "has_window": True}, "cudnn"),
    ],
)
def test_auto_takes_what_suits(changes, chosen):
    assert choose("auto", a_case(**changes)) == chosen


@pytest.mark.parametrize(
    ("wanted", "changes", "found"),
    [
        ("pallas", {}, "it runs on a TPU, and the devices are CPUs"),
        ("cudnn", {"platform": "tpu"}, "it runs on a GPU, and the devices are TPUs"),
        ("cudnn", {"platform": "gpu", "dtype": "float32"}, "dtype is float32"),
        ("cudnn", {"platform": "gpu", "width": 20}, "d_kv is 20"),
        ("cudnn", {"platform": "gpu", "key_length": 4097}, "they are 4096 and 4097"),
        ("pallas", {"platform": "tpu", "has_prefix": True}, "prefix language model"),
        ("pallas", {"platform": "tpu", "width": 192}, "d_kv is 192"),
        ("pallas", {"platform": "tpu", "has_window": True}, r"attention_window\)"),
        ("blocked", {"length_is_cut": True}, "mesh axis sequence"),
    ],
)
def test_what_cannot_be_is_refused_by_name(wanted, changes, found):
    with pytest.raises(ValueError, match=f"attention_implementation = '{wanted}'.*{found}.*'auto'"):
        choose(wanted, a_case(**changes))


@pytest.mark.parametrize(
    ("name", "num_kv_heads", "has_bias", "drops"),
    [
        ("packed", 2, True, True),
        ("padded_encoder", 6, True, False),
        ("causal", 1, False, False),
        ("cross", 6, False, False),
    ],
)
def test_the_kernel_for_tpus_gives_what_the_whole_gives(name, num_kv_heads, has_bias, drops):
    """Run by an interpreter, as on a TPU but for speed; lengths are padded to its blocks."""
    case = {"num_kv_heads": num_kv_heads, "has_bias": has_bias, "drops": drops}
    with pltpu.force_tpu_interpret_mode():
        found, expected = both(pallas_attention, masks()[name], **case)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_the_kernel_for_gpus_knows_windows(monkeypatch):
    """Of whole causal texts; a window of a packed row goes into the bias with its segments."""
    monkeypatch.setattr(fused_attention_stablehlo, "check_cudnn_version", lambda: 91000)
    q = jnp.ones((BATCH, HEADS, 32, 8), jnp.bfloat16)
    ids = jnp.ones((BATCH, 32), jnp.int32)
    for segments, said in ((None, 11), ((ids, ids), 0)):
        mask = Mask(query_length=32, key_length=32, is_causal=True, window=11, segments=segments)

        def attend(q, mask=mask):
            return cudnn_attention(q, q, q, mask=mask, bias=None, keep_BHS=None)

        text = jax.jit(attend).trace(q).lower(lowering_platforms=("cuda",)).as_text()
        found = re.search(r"sliding_window_length\\22: (\d+)", text)  # \22 is a quote
        assert found and int(found.group(1)) == said


def test_the_kernel_for_gpus_stands_in_what_is_made_for_one(monkeypatch):
    """No GPU is needed to write the program down; what cuDNN makes of it is not seen here."""
    monkeypatch.setattr(fused_attention_stablehlo, "check_cudnn_version", lambda: 91000)
    batch = model_batch(packed=True)
    for name in [*batch]:  # lengths are even
        batch[name] = batch[name][:, :18]

    for config, num_kernels in [
        # Forward and backward of three attentions; layers are scanned.
        (encoder_decoder(d_kv=8, dtype="bfloat16", dropout_rate=0.1), 6),
        (family("llama", dtype="bfloat16"), 2),
    ]:
        params = sharp_params(config)

        def loss(params, config=config):
            with placing_activations(Placement("gpu")):
                logits = bind(config, params).logits(batch, dropout_key=jax.random.key(0))
            return logits.mean()

        lowered = jax.jit(jax.grad(loss)).trace(params).lower(lowering_platforms=("cuda",))
        assert lowered.as_text().count("custom_call @__cudnn$fmha") == num_kernels
