"""T5 1.0 and 1.1 (and with them ByT5, mT5 and Flan-T5) as Hugging Face lays them out.

Names and layouts: `modeling_t5.py` and `configuration_t5.py` of transformers. A Linear's weight
there is [out, in], so every kernel is transposed; the relative bias is [buckets, heads].
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from t5lite.convert.layouts import TRANSPOSED
from t5lite.convert.names import Row, Tensors
from t5lite.models.config import TransformerConfig
from t5lite.suggest import did_you_mean

MODEL_TYPES = ("t5", "mt5")

# Their name of an activation, ours.
_ACTIVATIONS = {
    "relu": "relu",
    "gelu_new": "gelu",
    "gelu_pytorch_tanh": "gelu",
    "gelu": "gelu_exact",
    "silu": "silu",
    "swish": "silu",
}
_OUTPUT = "lm_head.weight"
_EMBEDDING = "shared.weight"
_EMBEDDING_COPIES = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")


def _attention_rows(ours: str, theirs: str) -> list[Row]:
    letters = {"query": "q", "key": "k", "value": "v", "out": "o"}
    return [
        Row(f"{ours}/{name}/kernel", f"{theirs}.{letter}.weight", TRANSPOSED)
        for name, letter in letters.items()
    ]


def _mlp_rows(ours: str, theirs: str) -> list[Row]:
    return [
        Row(f"{ours}/{name}/kernel", f"{theirs}.{name}.weight", TRANSPOSED)
        for name in ("wi", "wi_0", "wi_1", "wo")
    ]


def _stack_rows(stack: str, mlp_index: int) -> list[Row]:
    block = f"{stack}.block.{{layer}}.layer"
    first = f"{stack}.block.0.layer.0.SelfAttention"
    return [
        Row(f"{stack}/{stack}_norm/scale", f"{stack}.final_layer_norm.weight"),
        Row(
            f"{stack}/relpos_bias/rel_embedding",
            f"{first}.relative_attention_bias.weight",
            TRANSPOSED,
        ),
        Row(
            f"{stack}/layers/pre_mlp_layer_norm/scale",
            f"{block}.{mlp_index}.layer_norm.weight",
        ),
        *_mlp_rows(f"{stack}/layers/mlp", f"{block}.{mlp_index}.DenseReluDense"),
    ]


_ENCODER = "encoder.block.{layer}.layer"
_DECODER = "decoder.block.{layer}.layer"
TABLE = (
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


def prepare(tensors: Tensors) -> tuple[Tensors, bool]:
    """Leaves copies of the embedding out, and says whether the output projection is one.

    Files hold up to four tensors that a tied model shares; config.json is no guide, for
    transformers' own reading of it changed between releases.

    Returns:
      The tensors, and whether the model is tied.

    Raises:
      ValueError: the embedding is absent, or the encoder's or decoder's differs from it.
    """
    if _EMBEDDING not in tensors:
        raise ValueError(f"{tensors.source} has no tensor {_EMBEDDING}: is it a T5?")
    embedding = tensors[_EMBEDDING].read()
    copies = [name for name in _EMBEDDING_COPIES if name in tensors]
    for name in copies:
        if not np.array_equal(tensors[name].read(), embedding):
            raise ValueError(
                f"{tensors.source}: {name} differs from {_EMBEDDING}; T5 has one embedding"
            )
    tied = _OUTPUT not in tensors or np.array_equal(tensors[_OUTPUT].read(), embedding)
    if tied:
        copies.append(_OUTPUT)
    return tensors.without(copies), tied


def read_config(record: Mapping[str, Any], *, tied: bool) -> TransformerConfig:
    """Our config from config.json's fields and from what the tensors say.

    Raises:
      ValueError: a field is missing or holds what t5lite has no equal for.
    """
    for name in ("pad_token_id", "decoder_start_token_id"):
        if record.get(name) not in (0, None):
            raise ValueError(f"config.json: {name} is {record[name]}; t5lite's T5 needs 0")
    num_layers = _get(record, "num_layers")
    return TransformerConfig(
        vocab_size=_get(record, "vocab_size"),
        d_model=_get(record, "d_model"),
        d_ff=_get(record, "d_ff"),
        d_kv=_get(record, "d_kv"),
        num_heads=_get(record, "num_heads"),
        num_encoder_layers=num_layers,
        num_decoder_layers=record.get("num_decoder_layers") or num_layers,
        mlp_activations=_read_activations(record),
        tied_embeddings=tied,
        scale_logits=_read_scale(record),
        relative_attention_num_buckets=record.get("relative_attention_num_buckets", 32),
        relative_attention_max_distance=record.get("relative_attention_max_distance", 128),
        norm_epsilon=record.get("layer_norm_epsilon", 1e-6),
        dropout_rate=record.get("dropout_rate", 0.1),
    )


def write_config(config: TransformerConfig) -> dict[str, Any]:
    """config.json's fields, so that transformers 4 and 5 both build this model.

    Raises:
      ValueError: the model is not an encoder-decoder, or its activations have no T5 spelling.
    """
    if config.architecture != "encoder_decoder":
        raise ValueError(
            f"Hugging Face's T5 is an encoder-decoder; this model is {config.architecture}, "
            "for which t5lite has no Hugging Face layout"
        )
    activation, *gate = config.mlp_activations
    theirs = {ours: name for name, ours in reversed(_ACTIVATIONS.items())}
    if activation not in theirs or gate not in ([], ["linear"]):
        raise ValueError(f"Hugging Face's T5 has no MLP with activations {config.mlp_activations}")
    # "gated-gelu" is T5's own spelling of the tanh approximation.
    spelling = "gelu" if gate and activation == "gelu" else theirs[activation]
    return {
        "architectures": ["T5ForConditionalGeneration"],
        "model_type": "t5",
        "is_encoder_decoder": True,
        "vocab_size": config.vocab_size,
        "d_model": config.d_model,
        "d_ff": config.d_ff,
        "d_kv": config.d_kv,
        "num_heads": config.num_heads,
        "num_layers": config.num_encoder_layers,
        "num_decoder_layers": config.num_decoder_layers,
        "feed_forward_proj": f"gated-{spelling}" if gate else spelling,
        "dense_act_fn": theirs[activation],
        "is_gated_act": bool(gate),
        "relative_attention_num_buckets": config.relative_attention_num_buckets,
        "relative_attention_max_distance": config.relative_attention_max_distance,
        "layer_norm_epsilon": config.norm_epsilon,
        "dropout_rate": config.dropout_rate,
        "tie_word_embeddings": config.tied_embeddings,
        # Without it transformers 5 would conclude it from tie_word_embeddings.
        "scale_decoder_outputs": config.scale_logits,
        "dtype": "float32",
        "torch_dtype": "float32",
        "pad_token_id": 0,
        "eos_token_id": 1,
        "decoder_start_token_id": 0,
    }


def _read_activations(record: Mapping[str, Any]) -> tuple[str, ...]:
    projection = record.get("feed_forward_proj", "relu")
    gated = projection.startswith("gated-")
    name = projection.removeprefix("gated-")
    if projection == "gated-gelu":
        name = "gelu_new"
    # A later field of the same meaning wins, as it does in transformers.
    name = record.get("dense_act_fn", name)
    gated = record.get("is_gated_act", gated)
    if name not in _ACTIVATIONS:
        raise ValueError(
            f"config.json: activation {name!r} is none of {', '.join(_ACTIVATIONS)}."
            + did_you_mean(name, _ACTIVATIONS)
        )
    activation = _ACTIVATIONS[name]
    return (activation, "linear") if gated else (activation,)


def _read_scale(record: Mapping[str, Any]) -> bool:
    if record["model_type"] == "mt5":
        return False
    if "scale_decoder_outputs" in record:
        return bool(record["scale_decoder_outputs"])
    # How T5 1.1 was told from 1.0 before that field.
    return record.get("tie_word_embeddings") is not False


def _get(record: Mapping[str, Any], name: str) -> Any:
    if name not in record:
        raise ValueError(f"config.json has no {name!r}, which every T5 config has")
    return record[name]
