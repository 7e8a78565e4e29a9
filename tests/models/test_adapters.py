"""LoRA beside plain matrix algebra; `ADAPTERS` of tests.models.tiny go through the other tests."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from t5lite.models.adapter_config import Lora
from t5lite.models.config import TransformerConfig
from t5lite.models.layers import Linear
from t5lite.models.parameters import (
    adapter_names,
    flatten_names,
    init_params,
    param_axes,
    param_shapes,
    unflatten_names,
)
from t5lite.training.parameter_groups import partition_parameters
from tests.models.tiny import (
    ADAPTERS,
    LORA,
    decoder_only,
    encoder_decoder,
    family,
    logits,
    random_tokens,
    sharp_params,
)

TWO = (
    Lora(rank=2, alpha=5.0, targets=("/(query|key)$", "project_")),
    Lora(rank=3, alpha=0.5, targets="mlp/wo"),
)


def make_batch():
    rng = np.random.default_rng(0)
    return {
        "encoder_input_tokens": random_tokens(rng, 3, 7),
        "decoder_input_tokens": random_tokens(rng, 3, 5),
    }


@pytest.mark.parametrize(
    ("config", "num_added"),
    [
        (encoder_decoder(adapters=(LORA,)), 2 * (4 + 3) + 2 * (8 + 3)),
        (family("opt_350m", adapters=TWO), 2 * 5),
    ],
    ids=["t5", "opt_350m"],
)
def test_it_is_a_low_rank_change_of_kernels(config, num_added):
    params = sharp_params(config)
    flat = flatten_names(params)
    assert len(adapter_names(config)) == num_added
    for name in adapter_names(config):
        if name.endswith("lora_a"):
            a, b = flat.pop(name), flat.pop(name.replace("lora_a", "lora_b"))
            kernel = name.replace("lora_a", "kernel")
            lora = next(one for one in config.adapters if one.rank == a.shape[-1])
            flat[kernel] = flat[kernel] + lora.alpha / lora.rank * (a @ b)
    merged = logits(config.base, unflatten_names(flat), make_batch())
    changed = logits(config, params, make_batch())
    np.testing.assert_allclose(changed, merged, atol=1e-5 * np.abs(merged).max())


def test_fresh_ones_change_nothing():
    # A soft prompt stands before the text, not in the layers.
    config = decoder_only(num_decoder_layers=1, adapters=ADAPTERS[:3], dtype="bfloat16")
    params = jax.jit(init_params, static_argnums=0)(config, jax.random.key(0))
    flat = flatten_names(params)
    zeros = ("lora_b", "adaption_prompt/gate", "bias_out")
    assert not any(leaf.any() for name, leaf in flat.items() if name.endswith(zeros))
    base = {name: flat[name] for name in flatten_names(param_shapes(config.base))}
    expected = logits(config.base, unflatten_names(base), make_batch())
    assert np.array_equal(logits(config, params, make_batch()), expected)
    a = flat["decoder/layers/mlp/wo/lora_a"]
    # PEFT's: uniform up to 1 / sqrt(inputs).
    assert 0.9 < np.abs(a).max() * config.d_ff**0.5 <= 1
    assert np.abs(a).min() < 0.1 * np.abs(a).max()


def test_dropout_is_of_what_a_reads():
    layer = Linear(
        40, 40, axes=("embed", "mlp"), dtype="float32", init_fn=jax.nn.initializers.zeros
    )
    layer.add_lora(Lora(rank=40, alpha=40.0, dropout_rate=0.75), name="a")
    identity = jnp.eye(40)
    nnx.update(layer, {"kernel": 3 * identity, "lora_a": identity, "lora_b": identity})
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 5, 40)).astype(np.float32))
    dropped = np.asarray(layer(x, dropout_key=jax.random.key(0)) - 3 * x) / np.asarray(x)
    # A quarter is kept, and four times as large.
    np.testing.assert_allclose(dropped, 4.0 * (dropped > 2), atol=1e-4)
    assert 0.15 < (dropped > 2).mean() < 0.35
    np.testing.assert_allclose(layer(x), 4 * x, rtol=1e-6)
    layer.name_key += 1
    assert not np.array_equal(layer(x, dropout_key=jax.random.key(0)) - 3 * x, dropped * x)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ("self_atention/query", "found in no linear map.*Did you mean .*self_attention/query"),
        ("logits_dense", "output projection"),
        ("token_embedder", "output projection or a table"),
        ("(", "no regular expression"),
        ((), "empty"),
        (3, "must be a list of"),
    ],
)
def test_targets_that_are_none(targets, message):
    with pytest.raises(ValueError, match=f"Lora.targets.*{message}"):
        param_shapes(encoder_decoder(adapters=(Lora(targets=targets),)))


def test_a_map_has_one_lora():
    with pytest.raises(ValueError, match="key is a target of more than one"):
        param_shapes(family("opt_350m", adapters=(TWO[0], Lora(targets="attention/key"))))


def test_a_config_is_written_and_read():
    config = encoder_decoder(adapters=TWO)
    record = config.to_dict()
    assert record["adapters"][1] == {
        "kind": "Lora",
        "rank": 3,
        "alpha": 0.5,
        "dropout_rate": 0.0,
        "targets": ["mlp/wo"],
        "unfrozen": [],
    }
    assert TransformerConfig.from_dict(record) == config
    record["adapters"][0]["kind"] = "Loar"
    with pytest.raises(ValueError, match=r"adapters: kind must be one of.*Did you mean"):
        TransformerConfig.from_dict(record)
    with pytest.raises(ValueError, match=r"TransformerConfig.adapters must be"):
        dataclasses.replace(config, adapters=("Lora",))


def test_the_base_is_frozen():
    config = decoder_only(adapters=(LORA,))
    shapes, adapter = param_shapes(config), adapter_names(config)
    partition = partition_parameters(shapes, [("lora_b", 16.0)], adapter=adapter)
    assert set(partition.multipliers) == set(adapter)
    assert set(partition.frozen) == set(flatten_names(param_shapes(config.base)))
    assert {m for n, m in partition.multipliers.items() if n.endswith("lora_b")} == {16.0}
    with pytest.raises(ValueError, match="matches no parameter"):
        partition_parameters(shapes, [("token_embedder", 1.0)], adapter=adapter)
    axes = flatten_names(param_axes(config))
    assert axes["decoder/layers/mlp/wo/lora_a"] == ("layers", "mlp", "lora_rank")
    assert axes["decoder/layers/mlp/wo/lora_b"] == ("layers", "lora_rank", "embed")
