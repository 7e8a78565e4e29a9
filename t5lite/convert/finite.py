"""Numbers of a checkpoint that are not finite: found while it is read, and named."""

import dataclasses
import functools

import numpy as np

from t5lite.convert.names import Arrays, Key, LazyArray
from t5lite.models.finite import NonFinite, describe, find_in_array


def noting(arrays: Arrays, found: dict[str, NonFinite]) -> Arrays:
    """The same arrays, each noting what in it is not finite when it is read.

    Args:
      arrays: A model's.
      found: Where it is noted, by the tensor's name: the source's own where it has one, else ours
        and the layer.
    """
    return {
        key: dataclasses.replace(array, read=functools.partial(_read, key, array, found))
        for key, array in arrays.items()
    }


def check(found: dict[str, NonFinite], *, source: str, remedy: str) -> None:
    """Raises ValueError where something was found, naming each tensor."""
    if found:
        raise ValueError(
            f"{source} holds numbers that are not finite, with which a model gives no answers:\n"
            f"{describe(list(found.values()))}\n{remedy}"
        )


def _read(key: Key, array: LazyArray, found: dict[str, NonFinite]) -> np.ndarray:
    value = array.read()
    if not np.isfinite(value).all():
        name, whole = array.origin or (_name(key), LazyArray.of(value))
        # As the file has it, for ours may be a part of it, or turned.
        item = find_in_array(name, whole.read())
        if item is not None:
            found[name] = item
    return value


def _name(key: Key) -> str:
    name, layer = key
    return name if layer is None else f"{name} (layer {layer})"
