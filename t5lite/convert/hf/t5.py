"""T5 1.0, T5 1.1 (with it Flan-T5, ByT5 and UL2), mT5 and umT5 as Hugging Face lays them out.

Names and layouts: `modeling_t5.py`, `modeling_mt5.py` and `modeling_umt5.py` of transformers. A
Linear's weight there is [out, in], so every kernel is transposed; the relative bias is [buckets,
heads], in the first layer of a stack, or in every layer (umT5).
"""

import dataclasses
import functools
import logging
from typing import Any

from t5lite.convert.hf.family import (
    ACTIVATIONS,
    Family,
    Fields,
    demand_positions,
    demands,
    write_activation,
)
from t5lite.convert.layouts import TRANSPOSED
from t5lite.convert.names import Row
from t5lite.messages.suggest import did_you_mean
from t5lite.models.config import TransformerConfig
from t5lite.models.position_config import RelativeBias

log = logging.getLogger(__name__)

_EMBEDDING = "shared.weight"
_OUTPUT = "lm_head.weight"


def _attention_rows(ours: str, theirs: str) -> list[Row]:
    letters = {"query": "q", "key": "k", "value": "v", "out": "o"}
    return [
        Row(f"{ours}/{name}/kernel", f"{theirs}.{letter}.weight", TRANSPOSED)
        for name, letter in letters.items()
    ]


def _stack_rows(stack: str, mlp_index: int) -> list[Row]:
    block = f"{stack}.block.{{layer}}.layer"
    bias = "0.SelfAttention.relative_attention_bias.weight"
    return [
        Row(f"{stack}/{stack}_norm/scale", f"{stack}.final_layer_norm.weight"),
        Row(f"{stack}/relpos_bias/rel_embedding", f"{stack}.block.0.layer.{bias}", TRANSPOSED),
        Row(f"{stack}/layers/relpos_bias/rel_embedding", f"{block}.{bias}", TRANSPOSED),
        Row(f"{stack}/layers/pre_mlp_layer_norm/scale", f"{block}.{mlp_index}.layer_norm.weight"),
        *(
            Row(
                f"{stack}/layers/mlp/{name}/kernel",
                f"{block}.{mlp_index}.DenseReluDense.{name}.weight",
                TRANSPOSED,
            )
            for name in ("wi", "wi_0", "wi_1", "wo")
        ),
    ]


_ENCODER = "encoder.block.{layer}.layer"
_DECODER = "decoder.block.{layer}.layer"
_TABLE = (
    Row("token_embedder/embedding", _EMBEDDING),
    *_stack_rows("encoder", 1),
    Row("encoder/layers/pre_attention_layer_norm/scale", f"{_ENCODER}.0.layer_norm.weight"),
    *_attention_rows("encoder/layers/attention", f"{_ENCODER}.0.SelfAttention"),
    *_stack_rows("decoder", 2),
    Row("decoder/layers/pre_self_attention_layer_norm/scale", f"{_DECODER}.0.layer_norm.weight"),
    *_attention_rows("decoder/layers/self_attention", f"{_DECODER}.0.SelfAttention"),
    Row("decoder/layers/pre_cross_attention_layer_norm/scale", f"{_DECODER}.1.layer_norm.weight"),
    *_attention_rows("decoder/layers/encoder_decoder_attention", f"{_DECODER}.1.EncDecAttention"),
    Row("decoder/logits_dense/kernel", _OUTPUT, TRANSPOSED),
)


def _read_config(fields: Fields, tied: bool) -> TransformerConfig:
    for name in ("pad_token_id", "decoder_start_token_id"):
        fields.expect(name, 0, None)
    fields.expect("is_encoder_decoder", True)
    num_layers = fields.need("num_layers")
    return TransformerConfig(
        vocab_size=fields.need("vocab_size"),
        d_model=fields.need("d_model"),
        d_ff=fields.need("d_ff"),
        d_kv=fields.need("d_kv"),
        num_heads=fields.need("num_heads"),
        num_encoder_layers=num_layers,
        num_decoder_layers=fields.get("num_decoder_layers", num_layers),
        mlp_activations=_read_activations(fields),
        tied_embeddings=tied,
        scale_logits=_read_scale(fields),
        positions=RelativeBias(
            num_buckets=fields.get("relative_attention_num_buckets", 32),
            max_distance=fields.get("relative_attention_max_distance", 128),
            per_layer=fields.need("model_type") == "umt5",
        ),
        norm_epsilon=fields.get("layer_norm_epsilon", 1e-6),
        dropout_rate=fields.get("dropout_rate", 0.1),
    )


