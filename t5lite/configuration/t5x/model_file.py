"""Which of t5lite's own model files describes a T5 of T5X, and what a run changes of it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from t5lite.configuration.config import packaged_gin_dir, read_defaults
from t5lite.configuration.gin_reader import Binding, Macro

# Fields that the model files give as macros, which have flags.
MACROS = {
    "vocab_size": "VOCAB_SIZE",
    "dropout_rate": "DROPOUT_RATE",
    "dtype": "ACTIVATION_DTYPE",
    "remat": "REMAT_POLICY",
    "attention_implementation": "ATTENTION_IMPLEMENTATION",
}
_SHAPE = ("d_model", "d_ff", "d_kv", "num_heads", "num_encoder_layers", "num_decoder_layers")
_FAMILIES = {
    "t5_1_1": ("small", "base", "large", "xl", "xxl"),
    "t5_1_0": ("small", "base", "large", "3b", "11b"),
    "mt5": ("small", "base", "large", "xl", "xxl"),
    "byt5": ("small", "base", "large", "xl", "xxl"),
}
# The family whose layers each have a table of relative biases, as those of T5X's scalable_t5.
_PER_LAYER = {"umt5": ("small", "base", "large", "xl", "xxl")}


@functools.cache
def size_fields(name: str) -> Mapping[str, Any] | None:
    """The fields of TransformerConfig that one of t5lite's model files sets, macros filled in.

    Args:
      name: such as "models/t5_1_1/base.gin".

    Returns:
      None where there is no such file.
    """
    if not (packaged_gin_dir() / name).is_file():
        return None
    bindings = [b for b in read_defaults(name) if isinstance(b, Binding)]
    macros = {b.name: b.value for b in bindings if b.is_macro}
    fields = {b.name: b.value for b in bindings if b.configurable == "TransformerConfig"}
    return {
        field: macros[value.name] if isinstance(value, Macro) else value
        for field, value in fields.items()
    }


def choose(wanted: Mapping[str, Any], *, per_layer: bool) -> tuple[str, dict[str, Any]]:
    """The model file nearest to a model, and the settings that are another than the file's.

    A file of a size is taken where the whole shape is its own, else the file of its family.

    Args:
      wanted: fields of TransformerConfig.
      per_layer: whether each layer has a table of relative biases.

    Returns:
      The file's name and gin settings by their keys, such as {"TransformerConfig.d_ff": 1024}.
    """
    known = _FAMILIES | (_PER_LAYER if per_layer else {})
    sizes = [f"models/{family}/{size}.gin" for family, names in known.items() for size in names]
    families = [f"models/{family}/family.gin" for family in known]
    fitting = [name for name in sizes if _has_shape(size_fields(name), wanted)]
    changes = {name: _changes(size_fields(name) or {}, wanted) for name in fitting or families}
    best = min(changes, key=lambda name: len(changes[name]))
    if per_layer and not best.startswith("models/umt5/"):
        return best, changes[best] | {"RelativeBias.per_layer": True}
    return best, changes[best]


def _has_shape(fields: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> bool:
    return fields is not None and all(fields.get(name) == wanted.get(name) for name in _SHAPE)


def _changes(fields: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    other = {name: value for name, value in wanted.items() if fields.get(name) != value}
    return {MACROS.get(name, f"TransformerConfig.{name}"): value for name, value in other.items()}
