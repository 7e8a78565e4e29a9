"""Checkpoints of T5X: a msgpack tree whose leaves are arrays or point to zarr folders beside it.

Format: `t5x/checkpoints.py`, version 3. Either one file with every array inside, or a folder
`checkpoint_<step>` whose file `checkpoint` holds the tree, small arrays inside it, and large ones
in folders named by their path (`target.encoder.layers_0.mlp.wo.kernel`).
"""

import functools
import pathlib
from collections.abc import Mapping
from typing import Any

import msgpack
import numpy as np
from flax import serialization

from t5lite.convert.names import LazyArray, Row, Tensors
from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import flatten_names

TREE_FILE = "checkpoint"

_NORMS = {
    "encoder": ("pre_attention_layer_norm", "pre_mlp_layer_norm"),
    "decoder": (
        "pre_self_attention_layer_norm",
        "pre_cross_attention_layer_norm",
        "pre_mlp_layer_norm",
    ),
}
_ATTENTIONS = {
    "encoder": ("attention",),
    "decoder": ("self_attention", "encoder_decoder_attention"),
}


def _layer_row(stack: str, rest: str) -> Row:
    return Row(f"{stack}/layers/{rest}", f"{stack}/layers_{{layer}}/{rest}")


def _stack_rows(stack: str) -> list[Row]:
    final = (f"{stack}/{stack}_norm/scale", f"{stack}/relpos_bias/rel_embedding")
    kernels = [
        f"{attention}/{name}"
        for attention in _ATTENTIONS[stack]
        for name in ("query", "key", "value", "out")
    ]
    kernels += [f"mlp/{name}" for name in ("wi", "wi_0", "wi_1", "wo")]
    return [
        *(Row(name, name) for name in final),
        *(_layer_row(stack, f"{norm}/scale") for norm in _NORMS[stack]),
        *(_layer_row(stack, f"{kernel}/kernel") for kernel in kernels),
    ]


# Our names are T5X's, but for the stacked layers.
TABLE = (
    Row("token_embedder/embedding", "token_embedder/embedding"),
    Row("decoder/logits_dense/kernel", "decoder/logits_dense/kernel"),
    *_stack_rows("encoder"),
    *_stack_rows("decoder"),
)


def find_tree(path: pathlib.Path) -> pathlib.Path | None:
    """The msgpack file of a T5X checkpoint given by its folder or by itself; None if it is none."""
    file = path / TREE_FILE if path.is_dir() else path
    if not file.is_file():
        return None
    with file.open("rb") as stream:
        head = stream.read(64)
    # A msgpack map of a few string keys, the first of them one that T5X writes.
    is_map = bool(head) and (head[0] & 0xF0) == 0x80
    known = (b"version", b"optimizer", b"target")
    return file if is_map and head[2:].startswith(known) else None


def read_tensors(tree_file: pathlib.Path) -> Tensors:
    """The model's parameters, without the optimizer's state; arrays in folders are read lazily.

    Raises:
      ValueError: the file is cut short, holds no parameters, or a leaf is of a kind not known.
    """
    try:
        tree = serialization.msgpack_restore(tree_file.read_bytes())
    except (ValueError, msgpack.exceptions.UnpackException) as error:
        raise ValueError(
            f"{tree_file} is damaged or cut short ({error or type(error).__name__}); copy it again"
        ) from error
    target = tree.get("optimizer", tree).get("target")
    if not isinstance(target, Mapping):
        raise ValueError(f"{tree_file} has no optimizer/target: it is not a T5X checkpoint")
    tensors = {
        name: _lazy(leaf, tree_file, name)
        for name, leaf in flatten_names(_close_specs(target)).items()
    }
    return Tensors(tensors, source=str(tree_file))


def infer_config(tensors: Tensors) -> TransformerConfig:
    """The config that the tensors' names and shapes imply.

    T5X keeps no config beside its weights. What shapes cannot tell is taken from T5X's own gin
    files: a gated MLP is gelu times linear (T5 1.1), a plain one is relu (T5 1.0), tied logits are
    scaled, and dropout is off until a run sets it.

    Raises:
      ValueError: a tensor that every such T5 has is absent.
    """
    embedding = _need(tensors, "token_embedder/embedding")
    relative = _need(tensors, "encoder/relpos_bias/rel_embedding")
    query = _need(tensors, "encoder/layers_0/attention/query/kernel")
    output = _need(tensors, "encoder/layers_0/mlp/wo/kernel")
    gated = "encoder/layers_0/mlp/wi_0/kernel" in tensors
    tied = "decoder/logits_dense/kernel" not in tensors
    return TransformerConfig(
        vocab_size=embedding.shape[0],
        d_model=embedding.shape[1],
        d_ff=output.shape[0],
        d_kv=query.shape[1] // relative.shape[0],
        num_heads=relative.shape[0],
        num_encoder_layers=tensors.count_layers("encoder/layers_{layer}/mlp/wo/kernel"),
        num_decoder_layers=tensors.count_layers("decoder/layers_{layer}/mlp/wo/kernel"),
        mlp_activations=("gelu", "linear") if gated else ("relu",),
        tied_embeddings=tied,
        scale_logits=tied,
        relative_attention_num_buckets=relative.shape[1],
    )


class _Spec:
    """A TensorStore spec, wrapped so that it counts as a leaf."""

    def __init__(self, fields: Mapping[str, Any]):
        self.fields = fields


def _close_specs(node: Any) -> Any:
    if not isinstance(node, Mapping):
        return node
    if "driver" in node:
        return _Spec(node)
    return {name: _close_specs(child) for name, child in node.items()}


def _need(tensors: Tensors, name: str) -> LazyArray:
    if name not in tensors:
        raise ValueError(
            f"{tensors.source} has no {name}; t5lite reads T5X's encoder-decoder T5 with "
            "separate (not scanned) layers"
        )
    return tensors[name]


def _lazy(leaf: Any, tree_file: pathlib.Path, name: str) -> LazyArray:
    if isinstance(leaf, np.ndarray):
        return LazyArray.of(leaf)
    if isinstance(leaf, _Spec):
        read = functools.partial(_load_zarr, leaf.fields, tree_file, name)
        return LazyArray(
            tuple(leaf.fields["metadata"]["shape"]), np.dtype(leaf.fields["dtype"]), read
        )
    raise ValueError(
        f"{tree_file}: {name} is {leaf!r:.80}, neither an array nor a TensorStore spec"
    )


def _load_zarr(fields: Mapping[str, Any], tree_file: pathlib.Path, name: str) -> np.ndarray:
    """Reads one array folder; wherever the checkpoint was written, it lies beside the tree now."""
    import tensorstore  # Only checkpoints in this layout need it, and it is slow to import.

    store = fields.get("kvstore", {})
    relative = store.get("path") or fields.get("path") or ""
    folder = tree_file.parent / pathlib.PurePosixPath(relative).name
    if fields["driver"] != "zarr" or not folder.is_dir():
        raise ValueError(
            f"{tree_file}: {name} should lie in the zarr folder {folder}, which is not there; "
            "copy the whole checkpoint folder"
        )
    spec: dict[str, Any] = {"driver": "zarr", "kvstore": {"driver": "file", "path": f"{folder}/"}}
    assume = not (folder / ".zarray").exists()
    if assume:
        # A copy made without hidden files; the tree says the same.
        spec["metadata"] = fields["metadata"]
        spec["dtype"] = fields["dtype"]
    array = tensorstore.open(spec, open=True, assume_metadata=assume).result()
    return np.asarray(array.read().result())
