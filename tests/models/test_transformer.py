"""Execution choices change nothing but speed and memory; precision changes little."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from t5lite.models.attention import Attend
from t5lite.models.layer_loop import layer_key
from t5lite.models.layers import Placement, placing_activations
from t5lite.models.parameters import bind
from tests.models.tiny import (
    ADAPTERS,
    LORA,
    decoder_only,
    encoder_decoder,
    logits,
    random_tokens,
    sharp_params,
    traced_logits,
)

# Each map with a LoRA draws masks of its own, which take long to compile: few have one.
LORA_OF_FEW = dataclasses.replace(LORA, targets=("/(query|wo)$",))
# Two layers each: a loop over them is compiled layer by layer.
CONFIGS = {
    "gated": encoder_decoder(
        num_decoder_layers=2,
        dropout_rate=0.3,
        adapters=(dataclasses.replace(LORA_OF_FEW, dropout_rate=0.2), *ADAPTERS[1:]),
    ),
    "plain_tied": encoder_decoder(
        num_decoder_layers=2,
        dropout_rate=0.3,
        mlp_activations=("relu",),
        tied_embeddings=True,
        scale_logits=True,
    ),
    "decoder_only": decoder_only(
        num_decoder_layers=2, dropout_rate=0.3, mlp_activations=("silu", "linear")
    ),
}
# For what is the same in every layer.
SHALLOW = encoder_decoder(num_encoder_layers=1, num_decoder_layers=2)


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    batch = {
        "encoder_input_tokens": random_tokens(rng, 3, 13),
        "decoder_input_tokens": random_tokens(rng, 3, 9),
    }
    batch["encoder_input_tokens"][1, 5:] = 0
    batch["decoder_input_tokens"][:, 0] = 0
    return batch


def value_and_grad(config, params, key):
    def loss(params):
        return jnp.mean(jnp.sin(traced_logits(config, params, make_batch(), key)))

    return jax.jit(jax.value_and_grad(loss))(params)


SCANNED = (True, "none")


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("gated", [(True, "dots"), (False, "none")]),
        ("decoder_only", [(True, "full")]),
    ],
)
def test_scan_and_remat_change_nothing(name, choices):
    """Values and gradients with dropout on, so that every layer must draw the same masks."""
    config = CONFIGS[name]
    params = sharp_params(config)
    results = [
        value_and_grad(
            dataclasses.replace(config, scan_layers=scan_layers, remat=remat),
            params,
            jax.random.key(5),
        )
        for scan_layers, remat in [SCANNED, *choices]
    ]
    reference, reference_grads = results[0]
    for value, grads in results[1:]:
        np.testing.assert_allclose(value, reference, atol=1e-6)
        for leaf, expected in zip(
            jax.tree.leaves(grads), jax.tree.leaves(reference_grads), strict=True
        ):
            np.testing.assert_allclose(leaf, expected, atol=2e-6, rtol=2e-4)


def test_unrolled_is_scanned_without_dropout():
    config = CONFIGS["plain_tied"]
    params = sharp_params(config)
    scanned, unrolled = (dataclasses.replace(config, scan_layers=scan) for scan in (True, False))
    np.testing.assert_allclose(
        logits(unrolled, params, make_batch()), logits(scanned, params, make_batch()), atol=1e-5
    )


@pytest.mark.parametrize(("platform", "scan"), [("cpu", False), ("tpu", True), ("gpu", True)])
def test_the_platform_chooses_between_scan_and_loop(platform, scan):
    config = CONFIGS["plain_tied"]
    params = sharp_params(config)
    with placing_activations(Placement(platform)):
        program = jax.make_jaxpr(lambda params: bind(config, params).logits(make_batch()))(params)
    assert ("scan[" in str(program)) == scan


def test_remat_recomputes():
    """`full` must save fewer numbers between passes than `dots`, and `dots` fewer than `none`."""
    config = CONFIGS["gated"]
    params = sharp_params(config)
    sizes = []
    for remat in ("full", "dots", "none"):
        other = dataclasses.replace(config, remat=remat)

        def backward(params, config=other):
            return jax.vjp(lambda p: traced_logits(config, p, make_batch()), params)[1]

        sizes.append(sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(backward, params))))
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("name", ["gated", "decoder_only"])
def test_dropout_needs_a_key_and_follows_it(name):
    config = CONFIGS[name]
    params = sharp_params(config)
    batch = make_batch()
    one, same, two, off = (
        logits(config, params, batch, key)
        for key in (jax.random.key(1), jax.random.key(1), jax.random.key(2), None)
    )
    np.testing.assert_array_equal(one, same)
    assert np.max(np.abs(one - two)) > 0.1
    assert np.max(np.abs(one - off)) > 0.1
    still = dataclasses.replace(
        config, dropout_rate=0.0, adapters=(LORA_OF_FEW, *ADAPTERS[1:]) if config.adapters else ()
    )
    np.testing.assert_array_equal(logits(still, params, batch, jax.random.key(1)), off)


def test_every_layer_drops_differently_and_alike_along_the_length():
    config = encoder_decoder(dropout_rate=0.5)
    model = bind(config, sharp_params(config))
    graphdef, stacked = nnx.split(model.encoder.layers)
    layer = nnx.merge(graphdef, jax.tree.map(lambda leaf: leaf[0], stacked))
    x = jnp.ones((1, 4, config.d_model))
    attend = Attend.over(jnp.ones((1, 1, 1, 4), bool), config)
    bias = jnp.zeros((1, 1, 4, 4))
    first, second = (
        layer(x, attend=attend, bias=bias, dropout_key=layer_key(jax.random.key(0), index))
        for index in range(2)
    )
    assert np.max(np.abs(first - second)) > 0.1
    # Equal positions stay equal: one decision holds along the length, as in T5.
    np.testing.assert_allclose(first, jnp.broadcast_to(first[:, :1], x.shape), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "float32_attention_logits"),
    [("gated", True), ("gated", False), ("decoder_only", True)],
)
def test_bfloat16_is_close_to_float32(name, float32_attention_logits):
    config = CONFIGS[name]
    params = sharp_params(config)
    reference = logits(config, params, make_batch())
    narrow = dataclasses.replace(
        config, dtype="bfloat16", float32_attention_logits=float32_attention_logits
    )
    result = logits(narrow, params, make_batch())
    assert result.dtype == jnp.float32
    # bfloat16 has 8 bits of fraction; a few layers of roundings stay within 4% of the spread.
    difference = np.sqrt(np.mean((result - reference) ** 2)) / np.std(reference)
    assert 1e-4 < difference < 0.04


def test_padding_of_the_input_is_never_seen():
    config = SHALLOW
    params = sharp_params(config)
    batch = make_batch()
    longer = dict(batch)
    longer["encoder_input_tokens"] = np.pad(batch["encoder_input_tokens"], ((0, 0), (0, 6)))
    np.testing.assert_allclose(
        logits(config, params, longer), logits(config, params, batch), atol=2e-5
    )


def test_the_future_is_never_seen():
    for config in (SHALLOW, decoder_only(num_decoder_layers=2)):
        params = sharp_params(config)
        batch = make_batch()
        changed = dict(batch)
        changed["decoder_input_tokens"] = batch["decoder_input_tokens"].copy()
        changed["decoder_input_tokens"][:, 5] = 42
        before, after = logits(config, params, batch), logits(config, params, changed)
        np.testing.assert_array_equal(before[:, :5], after[:, :5])
        assert np.max(np.abs(before[:, 5:] - after[:, 5:])) > 0.1


def test_scaled_logits():
    config = dataclasses.replace(SHALLOW, tied_embeddings=True)
    params = sharp_params(config)
    scaled = dataclasses.replace(config, scale_logits=True)
    np.testing.assert_allclose(
        logits(scaled, params, make_batch()) * 22**0.5,
        logits(config, params, make_batch()),
        rtol=1e-5,
        atol=1e-5,
    )


def test_a_token_outside_the_vocabulary_is_loud():
    config = SHALLOW
    batch = make_batch()
    batch["decoder_input_tokens"][0, 3] = config.vocab_size
    result = logits(config, sharp_params(config), batch)
    assert np.isnan(result[0, 3:]).all()
    assert np.isfinite(result[1:]).all()


def test_half_packed_batch_is_refused():
    config = encoder_decoder()
    batch = make_batch() | {"decoder_segment_ids": np.ones((3, 9), np.int32)}
    with pytest.raises(ValueError, match="needs encoder_segment_ids and decoder_segment_ids"):
        bind(config, sharp_params(config)).logits(batch)
