"""OPT as Hugging Face lays it out: `modeling_opt.py` of transformers.

Positions start at row 2 of their table. OPT-350m alone norms after each branch, not before, has
no last norm, and projects from and to a narrower embedding.
"""

from typing import Any

from t5lite.convert.hf.family import (
    PLAIN_MLPS,
    Family,
    Fields,
    demand_positions,
    demands,
    full_width,
    linear_rows,
    norm_rows,
    write_activation,
)
from t5lite.convert.layouts import TRANSPOSED
from t5lite.convert.names import Row
from t5lite.models.config import TransformerConfig
from t5lite.models.position_config import Learned

_OFFSET = 2
# OPT takes torch's default; no field of config.json says so.
_EPSILON = 1e-5

_OURS = "decoder/layers"
_THEIRS = "model.decoder.layers.{layer}"
_TABLE = (
    Row("token_embedder/embedding", "model.decoder.embed_tokens.weight"),
    Row("decoder/position_embedder/embedding", "model.decoder.embed_positions.weight"),
    Row("decoder/project_in/kernel", "model.decoder.project_in.weight", TRANSPOSED),
    *norm_rows(f"{_OURS}/pre_self_attention_layer_norm", f"{_THEIRS}.self_attn_layer_norm"),
    *linear_rows(f"{_OURS}/self_attention/query", f"{_THEIRS}.self_attn.q_proj"),
    *linear_rows(f"{_OURS}/self_attention/key", f"{_THEIRS}.self_attn.k_proj"),
    *linear_rows(f"{_OURS}/self_attention/value", f"{_THEIRS}.self_attn.v_proj"),
    *linear_rows(f"{_OURS}/self_attention/out", f"{_THEIRS}.self_attn.out_proj"),
    # Not the stack's last norm: every layer has one of this name, before (or after) its MLP.
    *norm_rows(f"{_OURS}/pre_mlp_layer_norm", f"{_THEIRS}.final_layer_norm"),
    *linear_rows(f"{_OURS}/mlp/wi", f"{_THEIRS}.fc1"),
    *linear_rows(f"{_OURS}/mlp/wo", f"{_THEIRS}.fc2"),
    *norm_rows("decoder/decoder_norm", "model.decoder.final_layer_norm"),
    Row("decoder/project_out/kernel", "model.decoder.project_out.weight", TRANSPOSED),
    Row("decoder/logits_dense/kernel", "lm_head.weight", TRANSPOSED),
)


def _read_config(fields: Fields, tied: bool) -> TransformerConfig:
    fields.expect("_remove_final_layer_norm", False)
    fields.expect("layer_norm_elementwise_affine", True)
    width, heads = fields.need("hidden_size"), fields.need("num_attention_heads")
    embedding_dim = fields.get("word_embed_proj_dim", width)
    biased = fields.get("enable_bias", True)
    return TransformerConfig(
        architecture="decoder_only",
        vocab_size=fields.need("vocab_size"),
        d_model=width,
        d_ff=fields.need("ffn_dim"),
        d_kv=width // heads,
        num_heads=heads,
        num_encoder_layers=0,
        num_decoder_layers=fields.need("num_hidden_layers"),
        mlp_activations=(fields.activation("activation_function", "relu"),),
        attention_bias=biased,
        mlp_bias=biased,
        norm="layer",
        norm_bias=True,
        norm_epsilon=_EPSILON,
        norm_position="pre" if fields.get("do_layer_norm_before", True) else "post",
        scale_attention=True,
        positions=Learned(max_positions=fields.need("max_position_embeddings"), offset=_OFFSET),
        embedding_dim=None if embedding_dim == width else embedding_dim,
        tied_embeddings=tied,
        initializer="normal",
        initializer_range=fields.get("init_std", 0.02),
        dropout_rate=fields.get("dropout", 0.1),
    )


def _mismatches(config: TransformerConfig) -> list[str]:
    found = full_width(config) + demand_positions(config, Learned, {"offset": _OFFSET})
    found += demands(
        config,
        {
            "architecture": "decoder_only",
            "block": "sequential",
            "norm": "layer",
            "norm_bias": True,
            "norm_epsilon": _EPSILON,
            "attention_bias": config.mlp_bias,
            "mlp_activations": PLAIN_MLPS,
            "scale_attention": True,
            "scale_logits": False,
            "kv_heads": config.num_heads,
        },
    )
    if config.embedding_dim == config.d_model:
        found.append("embedding_dim is d_model, where it has no projections")
    return found


def _write_config(config: TransformerConfig) -> dict[str, Any]:
    return {
        "vocab_size": config.vocab_size,
        "hidden_size": config.d_model,
        "ffn_dim": config.d_ff,
        "num_attention_heads": config.num_heads,
        "num_hidden_layers": config.num_decoder_layers,
        "max_position_embeddings": config.max_positions,
        "word_embed_proj_dim": config.embedding_width,
        "do_layer_norm_before": config.norm_position == "pre",
        "_remove_final_layer_norm": False,
        "enable_bias": config.mlp_bias,
        "layer_norm_elementwise_affine": True,
        "activation_function": write_activation(config.mlp_activations[0]),
        "tie_word_embeddings": config.tied_embeddings,
        "init_std": config.initializer_range,
        "dropout": config.dropout_rate,
        "attention_dropout": config.dropout_rate,
    }


OPT = Family(
    name="OPT",
    model_type="opt",
    architecture="OPTForCausalLM",
    table=_TABLE,
    base_prefix="model.",
    embedding="model.decoder.embed_tokens.weight",
    output="lm_head.weight",
    tied_by_default=True,
    leftovers=(r"decoder\.version$",),
    context_field="max_position_embeddings",
    read_config=_read_config,
    mismatches=_mismatches,
    write_config=_write_config,
)
