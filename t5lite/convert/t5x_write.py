"""Writes checkpoints that T5X restores: version 3, a msgpack tree and zarr arrays beside it.

Encoder-decoder and decoder-only T5s go to the trees of T5X's `examples/t5` and `decoder_only`, and
those with a table of relative biases a layer (umT5) to the scanned tree of `scalable_t5`.
"""

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from flax import serialization

from t5lite.convert.names import Arrays, LazyArray, to_theirs
from t5lite.convert.new_folder import new_folder
from t5lite.convert.t5x_arrays import Index
from t5lite.convert.t5x_names import SCAN_AXIS, TreeForm
from t5lite.convert.t5x_optimizer import PARAM_STATES, adafactor_tensors, find_adafactor
from t5lite.convert.t5x_tree import TREE_FILE
from t5lite.models.config import TransformerConfig
from t5lite.models.nested_config import differences
from t5lite.models.parameters import unflatten_names
from t5lite.models.position_config import RelativeBias

GIN_FILE = "model.gin"

_VERSION = 3
# As large as T5X makes chunks.
_CHUNK_BYTES = 64 * 2**20
# What T5X's networks fix: a model that differs would compute something else there.
_FIXED: Mapping[str, Any] = {
    "norm": "rms",
    "norm_position": "pre",
    "block": "sequential",
    "attention_bias": False,
    "attention_window": None,
    "embedding_norm": False,
    "qkv_clip": None,
    "norm_adds_one": False,
    "scale_embeddings": False,
    "mlp_bias": False,
    "scale_attention": False,
    "norm_epsilon": 1e-6,
}
_ACTIVATIONS = ("relu", "gelu", "silu", "linear")


def write_checkpoint(
    dst: pathlib.Path,
    config: TransformerConfig,
    arrays: Arrays,
    *,
    step: int = 0,
    opt_state: Any = None,
) -> pathlib.Path:
    """Writes `dst/checkpoint_<step>`, as a whole or not at all, one tensor after the other.

    Beside T5X's own files it holds `model.gin`, the settings of T5X's network.

    Args:
      dst: T5X's MODEL_DIR.
      config: The model.
      arrays: Its parameters, kept in the type they come in.
      step: How many updates it was trained for; with an optimizer's state, that one's step counts,
        for T5X has no other.
      opt_state: The optimizer's state, of which Adafactor's is written; None for none, and T5X can
        evaluate, infer, and train from the parameters alone.

    Returns:
      The checkpoint's folder.

    Raises:
      ValueError: T5X has no such model, the optimizer is not Adafactor, the checkpoint is there
        already, or it cannot be written.
    """
    form = form_for(config)
    adafactor = None if opt_state is None else find_adafactor(opt_state)
    step = step if adafactor is None else int(adafactor.step)
    folder = dst / f"checkpoint_{step}"
    with new_folder(folder) as new:
        leaves: dict[str, Any] = {"state/step": np.asarray(step, np.int32)}
        for name, parts in _stored(form, arrays, config).items():
            leaves[f"target/{name}"] = _write_array(new, f"target/{name}", parts)
        if adafactor is not None:
            for name, array in adafactor_tensors(adafactor, form, config):
                leaves[f"{PARAM_STATES}/{name}"] = _write_slot(new, name, array)
        packed = {"version": _VERSION, "optimizer": unflatten_names(leaves)}
        (new / TREE_FILE).write_bytes(serialization.msgpack_serialize(packed))
        (new / GIN_FILE).write_text(_gin(config, form), encoding="utf-8")
    return folder


def form_for(config: TransformerConfig) -> TreeForm:
    """How T5X keeps this model.

    Raises:
      ValueError: it has no such model; all fields that stand against it are listed.
    """
    problems = [
        f"{name} is {getattr(config, name)!r}, T5X's is {value!r}"
        for name, value in _FIXED.items()
        if getattr(config, name) != value
    ]
    if config.kv_heads != config.num_heads:
        problems.append(f"num_kv_heads is {config.kv_heads}, T5X's is num_heads")
    if config.embedding_dim is not None:
        problems.append(f"embedding_dim is {config.embedding_dim}, T5X's is d_model")
    if config.tied_embeddings != config.scale_logits:
        problems.append(
            f"tied_embeddings is {config.tied_embeddings} and scale_logits {config.scale_logits}, "
            "T5X divides logits exactly where they are tied"
        )
    problems += [
        f"mlp_activations has {name!r}, T5X has {', '.join(_ACTIVATIONS)}"
        for name in config.mlp_activations
        if name not in _ACTIVATIONS
    ]
    is_decoder_only = config.architecture == "decoder_only"
    per_layer = isinstance(config.positions, RelativeBias) and config.positions.per_layer
    if not isinstance(config.positions, RelativeBias):
        problems.append(f"positions is {config.positions!r}, T5X's is RelativeBias()")
    else:
        problems += [
            f"{d.field} is {d.first!r}, T5X's is {d.second!r}"
            for d in differences(
                config.positions, RelativeBias(per_layer=per_layer), prefix="positions."
            )
        ]
    if is_decoder_only and per_layer:
        problems.append("positions.per_layer is True, T5X's decoder_only has one table")
    if problems:
        listed = "\n  ".join(problems)
        raise ValueError(f"T5X's networks cannot be this model:\n  {listed}")
    if per_layer:
        return TreeForm(scanned=True, heads_apart=True, bias_per_layer=True)
    return TreeForm(stacks=("decoder",)) if is_decoder_only else TreeForm()


