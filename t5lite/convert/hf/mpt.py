"""MPT as Hugging Face lays it out: `modeling_mpt.py` of transformers.

Query, key and value lie behind one another in one Linear; nothing has a bias, norms neither. Their
class does less than the code that published models come with: what only that code reads is refused.
"""

from typing import Any

from t5lite.convert.hf.family import (
    Family,
    Fields,
    demand_positions,
    gpt_demands,
)
from t5lite.convert.layouts import MPT_QKV, TRANSPOSED
from t5lite.convert.names import Row
from t5lite.messages.ranges import NotNegative
from t5lite.models.config import TransformerConfig
from t5lite.models.position_config import Alibi

# No other is in their class, whatever `expansion_ratio` says.
_MLP_WIDTHS = 4
_FIXED: dict[str, Any] = {
    "architecture": "decoder_only",
    "mlp_activations": ("gelu_exact",),
    "attention_bias": False,
    "mlp_bias": False,
    "norm": "layer",
    "norm_bias": False,
    "scale_attention": True,
}
# Of `attn_config`: what is read, and what can only be one way.
_ATTENTION_TYPES = {"clip_qkv": NotNegative}
_ATTENTION_EXPECTED: dict[str, tuple[object, ...]] = {
    "alibi": (True,),
    "alibi_bias_max": (8,),
    "attn_type": ("multihead_attention",),
    "attn_uses_sequence_id": (False, None),
    "prefix_lm": (False, None),
    "qk_gn": (False, None),
    "qk_ln": (False, None),
    "rope": (False, None),
    "sliding_window_size": (-1, None),
    "softmax_scale": (None,),
}

_OURS = "decoder/layers"
_THEIRS = "transformer.blocks.{layer}"
_TABLE = (
    Row("token_embedder/embedding", "transformer.wte.weight"),
    Row(f"{_OURS}/pre_self_attention_layer_norm/scale", f"{_THEIRS}.norm_1.weight"),
    Row(
        tuple(f"{_OURS}/self_attention/{name}/kernel" for name in ("query", "key", "value")),
        f"{_THEIRS}.attn.Wqkv.weight",
        MPT_QKV,
    ),
    Row(f"{_OURS}/self_attention/out/kernel", f"{_THEIRS}.attn.out_proj.weight", TRANSPOSED),
    Row(f"{_OURS}/pre_mlp_layer_norm/scale", f"{_THEIRS}.norm_2.weight"),
    Row(f"{_OURS}/mlp/wi/kernel", f"{_THEIRS}.ffn.up_proj.weight", TRANSPOSED),
    Row(f"{_OURS}/mlp/wo/kernel", f"{_THEIRS}.ffn.down_proj.weight", TRANSPOSED),
    Row("decoder/decoder_norm/scale", "transformer.norm_f.weight"),
    Row("decoder/logits_dense/kernel", "lm_head.weight", TRANSPOSED),
)


def _read_config(fields: Fields, tied: bool) -> TransformerConfig:
    fields.expect("no_bias", True)
    fields.expect("expansion_ratio", _MLP_WIDTHS)
    fields.expect("norm_type", "low_precision_layernorm", "layernorm", None)
    fields.expect("ffn_config", None, {"ffn_type": "mptmlp"})
    width, heads = fields.need("d_model"), fields.need("n_heads")
    attention = fields.inner("attn_config", _ATTENTION_TYPES)
    for name, allowed in _ATTENTION_EXPECTED.items():
        attention.expect(name, *allowed)
    attention.expect("kv_n_heads", heads, None)
    return TransformerConfig(
        **_FIXED,
        vocab_size=fields.need("vocab_size"),
        d_model=width,
        d_ff=_MLP_WIDTHS * width,
        d_kv=width // heads,
        num_heads=heads,
        num_encoder_layers=0,
        num_decoder_layers=fields.need("n_layers"),
        norm_epsilon=fields.get("layer_norm_epsilon", 1e-5),
        positions=Alibi(),
        # Zero counts as none in their class.
        qkv_clip=attention.get("clip_qkv") or None,
        tied_embeddings=tied,
        initializer="normal",
        initializer_range=fields.get("initializer_range", 0.02),
        dropout_rate=fields.get("resid_pdrop", 0.0),
    )


def _mismatches(config: TransformerConfig) -> list[str]:
    return demand_positions(config, Alibi) + gpt_demands(
        config,
        {
            **_FIXED,
            "qkv_clip": config.qkv_clip,
            "block": "sequential",
            "d_ff": _MLP_WIDTHS * config.d_model,
        },
    )


def _write_config(config: TransformerConfig) -> dict[str, Any]:
    return {
        "vocab_size": config.vocab_size,
        "d_model": config.d_model,
        "n_heads": config.num_heads,
        "n_layers": config.num_decoder_layers,
        "expansion_ratio": _MLP_WIDTHS,
        "layer_norm_epsilon": config.norm_epsilon,
        "no_bias": True,
        "learned_pos_emb": False,
        "attn_config": {
            "alibi": True,
            "alibi_bias_max": 8,
            "attn_pdrop": 0,  # a whole number in version 5
            "attn_type": "multihead_attention",
            "clip_qkv": config.qkv_clip,
        },
        "resid_pdrop": config.dropout_rate,
        "emb_pdrop": config.dropout_rate,
        "tie_word_embeddings": config.tied_embeddings,
        "initializer_range": config.initializer_range,
    }


MPT = Family(
    name="MPT",
    model_type="mpt",
    architecture="MptForCausalLM",
    table=_TABLE,
    base_prefix="transformer.",
    embedding="transformer.wte.weight",
    output="lm_head.weight",
    tied_by_default=True,
    # The code that published models come with, which transformers has a class for.
    unread=("auto_map",),
    context_field="max_seq_len",
    read_config=_read_config,
    mismatches=_mismatches,
    write_config=_write_config,
)
