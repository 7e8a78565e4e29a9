"""GPT-NeoX, and with it Pythia, as Hugging Face lays it out: `modeling_gpt_neox.py`.

Every head's query, key and value lie together in one Linear.
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
from t5lite.convert.hf.rotary import read_rotary, write_rotary
from t5lite.convert.layouts import NEOX_QKV, TRANSPOSED
from t5lite.convert.names import Row, Tensors
from t5lite.models.config import TransformerConfig
from t5lite.models.position_config import Rotary

_OURS = "decoder/layers"
_THEIRS = "gpt_neox.layers.{layer}"
_OUTPUT = "embed_out.weight"


_TABLE = (
    Row("token_embedder/embedding", "gpt_neox.embed_in.weight"),
    *norm_rows(f"{_OURS}/pre_self_attention_layer_norm", f"{_THEIRS}.input_layernorm"),
    *fused_rows(f"{_OURS}/self_attention", f"{_THEIRS}.attention.query_key_value", NEOX_QKV),
    *linear_rows(f"{_OURS}/self_attention/out", f"{_THEIRS}.attention.dense"),
    *norm_rows(f"{_OURS}/pre_mlp_layer_norm", f"{_THEIRS}.post_attention_layernorm"),
    *linear_rows(f"{_OURS}/mlp/wi", f"{_THEIRS}.mlp.dense_h_to_4h"),
    *linear_rows(f"{_OURS}/mlp/wo", f"{_THEIRS}.mlp.dense_4h_to_h"),
    *norm_rows("decoder/decoder_norm", "gpt_neox.final_layer_norm"),
    Row("decoder/logits_dense/kernel", _OUTPUT, TRANSPOSED),
)


def _read_config(fields: Fields, tied: bool) -> TransformerConfig:
    width, heads = fields.need("hidden_size"), fields.need("num_attention_heads")
    parallel = fields.get("use_parallel_residual", True)
    return TransformerConfig(
        architecture="decoder_only",
        vocab_size=fields.need("vocab_size"),
        d_model=width,
        d_ff=fields.need("intermediate_size"),
        d_kv=width // heads,
        num_heads=heads,
        num_encoder_layers=0,
        num_decoder_layers=fields.need("num_hidden_layers"),
        mlp_activations=(fields.activation("hidden_act", "gelu"),),
        attention_bias=fields.get("attention_bias", True),
        mlp_bias=True,
        norm="layer",
        norm_bias=True,
        norm_epsilon=fields.get("layer_norm_eps", 1e-5),
        scale_attention=True,
        block="parallel" if parallel else "sequential",
        positions=read_rotary(fields, theta_field="rotary_emb_base", fraction_field="rotary_pct"),
        tied_embeddings=tied,
        initializer="small",
        dropout_rate=fields.get("hidden_dropout", 0.0),
    )


def _mismatches(config: TransformerConfig) -> list[str]:
    return demand_positions(config, Rotary) + gpt_demands(
        config,
        {
            "block": ["sequential", "parallel"],
            "norm_bias": True,
            "mlp_bias": True,
            "mlp_activations": PLAIN_MLPS,
            "scale_attention": True,
        },
    )


def _write_config(config: TransformerConfig) -> dict[str, Any]:
    return {
        "vocab_size": config.vocab_size,
        "hidden_size": config.d_model,
        "intermediate_size": config.d_ff,
        "num_attention_heads": config.num_heads,
        "num_hidden_layers": config.num_decoder_layers,
        "hidden_act": write_activation(config.mlp_activations[0]),
        "attention_bias": config.attention_bias,
        "layer_norm_eps": config.norm_epsilon,
        "use_parallel_residual": config.block == "parallel",
        **write_rotary(config, theta_field="rotary_emb_base", fraction_field="rotary_pct"),
        "tie_word_embeddings": config.tied_embeddings,
        "hidden_dropout": config.dropout_rate,
        "attention_dropout": config.dropout_rate,
    }


def _with_old_output(tensors: Tensors) -> Tensors:
    """Calls the output projection as files of all versions but the newest do."""
    return tensors.renamed(lambda name: _OUTPUT if name == "lm_head.weight" else name)


GPT_NEOX = Family(
    name="GPT-NeoX",
    model_type="gpt_neox",
    architecture="GPTNeoXForCausalLM",
    table=_TABLE,
    base_prefix="gpt_neox.",
    embedding="gpt_neox.embed_in.weight",
    output=_OUTPUT,
    tied_by_default=False,
    leftovers=(r"\.attention\.(masked_)?bias$", r"rotary_emb\.inv_freq$"),
    context_field="max_position_embeddings",
    prepare=_with_old_output,
    read_config=_read_config,
    mismatches=_mismatches,
    write_config=_write_config,
)
