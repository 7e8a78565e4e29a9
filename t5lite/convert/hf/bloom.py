"""BLOOM as Hugging Face lays it out: `modeling_bloom.py` of transformers.

Every head's query, key and value lie together in one Linear, and embeddings are normed.
"""

from typing import Any

from t5lite.convert.hf.family import (
    Family,
    Fields,
    demand_positions,
    fused_rows,
    gpt_demands,
    linear_rows,
    norm_rows,
)
from t5lite.convert.layouts import NEOX_QKV, TRANSPOSED
from t5lite.convert.names import Row
from t5lite.models.config import TransformerConfig
from t5lite.models.position_config import Alibi

# No field of config.json says otherwise.
_MLP_WIDTHS = 4
_FIXED: dict[str, Any] = {
    "architecture": "decoder_only",
    "mlp_activations": ("gelu",),
    "attention_bias": True,
    "mlp_bias": True,
    "norm": "layer",
    "norm_bias": True,
    "scale_attention": True,
    "embedding_norm": True,
}

_OURS = "decoder/layers"
_THEIRS = "transformer.h.{layer}"


_TABLE = (
    Row("token_embedder/embedding", "transformer.word_embeddings.weight"),
    *norm_rows("decoder/embedding_norm", "transformer.word_embeddings_layernorm"),
    *norm_rows(f"{_OURS}/pre_self_attention_layer_norm", f"{_THEIRS}.input_layernorm"),
    *fused_rows(f"{_OURS}/self_attention", f"{_THEIRS}.self_attention.query_key_value", NEOX_QKV),
    *linear_rows(f"{_OURS}/self_attention/out", f"{_THEIRS}.self_attention.dense"),
    *norm_rows(f"{_OURS}/pre_mlp_layer_norm", f"{_THEIRS}.post_attention_layernorm"),
    *linear_rows(f"{_OURS}/mlp/wi", f"{_THEIRS}.mlp.dense_h_to_4h"),
    *linear_rows(f"{_OURS}/mlp/wo", f"{_THEIRS}.mlp.dense_4h_to_h"),
    *norm_rows("decoder/decoder_norm", "transformer.ln_f"),
    Row("decoder/logits_dense/kernel", "lm_head.weight", TRANSPOSED),
)


def _read_config(fields: Fields, tied: bool) -> TransformerConfig:
    fields.expect("apply_residual_connection_post_layernorm", False)
    # Published files have the older of two names, which their class puts first.
    width = fields.get("n_embed") or fields.need("hidden_size")
    fields.expect("n_inner", None, _MLP_WIDTHS * width)
    heads = fields.get("n_head") or fields.need("num_attention_heads")
    return TransformerConfig(
        **_FIXED,
        vocab_size=fields.need("vocab_size"),
        d_model=width,
        d_ff=_MLP_WIDTHS * width,
        d_kv=width // heads,
        num_heads=heads,
        num_encoder_layers=0,
        num_decoder_layers=fields.get("n_layer") or fields.need("num_hidden_layers"),
        norm_epsilon=fields.get("layer_norm_epsilon", 1e-5),
        positions=Alibi(),
        tied_embeddings=tied,
        initializer="normal",
        initializer_range=fields.get("initializer_range", 0.02),
        dropout_rate=fields.get("hidden_dropout", 0.0),
    )


def _mismatches(config: TransformerConfig) -> list[str]:
    return demand_positions(config, Alibi) + gpt_demands(
        config,
        {
            **_FIXED,
            "block": "sequential",
            "d_ff": _MLP_WIDTHS * config.d_model,
        },
    )


def _write_config(config: TransformerConfig) -> dict[str, Any]:
    return {
        "vocab_size": config.vocab_size,
        "hidden_size": config.d_model,
        "n_head": config.num_heads,
        "n_layer": config.num_decoder_layers,
        "layer_norm_epsilon": config.norm_epsilon,
        "apply_residual_connection_post_layernorm": False,
        "tie_word_embeddings": config.tied_embeddings,
        "initializer_range": config.initializer_range,
        "hidden_dropout": config.dropout_rate,
        "attention_dropout": config.dropout_rate,
    }


BLOOM = Family(
    name="BLOOM",
    model_type="bloom",
    architecture="BloomForCausalLM",
    table=_TABLE,
    base_prefix="transformer.",
    embedding="transformer.word_embeddings.weight",
    output="lm_head.weight",
    tied_by_default=True,
    context_field="seq_length",
    read_config=_read_config,
    mismatches=_mismatches,
    write_config=_write_config,
)