def _stored(
    form: TreeForm, arrays: Arrays, config: TransformerConfig
) -> dict[str, dict[int | None, LazyArray]]:
    """What each tensor of the tree is made of: the layers of a scanned one, or one array."""
    tensors = to_theirs(form.table(), arrays, config=config)
    stored: dict[str, dict[int | None, LazyArray]] = {}
    for name, tensor in tensors.items():
        base, bracket, layer = name.partition("[")
        stored.setdefault(base, {})[int(layer[:-1]) if bracket else None] = tensor
    return stored


def _write_slot(folder: pathlib.Path, name: str, array: np.ndarray) -> Any:
    """An accumulator, where T5X has it: beside the tree if shaped as its parameter, else in it."""
    if name.endswith(("/v", "/m")) and array.shape != (1,):
        return _write_array(folder, f"{PARAM_STATES}/{name}", {None: LazyArray.of(array)})
    return array


def _write_array(
    folder: pathlib.Path, name: str, parts: Mapping[int | None, LazyArray]
) -> dict[str, Any]:
    """Writes one zarr array, layer by layer if scanned; gives the spec that goes to the tree."""
    import tensorstore  # Slow to import.

    first = next(iter(parts.values()))
    shape, chunks = list(first.shape), list(first.shape)
    if chunks:
        row_bytes = first.num_bytes // max(shape[0], 1)
        chunks[0] = max(1, min(shape[0], _CHUNK_BYTES // max(row_bytes, 1)))
    if None not in parts:
        shape.insert(SCAN_AXIS, len(parts))
        chunks.insert(SCAN_AXIS, 1)
    place = f"{name.replace('/', '.')}/"
    spec = {
        "driver": "zarr",
        "dtype": first.dtype.name,
        # Relative, so that the checkpoint may be moved.
        "kvstore": {"driver": "file", "path": place},
        "metadata": {"shape": shape, "chunks": chunks, "compressor": {"id": "gzip", "level": 1}},
    }
    here = {"driver": "file", "path": f"{folder / place}/"}
    store = _done(tensorstore.open(spec | {"kvstore": here}, create=True), folder / place)
    for layer, array in parts.items():
        index: Index = () if layer is None else (*(slice(None),) * SCAN_AXIS, layer)
        _done(store[index].write(np.ascontiguousarray(array.read())), folder / place)
    return spec


def _done(future: Any, place: pathlib.Path) -> Any:
    """Waits for TensorStore."""
    try:
        return future.result()
    except ValueError as error:
        raise ValueError(f"{place} cannot be written: {error}") from error


def _gin(config: TransformerConfig, form: TreeForm) -> str:
    """Settings of T5X's network, which its checkpoints do not hold."""
    is_decoder_only = config.architecture == "decoder_only"
    example = "decoder_only" if is_decoder_only else "scalable_t5" if form.scanned else "t5"
    settings = {
        "vocab_size": config.vocab_size,
        "emb_dim": config.d_model,
        "num_heads": config.num_heads,
        "head_dim": config.d_kv,
        "mlp_dim": config.d_ff,
        "mlp_activations": config.mlp_activations,
        "logits_via_embedding": config.tied_embeddings,
    }
    if is_decoder_only:
        settings["num_layers"] = config.num_decoder_layers
    else:
        settings["num_encoder_layers"] = config.num_encoder_layers
        settings["num_decoder_layers"] = config.num_decoder_layers
    if form.scanned:
        settings["scan_layers"] = True
    lines = [
        "from __gin__ import dynamic_registration",
        f"from t5x.examples.{example} import network",
        "",
        f"network.{'TransformerConfig' if is_decoder_only else 'T5Config'}:",
        *(f"  {name} = {value!r}" for name, value in settings.items()),
    ]
    return "\n".join(lines) + "\n"
