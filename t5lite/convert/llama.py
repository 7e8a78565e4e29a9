"""What LLaMA's own file formats share: Meta's names of its tensors, and the config they imply.

Names: `llama/model.py` of Meta's repository, which llama2.c kept. There a rotary pair is two
neighbours of a head, and here one of each half, hence the layout of query and key.
"""

from typing import Any

from t5lite.convert.layouts import META_ROTARY_KEY, META_ROTARY_QUERY, TRANSPOSED
from t5lite.convert.names import Row
from t5lite.models.config import TransformerConfig

_OURS, _THEIRS = "decoder/layers", "layers.{layer}"
EMBEDDING = "tok_embeddings.weight"
OUTPUT = "output.weight"

TABLE = (
    Row("token_embedder/embedding", EMBEDDING),
    Row(f"{_OURS}/pre_self_attention_layer_norm/scale", f"{_THEIRS}.attention_norm.weight"),
    Row(
        f"{_OURS}/self_attention/query/kernel", f"{_THEIRS}.attention.wq.weight", META_ROTARY_QUERY
    ),
    Row(f"{_OURS}/self_attention/key/kernel", f"{_THEIRS}.attention.wk.weight", META_ROTARY_KEY),
    Row(f"{_OURS}/self_attention/value/kernel", f"{_THEIRS}.attention.wv.weight", TRANSPOSED),
    Row(f"{_OURS}/self_attention/out/kernel", f"{_THEIRS}.attention.wo.weight", TRANSPOSED),
    Row(f"{_OURS}/pre_mlp_layer_norm/scale", f"{_THEIRS}.ffn_norm.weight"),
    Row(f"{_OURS}/mlp/wi_0/kernel", f"{_THEIRS}.feed_forward.w1.weight", TRANSPOSED),
    Row(f"{_OURS}/mlp/wi_1/kernel", f"{_THEIRS}.feed_forward.w3.weight", TRANSPOSED),
    Row(f"{_OURS}/mlp/wo/kernel", f"{_THEIRS}.feed_forward.w2.weight", TRANSPOSED),
    Row("decoder/decoder_norm/scale", "norm.weight"),
    Row("decoder/logits_dense/kernel", OUTPUT, TRANSPOSED),
)


def llama_config(*, num_heads: int, num_kv_heads: int, **fields: Any) -> TransformerConfig:
    """The config of a LLaMA: what all of them have in common, and the fields that differ."""
    return TransformerConfig(
        architecture="decoder_only",
        num_heads=num_heads,
        num_kv_heads=None if num_kv_heads == num_heads else num_kv_heads,
        num_encoder_layers=0,
        mlp_activations=("silu", "linear"),
        scale_attention=True,
        initializer="normal",
        **fields,
    )