def _read_activations(fields: Fields) -> tuple[str, ...]:
    default = "relu" if fields.need("model_type") == "t5" else "gated-gelu"
    projection = fields.get("feed_forward_proj", default)
    name = projection.removeprefix("gated-")
    if projection == "gated-gelu":
        name = "gelu_new"
    # Later fields of the same meaning win, as they do in transformers.
    name = fields.get("dense_act_fn", name)
    gated = fields.get("is_gated_act", projection.startswith("gated-"))
    if name not in ACTIVATIONS:
        raise ValueError(
            f"config.json: activation {name!r} is none of {', '.join(ACTIVATIONS)}."
            + did_you_mean(name, ACTIVATIONS)
        )
    return (ACTIVATIONS[name], "linear") if gated else (ACTIVATIONS[name],)


def _read_scale(fields: Fields) -> bool:
    # transformers 4 and 5 agree on this field alone where it is False; how umT5 is served by 5,
    # which scales it always, is said in docs/convert.md.
    declared = fields.get("tie_word_embeddings", True)
    if fields.need("model_type") == "mt5":
        return False
    return bool(fields.get("scale_decoder_outputs", declared))


def _mismatches(config: TransformerConfig, *, per_layer: bool = False) -> list[str]:
    found = demand_positions(config, RelativeBias, {"per_layer": per_layer}) + demands(
        config,
        {
            "architecture": "encoder_decoder",
            "block": "sequential",
            "norm": "rms",
            "norm_position": "pre",
            "attention_bias": False,
            "mlp_bias": False,
            "scale_attention": False,
            "kv_heads": config.num_heads,
            "embedding_width": config.d_model,
        },
    )
    if config.mlp_activations[0] == "linear" or config.mlp_activations[1:] not in ((), ("linear",)):
        found.append(f"mlp_activations is {config.mlp_activations}")
    return found


def _write_config(config: TransformerConfig) -> dict[str, Any]:
    if config.scale_logits and not config.tied_embeddings:
        log.warning(
            "transformers 4 cannot scale the logits of a T5 whose output projection is its own; "
            "version 5 loads this model as it is"
        )
    assert isinstance(config.positions, RelativeBias)
    activation, *gate = config.mlp_activations
    # "gated-gelu" is T5's own spelling of the tanh approximation.
    theirs = write_activation(activation)
    spelling = "gelu" if gate and activation == "gelu" else theirs
    return {
        "is_encoder_decoder": True,
        "vocab_size": config.vocab_size,
        "d_model": config.d_model,
        "d_ff": config.d_ff,
        "d_kv": config.d_kv,
        "num_heads": config.num_heads,
        "num_layers": config.num_encoder_layers,
        "num_decoder_layers": config.num_decoder_layers,
        "feed_forward_proj": f"gated-{spelling}" if gate else spelling,
        "dense_act_fn": theirs,
        "is_gated_act": bool(gate),
        "relative_attention_num_buckets": config.positions.num_buckets,
        "relative_attention_max_distance": config.positions.max_distance,
        "layer_norm_epsilon": config.norm_epsilon,
        "dropout_rate": config.dropout_rate,
        # Version 4 both ties and scales by the first, version 5 scales by the second.
        "tie_word_embeddings": config.tied_embeddings and config.scale_logits,
        "scale_decoder_outputs": config.scale_logits,
    }


def _mt5_mismatches(config: TransformerConfig) -> list[str]:
    return _mismatches(config) + demands(config, {"scale_logits": False})


T5 = Family(
    name="T5",
    model_type="t5",
    architecture="T5ForConditionalGeneration",
    table=_TABLE,
    embedding=_EMBEDDING,
    output=_OUTPUT,
    other_embeddings=("encoder.embed_tokens.weight", "decoder.embed_tokens.weight"),
    tied_by_default=True,
    always_tied=True,
    # Of T5 1.0 as it was published: cross-attention never had relative positions.
    leftovers=(r"EncDecAttention\.relative_attention_bias\.weight$",),
    context_field="n_positions",
    read_config=_read_config,
    mismatches=_mismatches,
    write_config=_write_config,
)
MT5 = dataclasses.replace(
    T5,
    name="mT5",
    model_type="mt5",
    architecture="MT5ForConditionalGeneration",
    mismatches=_mt5_mismatches,
)
UMT5 = dataclasses.replace(
    T5,
    name="umT5",
    model_type="umt5",
    architecture="UMT5ForConditionalGeneration",
    mismatches=functools.partial(_mismatches, per_layer=True),
)
