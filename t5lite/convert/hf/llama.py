"""LLaMA, and what has its shape (SmolLM2), as Hugging Face lays it out: `modeling_llama.py`."""

from typing import Any

from t5lite.convert.hf.family import (
    Family,
    Fields,
    demand_positions,
    demands,
    linear_rows,
    write_activation,
)
from t5lite.convert.hf.rotary import read_rotary, write_rotary
from t5lite.convert.layouts import TRANSPOSED
from t5lite.convert.names import Row
from t5lite.models.config import TransformerConfig
from t5lite.models.position_config import Rotary

_OURS = "decoder/layers"
_THEIRS = "model.layers.{layer}"
_TABLE = (
    Row("token_embedder/embedding", "model.embed_tokens.weight"),
    Row(f"{_OURS}/pre_self_attention_layer_norm/scale", f"{_THEIRS}.input_layernorm.weight"),
    *linear_rows(f"{_OURS}/self_attention/query", f"{_THEIRS}.self_attn.q_proj"),
    *linear_rows(f"{_OURS}/self_attention/key", f"{_THEIRS}.self_attn.k_proj"),
    *linear_rows(f"{_OURS}/self_attention/value", f"{_THEIRS}.self_attn.v_proj"),
    *linear_rows(f"{_OURS}/self_attention/out", f"{_THEIRS}.self_attn.o_proj"),
    Row(f"{_OURS}/pre_mlp_layer_norm/scale", f"{_THEIRS}.post_attention_layernorm.weight"),
    *linear_rows(f"{_OURS}/mlp/wi_0", f"{_THEIRS}.mlp.gate_proj"),
    *linear_rows(f"{_OURS}/mlp/wi_1", f"{_THEIRS}.mlp.up_proj"),
    *linear_rows(f"{_OURS}/mlp/wo", f"{_THEIRS}.mlp.down_proj"),
    Row("decoder/decoder_norm/scale", "model.norm.weight"),
    Row("decoder/logits_dense/kernel", "lm_head.weight", TRANSPOSED),
)


def read_llama(fields: Fields, tied: bool) -> TransformerConfig:
    """The model that the fields of a LLaMA describe."""
    fields.expect("partial_rotary_factor", 1, None)
    width, heads = fields.need("hidden_size"), fields.need("num_attention_heads")
    kv_heads = fields.get("num_key_value_heads", heads)
    return TransformerConfig(
        architecture="decoder_only",
        vocab_size=fields.need("vocab_size"),
        d_model=width,
        d_ff=fields.need("intermediate_size"),
        d_kv=fields.get("head_dim", width // heads),
        num_heads=heads,
        num_kv_heads=None if kv_heads == heads else kv_heads,
        num_encoder_layers=0,
        num_decoder_layers=fields.need("num_hidden_layers"),
        mlp_activations=(fields.activation("hidden_act", "silu"), "linear"),
        attention_bias=fields.get("attention_bias", False),
        mlp_bias=fields.get("mlp_bias", False),
        norm_epsilon=fields.get("rms_norm_eps", 1e-6),
        scale_attention=True,
        positions=read_rotary(fields, theta_field="rope_theta", fraction_field=None),
        tied_embeddings=tied,
        initializer="normal",
        initializer_range=fields.get("initializer_range", 0.02),
        dropout_rate=fields.get("attention_dropout", 0.0),
    )


def llama_mismatches(config: TransformerConfig, **wanted: object) -> list[str]:
    """Why a config is no LLaMA, or of a family that wants other values of some fields."""
    found = demand_positions(config, Rotary, {"fraction": 1.0}) + demands(
        config,
        {
            "architecture": "decoder_only",
            "block": "sequential",
            "norm": "rms",
            "norm_position": "pre",
            "scale_attention": True,
            "scale_logits": False,
            "embedding_width": config.d_model,
            **wanted,
        },
    )
    if config.mlp_activations[0] == "linear" or config.mlp_activations[1:] != ("linear",):
        found.append(f"mlp_activations is {config.mlp_activations}, not gated")
    if config.d_model % config.num_heads:
        found.append(f"num_heads ({config.num_heads}) does not divide d_model ({config.d_model})")
    return found


def write_llama(config: TransformerConfig) -> dict[str, Any]:
    """The fields of a LLaMA, and of families that have them too."""
    return {
        "vocab_size": config.vocab_size,
        "hidden_size": config.d_model,
        "intermediate_size": config.d_ff,
        "head_dim": config.d_kv,
        "num_attention_heads": config.num_heads,
        "num_key_value_heads": config.kv_heads,
        "num_hidden_layers": config.num_decoder_layers,
        "hidden_act": write_activation(config.mlp_activations[0]),
        "attention_bias": config.attention_bias,
        "mlp_bias": config.mlp_bias,
        "rms_norm_eps": config.norm_epsilon,
        **write_rotary(config, theta_field="rope_theta", fraction_field=None),
        "tie_word_embeddings": config.tied_embeddings,
        "initializer_range": config.initializer_range,
        "attention_dropout": config.dropout_rate,
        "pretraining_tp": 1,
    }


LLAMA = Family(
    name="LLaMA",
    model_type="llama",
    architecture="LlamaForCausalLM",
    table=_TABLE,
    base_prefix="model.",
    embedding="model.embed_tokens.weight",
    output="lm_head.weight",
    tied_by_default=False,
    leftovers=(r"rotary_emb\.inv_freq$",),
    context_field="max_position_embeddings",
    read_config=read_llama,
    mismatches=llama_mismatches,
    write_config=write_llama,
)
