"""A GPT-2 trained by minGPT to sort, and what each of its sub-layers computed for one batch.

Weights and activations: gpt-nano-sort of github.com/bbycroft/llm-viz.
Shapes: B batch, T length, D d_model, H heads, K d_kv, V vocabulary.
"""

import base64
import functools
import itertools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from t5lite.convert.hf.gpt2 import GPT2
from t5lite.convert.names import LazyArray, Tensors, stack, to_ours
from t5lite.models.attention import Attend, dot_product_attention
from t5lite.models.config import TransformerConfig
from t5lite.models.masks import Mask
from t5lite.models.parameters import bind
from t5lite.models.position_config import Learned
from tests.conftest import shared_path

FOLDER = ("weights", "llmviz-gpt-nano-sort")
# What minGPT makes a torch Linear [out, in], and GPT-2 a Conv1D [in, out].
LINEAR = ("c_attn.weight", "c_proj.weight", "c_fc.weight")
# Their floats were made by other kernels.
ATOL = 2e-5
NUM_SORTED = 6


def read_arrays(file_name):
    record = json.loads(shared_path(*FOLDER, file_name).read_text())
    record.pop("config")
    return {
        name: np.frombuffer(base64.b64decode(held["data"]), "<f4").reshape(held["shape"])
        for name, held in record.items()
    }


@pytest.fixture(scope="module")
def config():
    record = json.loads(shared_path(*FOLDER, "gpt-nano-sort-model.json").read_text())["config"]
    return TransformerConfig(
        architecture="decoder_only",
        vocab_size=record["vocab_size"],
        d_model=record["n_embd"],
        d_ff=4 * record["n_embd"],
        d_kv=record["n_embd"] // record["n_head"],
        num_heads=record["n_head"],
        num_encoder_layers=0,
        num_decoder_layers=record["n_layer"],
        mlp_activations=("gelu",),
        attention_bias=True,
        mlp_bias=True,
        scale_attention=True,
        norm="layer",
        norm_bias=True,
        norm_epsilon=1e-5,
        positions=Learned(max_positions=record["block_size"]),
    )


@pytest.fixture(scope="module")
def params(config):
    tensors = {
        name: LazyArray.of(array.T if name.endswith(LINEAR) else array)
        for name, array in read_arrays("gpt-nano-sort-model.json").items()
        if not name.endswith(".attn.bias")  # the causal mask
    }
    theirs = Tensors(tensors, source="gpt-nano-sort")
    return stack(to_ours(GPT2.table, theirs, config=config))


@pytest.fixture(scope="module")
def model(config, params):
    return bind(config, params)


@pytest.fixture(scope="module")
def golden():
    return read_arrays("gpt-nano-sort-t0-partials.json")


def near(ours, theirs):
    np.testing.assert_allclose(np.asarray(ours), theirs, atol=ATOL, rtol=1e-4)


def layer_of(model, index):
    """One layer of the stack, its own parameters bound."""
    graphdef, params = nnx.split(model.decoder.layers)
    return nnx.merge(graphdef, jax.tree.map(lambda leaf: leaf[index], params))


def merge_heads(x_BHTK):
    x_BTHK = x_BHTK.transpose(0, 2, 1, 3)
    return x_BTHK.reshape(*x_BTHK.shape[:2], -1)


def test_every_sub_layer_of_the_first_block(model, golden):
    tokens_BT = jnp.asarray(golden["idx"], jnp.int32)
    layer = layer_of(model, 0)
    query_scale = model.config.d_kv**-0.5
    embedded_BTD = model.token_embedder(tokens_BT)
    near(embedded_BTD, golden["tok_emb"])
    position_1T = jnp.arange(tokens_BT.shape[1])[None]
    near(model.decoder.position_embedder(position_1T), golden["pos_emb"])
    x_BTD = embedded_BTD + model.decoder.position_embedder(position_1T)
    near(x_BTD, golden["x"])

    normed_BTD = layer.pre_self_attention_layer_norm(x_BTD)
    near(normed_BTD, golden["ln1"])
    attention = layer.self_attention
    keys_BHTK, values_BHTK = attention.keys_values(normed_BTD)
    near(keys_BHTK, golden["k"])
    near(values_BHTK, golden["v"])
    projections = (attention.query, attention.key, attention.value)
    near(jnp.concatenate([p(normed_BTD) for p in projections], axis=-1), golden["qkv"])
    length = tokens_BT.shape[1]
    mask = Mask(query_length=length, key_length=length, is_causal=True).dense()
    query_BHTK = jnp.asarray(golden["q"]) * query_scale
    attend = functools.partial(
        dot_product_attention, query_BHTK, keys_BHTK, mask=mask, bias=None, float32_logits=True
    )
    # Each key's value a direction of its own: what comes out are the weights.
    one_hot_BHTK = jnp.broadcast_to(jnp.eye(length, model.config.d_kv), values_BHTK.shape)
    near(attend(one_hot_BHTK)[..., :length], golden["attSm"])
    near(merge_heads(attend(values_BHTK)), golden["y"])
    attended_BTD = attention(
        *(normed_BTD, (keys_BHTK, values_BHTK)),
        attend=Attend.over(mask, model.config),
    )
    near(attended_BTD, golden["yProj"])
    x_BTD += attended_BTD
    near(x_BTD, golden["attnResid"])

    normed_BTD = layer.pre_mlp_layer_norm(x_BTD)
    near(normed_BTD, golden["ln2"])
    near(layer.mlp.wi(normed_BTD), golden["fc"])
    near(layer.mlp.wo(jnp.asarray(golden["gelu"])), golden["mlp"])
    near(layer.mlp(normed_BTD), golden["mlp"])
    near(x_BTD + layer.mlp(normed_BTD), golden["mlpResid"])


def test_every_block_and_what_follows(model, golden):
    tokens_BT = jnp.asarray(golden["idx"], jnp.int32)
    length = tokens_BT.shape[1]
    attend = Attend.over(Mask(query_length=length, key_length=length, is_causal=True), model.config)
    x_BTD = model.token_embedder(tokens_BT)
    x_BTD += model.decoder.position_embedder(jnp.arange(length)[None])
    for index in range(3):
        x_BTD = layer_of(model, index)(x_BTD, attend=attend, bias=None)
        near(x_BTD, golden[f"block{index}"])
    near(model.decoder.decoder_norm(x_BTD), golden["ln_f"])
    logits_BTV = model.logits({"decoder_input_tokens": tokens_BT})
    near(logits_BTV, golden["lm_head"])
    near(jax.nn.softmax(logits_BTV), golden["probs"])


def test_it_sorts_everything(config, params):
    """All 729 rows of six digits below three, decoded greedily from a cache."""
    rows = np.array(list(itertools.product(range(config.vocab_size), repeat=NUM_SORTED)), np.int32)
    batch = {
        "decoder_input_tokens": jnp.asarray(rows),
        "prompt_lengths": jnp.full(len(rows), NUM_SORTED, jnp.int32),
    }

    @jax.jit
    def begin(params):
        return bind(config, params).prefill(batch, max_decode_length=NUM_SORTED)

    @jax.jit
    def go_on(params, logits_BV, cache):
        token_B = jnp.argmax(logits_BV, axis=-1)
        return token_B, *bind(config, params).step(token_B, cache)

    logits_BV, cache = begin(params)
    written = []
    for _ in range(NUM_SORTED):
        token_B, logits_BV, cache = go_on(params, logits_BV, cache)
        written.append(token_B)
    np.testing.assert_array_equal(np.stack(written, axis=1), np.sort(rows, axis=1))
