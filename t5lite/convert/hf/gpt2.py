"""GPT-2 as Hugging Face lays it out: `modeling_gpt2.py` of transformers.

Its Conv1D keeps [in, out] as we do, and query, key and value lie side by side in one of them.
"""

from typing import Any

from t5lite.convert.hf.family import (
    PLAIN_MLPS,
    Family,
    Fields,
    demand_positions,
    fused_rows,
    gpt_demands,
    linear_rows,
    norm_rows,
    write_activation,
)
from t5lite.convert.layouts import GPT2_QKV, SAME, TRANSPOSED
from t5lite.convert.names import Row
from t5lite.models.config import TransformerConfig
from t5lite.models.position_config import Learned

_OURS = "decoder/layers"
_THEIRS = "transformer.h.{layer}"


_TABLE = (
    Row("token_embedder/embedding", "transformer.wte.weight"),
    Row("decoder/position_embedder/embedding", "transformer.wpe.weight"),
    *norm_rows(f"{_OURS}/pre_self_attention_layer_norm", f"{_THEIRS}.ln_1"),
    *fused_rows(f"{_OURS}/self_attention", f"{_THEIRS}.attn.c_attn", GPT2_QKV),
    *linear_rows(f"{_OURS}/self_attention/out", f"{_THEIRS}.attn.c_proj", SAME),
    *norm_rows(f"{_OURS}/pre_mlp_layer_norm", f"{_THEIRS}.ln_2"),
    *linear_rows(f"{_OURS}/mlp/wi", f"{_THEIRS}.mlp.c_fc", SAME),
    *linear_rows(f"{_OURS}/mlp/wo", f"{_THEIRS}.mlp.c_proj", SAME),
    *norm_rows("decoder/decoder_norm", "transformer.ln_f"),
    Row("decoder/logits_dense/kernel", "lm_head.weight", TRANSPOSED),
)


def _read_config(fields: Fields, tied: bool) -> TransformerConfig:
    # With eager attention and float32 the second changes rounding only; narrower types, values.
    fields.expect("scale_attn_by_inverse_layer_idx", False)
    fields.expect("reorder_and_upcast_attn", False)
    width, heads = fields.need("n_embd"), fields.need("n_head")
    return TransformerConfig(
        architecture="decoder_only",
        vocab_size=fields.need("vocab_size"),
        d_model=width,
        d_ff=fields.get("n_inner", 4 * width),
        d_kv=width // heads,
        num_heads=heads,
        num_encoder_layers=0,
        num_decoder_layers=fields.need("n_layer"),
        mlp_activations=(fields.activation("activation_function", "gelu_new"),),
        attention_bias=True,
        mlp_bias=True,
        norm="layer",
        norm_bias=True,
        norm_epsilon=fields.get("layer_norm_epsilon", 1e-5),
        scale_attention=fields.get("scale_attn_weights", True),
        positions=Learned(max_positions=fields.need("n_positions")),
        tied_embeddings=tied,
        initializer="normal",
        initializer_range=fields.get("initializer_range", 0.02),
        dropout_rate=fields.get("resid_pdrop", 0.1),
    )


def _mismatches(config: TransformerConfig) -> list[str]:
    return demand_positions(config, Learned, {"offset": 0}) + gpt_demands(
        config,
        {
            "block": "sequential",
            "norm_bias": True,
            "attention_bias": True,
            "mlp_bias": True,
            "mlp_activations": PLAIN_MLPS,
        },
    )


def _write_config(config: TransformerConfig) -> dict[str, Any]:
    rate = config.dropout_rate
    return {
        "vocab_size": config.vocab_size,
        "n_embd": config.d_model,
        "n_inner": config.d_ff,
        "n_head": config.num_heads,
        "n_layer": config.num_decoder_layers,
        "n_positions": config.max_positions,
        "n_ctx": config.max_positions,
        "activation_function": write_activation(config.mlp_activations[0]),
        "layer_norm_epsilon": config.norm_epsilon,
        "scale_attn_weights": config.scale_attention,
        "tie_word_embeddings": config.tied_embeddings,
        "initializer_range": config.initializer_range,
        "resid_pdrop": rate,
        "embd_pdrop": rate,
        "attn_pdrop": rate,
    }


GPT2 = Family(
    name="GPT-2",
    model_type="gpt2",
    architecture="GPT2LMHeadModel",
    table=_TABLE,
    base_prefix="transformer.",
    embedding="transformer.wte.weight",
    output="lm_head.weight",
    tied_by_default=True,
    leftovers=(r"(\.|^)(attn|crossattention)\.(masked_)?bias$",),
    context_field="n_positions",
    read_config=_read_config,
    mismatches=_mismatches,
    write_config=_write_config,
)
