"""LLaMA-Adapter, scales and biases, and soft prompts, beside NumPy and published counts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from t5lite.models.adapter_config import AdaptionPrompt, PromptTuning, ScaleBias
from t5lite.models.adaption_prompt import Prompt
from t5lite.models.layers import Embedding
from t5lite.models.parameters import (
    adapter_names,
    bind,
    flatten_names,
    param_shapes,
    unflatten_names,
)
from t5lite.models.position_config import Rotary
from tests.models.tiny import decoder_only, encoder_decoder, family, logits, random_tokens
from tests.models.tiny import sharp_params as make_params


def softmax(x):
    weights = np.exp(x - x.max())
    return weights / weights.sum()


def test_a_prompt_has_a_softmax_of_its_own():
    rng = np.random.default_rng(0)
    batch, heads, kv_heads, queries, tokens, width = 2, 6, 2, 3, 4, 5
    query = rng.normal(size=(batch, heads, queries, width)).astype(np.float32)
    key, value = rng.normal(size=(2, 1, kv_heads, tokens, width)).astype(np.float32)
    gate = rng.normal(size=heads).astype(np.float32)
    expected = np.zeros_like(query)
    for row, head, place in np.ndindex(batch, heads, queries):
        shared = head // (heads // kv_heads)
        weights = softmax(key[0, shared] @ query[row, head, place])
        expected[row, head, place] = gate[head] * weights @ value[0, shared]
    prompt = Prompt((jnp.asarray(key), jnp.asarray(value)), jnp.asarray(gate))
    seen = prompt.seen_by(jnp.asarray(query), float32_logits=True)
    np.testing.assert_allclose(seen, expected, atol=1e-5)


@pytest.mark.parametrize("gate", ["tanh", "linear"])
def test_prompts_are_added_in_the_last_layers(gate):
    """A layer with prompts is one whose heads see them, unrotated, through its own projections."""
    adapter = AdaptionPrompt(num_tokens=3, num_layers=2, gate=gate)
    config = family("llama", adapters=(adapter,))
    model = bind(config, jax.tree.map(jnp.asarray, make_params(config)))
    prompts = model.decoder.prompts
    sources, gates = prompts.of_layers(None)
    assert sources[0] is None and gates[0] is None
    assert prompts.gate.shape == ((2, 6) if gate == "tanh" else (2, 1))
    raw = np.broadcast_to(np.asarray(prompts.gate[...]), (2, 6))
    for layer in range(2):
        expected = np.tanh(raw[layer]) if gate == "tanh" else raw[layer]
        np.testing.assert_allclose(gates[layer + 1], expected, rtol=1e-6)
    made = model.decoder.prompt_keys_values()
    key_kernel = np.asarray(model.decoder.layers.self_attention.key.kernel[...])
    for layer in range(2):
        keys = np.asarray(sources[layer + 1]) @ key_kernel[layer + 1]
        keys = keys.reshape(3, 2, 8).transpose(1, 0, 2)
        np.testing.assert_allclose(made[0][layer, 0], keys, atol=1e-5)


def test_a_scale_and_a_bias_are_those_of_kernels():
    config = decoder_only(adapters=(ScaleBias(),), num_decoder_layers=1)
    params = make_params(config)
    flat = flatten_names(params)
    for name in [name for name in flat if name.endswith("scale_in")]:
        scale, bias = flat.pop(name), flat.pop(name.replace("scale_in", "bias_out"))
        kernel = name.replace("scale_in", "kernel")
        flat[kernel] = scale[..., None] * flat[kernel]
        flat[name.replace("scale_in", "bias")] = bias
    biased = decoder_only(attention_bias=True, mlp_bias=True, num_decoder_layers=1)
    batch = {"decoder_input_tokens": random_tokens(np.random.default_rng(0), 3, 5)}
    expected = logits(biased, unflatten_names(flat), batch)
    np.testing.assert_allclose(
        logits(config, params, batch), expected, atol=1e-5 * np.abs(expected).max()
    )


def test_a_soft_prompt_is_rows_behind_the_vocabulary():
    config = decoder_only(scale_embeddings=True)
    embedder = Embedding(config)
    embedder.add_soft_prompt(3)
    rng = np.random.default_rng(0)
    table, soft = rng.normal(size=(43, 22)), rng.normal(size=(3, 22))
    nnx.update(embedder, {"embedding": jnp.asarray(table), "soft_prompt": jnp.asarray(soft)})
    ids = np.array([[43, 44, 45, 0, 42]])
    rows = np.concatenate([table, soft])[ids] * 22**0.5
    np.testing.assert_allclose(embedder(jnp.asarray(ids)), rows, rtol=1e-5)
    assert np.isnan(embedder(jnp.array([[46]]))).all()


def num_trained(adapter, **shape):
    config = decoder_only(
        vocab_size=32000, positions=Rotary(), d_kv=128, adapters=(adapter,), **shape
    )
    shapes = flatten_names(param_shapes(config))
    return {name: shapes[name].size for name in adapter_names(config)}


SEVEN = {"d_model": 4096, "d_ff": 11008, "num_heads": 32, "num_decoder_layers": 32}
SIXTY_FIVE = {"d_model": 8192, "d_ff": 22016, "num_heads": 64, "num_decoder_layers": 80}


def test_published_counts():
    prompts = num_trained(AdaptionPrompt(num_tokens=10, num_layers=30), **SEVEN)
    assert prompts == {
        "decoder/adaption_prompt/embedding": 1_228_800,
        "decoder/adaption_prompt/gate": 30 * 32,
    }
    assert sum(num_trained(ScaleBias(), **SEVEN).values()) == 2_764_800
    assert sum(num_trained(ScaleBias(), **SIXTY_FIVE).values()) == 13_811_712
    assert sum(num_trained(PromptTuning(num_tokens=5), **SEVEN).values()) == 5 * 4096


def test_only_the_norms_of_a_base_are_unfrozen():
    names = adapter_names(encoder_decoder(adapters=(ScaleBias(),)))
    assert {"encoder/encoder_norm/scale", "decoder/layers/pre_mlp_layer_norm/scale"} <= set(names)
    assert not any(name.endswith(("kernel", "embedding")) for name in names)
    frozen_norms = adapter_names(encoder_decoder(adapters=(ScaleBias(train_norms=False),)))
    assert all(name.endswith(("scale_in", "bias_out")) for name in frozen_norms)


@pytest.mark.parametrize(
    ("adapters", "message"),
    [
        ((AdaptionPrompt(num_layers=3),), "num_layers is 3, and the encoder has 2 layers"),
        ((AdaptionPrompt(num_layers=1),) * 2, "more than one AdaptionPrompt"),
        ((PromptTuning(), PromptTuning(num_tokens=3)), "more than one PromptTuning"),
        ((ScaleBias(), ScaleBias(targets="mlp")), "target of more than one ScaleBias"),
        ((ScaleBias(targets="logits_dense"),), "ScaleBias.targets.*output projection"),
    ],
)
def test_adapters_that_a_model_cannot_have(adapters, message):
    with pytest.raises(ValueError, match=message):
        param_shapes(encoder_decoder(adapters=adapters))


def test_fields_that_cannot_be_meant():
    with pytest.raises(ValueError, match=r"AdaptionPrompt.gate.*tanh, linear"):
        AdaptionPrompt(gate="tan")
    with pytest.raises(ValueError, match=r"PromptTuning.text is None"):
        PromptTuning(init="text")
    with pytest.raises(ValueError, match=r"PromptTuning.init.*Did you mean 'text'"):
        PromptTuning(init="texts")
