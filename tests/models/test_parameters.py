import jax
import jax.numpy as jnp
import numpy as np
import pytest

from t5lite.models.parameters import (
    bind,
    flatten_names,
    init_params,
    param_axes,
    param_shapes,
    unflatten_names,
)
from t5lite.models.position_config import Rotary
from tests.models.tiny import decoder_only, encoder_decoder, family

fresh = jax.jit(init_params, static_argnums=0)


def test_names_shapes_and_axes():
    config = encoder_decoder()
    shapes = flatten_names(param_shapes(config))
    axes = flatten_names(param_axes(config))
    assert list(shapes) == list(axes)
    described = {name: (shapes[name].shape, axes[name]) for name in shapes}
    expected = {
        "token_embedder/embedding": ((43, 22), ("vocab", "embed")),
        "encoder/relpos_bias/rel_embedding": ((3, 8), ("relpos_heads", "relpos_buckets")),
        "encoder/layers/attention/query/kernel": ((2, 22, 15), ("layers", "embed", "joined_kv")),
        "encoder/layers/attention/out/kernel": ((2, 15, 22), ("layers", "joined_kv", "embed")),
        "encoder/layers/pre_attention_layer_norm/scale": ((2, 22), ("layers", "embed")),
        "encoder/encoder_norm/scale": ((22,), ("embed",)),
        "decoder/layers/self_attention/value/kernel": (
            (3, 22, 15),
            ("layers", "embed", "joined_kv"),
        ),
        "decoder/layers/encoder_decoder_attention/key/kernel": (
            (3, 22, 15),
            ("layers", "embed", "joined_kv"),
        ),
        "decoder/layers/pre_self_attention_layer_norm/scale": ((3, 22), ("layers", "embed")),
        "decoder/layers/pre_cross_attention_layer_norm/scale": ((3, 22), ("layers", "embed")),
        "decoder/layers/pre_mlp_layer_norm/scale": ((3, 22), ("layers", "embed")),
        "decoder/layers/mlp/wi_0/kernel": ((3, 22, 34), ("layers", "embed", "mlp")),
        "decoder/layers/mlp/wi_1/kernel": ((3, 22, 34), ("layers", "embed", "mlp")),
        "decoder/layers/mlp/wo/kernel": ((3, 34, 22), ("layers", "mlp", "embed")),
        "decoder/decoder_norm/scale": ((22,), ("embed",)),
        "decoder/logits_dense/kernel": ((22, 43), ("embed", "vocab")),
    }
    assert {name: described[name] for name in expected} == expected
    assert len(described) == 29


def test_plain_tied_model_has_one_wi_and_no_logits_dense():
    names = flatten_names(
        param_shapes(encoder_decoder(mlp_activations=("relu",), tied_embeddings=True))
    )
    assert "decoder/layers/mlp/wi/kernel" in names
    assert not [name for name in names if "wi_" in name or "logits_dense" in name]


def test_decoder_only_has_no_encoder():
    names = flatten_names(param_shapes(decoder_only()))
    assert not [name for name in names if "encoder" in name or "cross" in name]


def test_initial_values_follow_t5x():
    config = encoder_decoder(d_model=256, d_ff=512, d_kv=32, num_heads=4, vocab_size=500)
    flat = flatten_names(fresh(config, jax.random.key(0)))
    deviations = {
        "token_embedder/embedding": 1.0,
        "encoder/layers/attention/query/kernel": (256 * 32) ** -0.5,
        "encoder/layers/attention/key/kernel": 256**-0.5,
        "decoder/layers/self_attention/out/kernel": 128**-0.5,
        "decoder/layers/mlp/wo/kernel": 512**-0.5,
        "decoder/logits_dense/kernel": 256**-0.5,
    }
    for name, deviation in deviations.items():
        assert flat[name].dtype == jnp.float32
        np.testing.assert_allclose(np.std(flat[name]), deviation, rtol=0.02, err_msg=name)
    np.testing.assert_array_equal(flat["encoder/encoder_norm/scale"], 1.0)
    # Uniform with fan_avg over [heads, buckets].
    bound = np.sqrt(3 / ((4 + 8) / 2))
    assert np.max(np.abs(flat["encoder/relpos_bias/rel_embedding"])) < bound


def test_initial_values_of_the_other_initialisers():
    widths = {"d_model": 256, "d_ff": 512, "d_kv": 32, "num_heads": 4, "vocab_size": 500}
    normal = family("gpt2", initializer="normal", initializer_range=0.05, **widths)
    small = family("gpt_neox", initializer="small", positions=Rotary(fraction=0.25), **widths)
    into, out = (2 / (5 * 256)) ** 0.5, 2 / (3 * 16)
    for config, of_input, of_output in [(normal, 0.05, 0.05), (small, into, out)]:
        flat = flatten_names(fresh(config, jax.random.key(0)))
        for name, leaf in flat.items():
            if name.endswith("bias"):
                np.testing.assert_array_equal(leaf, 0.0)
            elif not name.endswith("scale"):
                into_residual = name.endswith(("out/kernel", "wo/kernel"))
                deviation = of_output if into_residual else of_input
                np.testing.assert_allclose(np.std(leaf), deviation, rtol=0.03, err_msg=name)


def test_initial_values_depend_on_name_and_layer_only():
    key = jax.random.key(3)
    reference = flatten_names(fresh(encoder_decoder(), key))
    deeper = flatten_names(fresh(encoder_decoder(num_decoder_layers=5), key))
    alone = flatten_names(fresh(decoder_only(mlp_activations=("relu",)), key))
    for name, leaf in deeper.items():
        if name.startswith("decoder/layers/"):
            np.testing.assert_array_equal(leaf[:3], reference[name])
        else:
            np.testing.assert_array_equal(leaf, reference[name])
    for name in set(alone) & set(reference):
        np.testing.assert_array_equal(alone[name], reference[name])
    first, second = reference["decoder/layers/mlp/wo/kernel"][:2]
    assert np.max(np.abs(first - second)) > 0.1


def test_names_flatten_and_unflatten():
    tree = {"b": {"c": 1, "a": {"d": 2}}, "a": 3}
    flat = flatten_names(tree)
    assert list(flat.items()) == [("a", 3), ("b/a/d", 2), ("b/c", 1)]
    assert unflatten_names(flat) == tree


def test_bind_lists_what_does_not_fit():
    config = encoder_decoder()
    flat = flatten_names(param_shapes(config))
    flat["encoder/layers/mlp/wi/kernel"] = flat.pop("encoder/layers/mlp/wi_0/kernel")
    flat["encoder/encoder_norm/scale"] = jax.ShapeDtypeStruct((7,), jnp.float32)
    with pytest.raises(ValueError) as error:
        bind(config, unflatten_names(flat))
    message = str(error.value)
    assert "missing encoder/layers/mlp/wi_0/kernel (2, 22, 34)" in message
    assert "unknown encoder/layers/mlp/wi/kernel (2, 22, 34)" in message
    assert "encoder/encoder_norm/scale is (7,), the config says (22,)" in message
