"""Parameters of the base that were trained beside a LoRA: `modules_to_save`, and biases."""

import functools
import re

import numpy as np

from t5lite.convert.hf.family import Family
from t5lite.convert.names import (
    Arrays,
    Key,
    LazyArray,
    Row,
    Tensors,
    joined_shape,
    layer_shapes,
    walk_rows,
)
from t5lite.convert.peft.settings import Settings
from t5lite.convert.source import Source
from t5lite.models.config import TransformerConfig


def read_unfrozen(
    settings: Settings, tensors: Tensors, *, family: Family, base: Source
) -> tuple[tuple[str, ...], dict[Key, LazyArray]]:
    """Parameters of the base, in the adapter's numbers; the base's in layers that it does not have.

    Args:
      settings: adapter_config.json.
      tensors: Those that are no LoRA's, by names of the base's tensors.
      family: The base's.
      base: The base model.

    Returns:
      Expressions of their names, as `Lora.unfrozen` takes them, and the parameters.

    Raises:
      ValueError: a tensor is of no parameter of the base, or of another shape; or is an embedding
        that peft and t5lite take for different parts of the model.
    """
    shapes = layer_shapes(base.config)
    rows = {
        _name(row, layer, family): (row, layer) for row, layer in walk_rows(family.table, shapes)
    }
    _check_saved(settings, tensors)
    found: dict[Key, LazyArray] = {}
    for name, tensor in tensors.items():
        if name == "lm_head.weight" and base.config.tied_embeddings:
            raise ValueError(
                f"{tensors.source} holds {name}, and the base's output projection is its "
                "embedding, of which peft has made two; t5lite adapts bases that have two"
            )
        if name not in rows:
            raise ValueError(f"{tensors.source} holds {name}, and the base has no such parameter")
        row, layer = rows[name]
        _check_embedding(row, family, base.config, where=f"{tensors.source} holds {name}")
        keys = [(ours, layer) for ours in row.names]
        expected = joined_shape(row.layout, tuple(shapes[key] for key in keys), base.config)
        if tensor.shape != expected:
            raise ValueError(_mismatch(name, tensor, expected, row, family, source=tensors.source))
        for index, key in enumerate(keys):
            read = functools.partial(_read, row, tensor, index, base.config)
            found[key] = LazyArray(shapes[key], np.dtype(np.float32), read)
    names = sorted({name for name, _ in found})
    untouched = {key: array for key, array in base.arrays.items() if key[0] in names}
    return tuple(f"^{re.escape(name)}$" for name in names), {**untouched, **found}


def write_unfrozen(
    arrays: Arrays, *, family: Family, base: TransformerConfig, adapted: set[str]
) -> tuple[dict[str, object], dict[str, np.ndarray]]:
    """The inverse of `read_unfrozen`, as `modules_to_save`.

    Args:
      arrays: The parameters.
      family: The base's.
      base: The base model.
      adapted: Names of the modules that have a LoRA.

    Returns:
      Fields of adapter_config.json, and the tensors by names without a prefix.

    Raises:
      ValueError: peft cannot save one of them so.
    """
    tensors: dict[str, np.ndarray] = {}
    names = {name for name, _ in arrays}
    for row, layer in walk_rows(family.table, layer_shapes(base)):
        held = names.intersection(row.names)
        if not held:
            continue
        theirs = _name(row, layer, family)
        where = f"Lora.unfrozen: {', '.join(sorted(held))}"
        if len(held) < len(row.names):
            raise ValueError(f"{where} is a part of {theirs}, which peft saves as a whole")
        if theirs.rpartition(".")[0] in adapted:
            raise ValueError(f"{where} is of a linear map with a LoRA, and peft saves none beside")
        _check_embedding(row, family, base, where=where)
        parts = tuple(arrays[ours, layer].read() for ours in row.names)
        tensors[theirs] = np.ascontiguousarray(row.layout.join(parts, base))
    modules = sorted({name.rpartition(".")[0] for name in tensors})
    return {"modules_to_save": modules or None}, tensors


def _name(row: Row, layer: int | None, family: Family) -> str:
    """Name of a tensor in the class of transformers 5, whatever files call the output."""
    return "lm_head.weight" if row.theirs == family.output else row.name_of(layer)


def _check_saved(settings: Settings, tensors: Tensors) -> None:
    for module in settings.get("modules_to_save", ()):
        if not any(f".{name}".rpartition(".")[0].endswith(f".{module}") for name in tensors):
            settings.refuse("modules_to_save", f"the folder holds nothing of {module}")


def _check_embedding(row: Row, family: Family, base: TransformerConfig, *, where: str) -> None:
    """Raises ValueError for an embedding of which one side would use a copy."""
    is_pair = base.architecture == "encoder_decoder"
    if row.theirs == family.embedding and (base.tied_embeddings or is_pair):
        reason = "the base ties it to others" if base.tied_embeddings else "both stacks read it"
        raise ValueError(
            f"{where}: {reason}, and peft trains a copy of it in one place only; t5lite does that "
            "of decoders whose embedding and output projection are their own"
        )


def _mismatch(
    name: str,
    tensor: LazyArray,
    expected: tuple[int, ...],
    row: Row,
    family: Family,
    *,
    source: str,
) -> str:
    is_of_words = row.theirs in (family.embedding, family.output)
    if is_of_words and tensor.shape[1:] == expected[1:]:
        return (
            f"{source}: {name} has {tensor.shape[0]} rows, and the base {expected[0]}: the base's "
            "vocabulary was resized before the adapter was trained. Resize the base so "
            "(transformers: resize_token_embeddings), save it with its tokenizer, and give that"
        )
    return (
        f"{source}: {name} is {tensor.shape}, expected {expected}; the adapter is of another base"
    )


def _read(row: Row, tensor: LazyArray, index: int, config: TransformerConfig) -> np.ndarray:
    return row.layout.split(tensor.read(), config)[index].astype(np.float32)


def split(tensors: Tensors) -> tuple[Tensors, Tensors]:
    """The tensors of a LoRA, and those of the base beside them, by the base's names."""
    is_lora = {name: ".lora_" in name for name in tensors}
    own = [name for name in tensors if not is_lora[name]]
    lora = tensors.without(own)
    beside = tensors.without(lora)
    return lora, beside.renamed(lambda name: name.replace(".base_layer.", "."))
