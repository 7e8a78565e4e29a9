"""What went where: how a train state and its batches are cut over the mesh, as a table."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax

from t5lite import memory
from t5lite.messages.tables import format_table
from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import flatten_names, param_axes

PLACEMENT_FILE = "placement.txt"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Placed:
    """One array, all layers of a stack together.

    Attributes:
      name: its path, from `params`, `opt_state` or `batch` on.
      shape: of the whole.
      dtype: its type.
      axes: the logical axis of each dimension, of a parameter; None for what has none.
      mesh_axes: the axes of the mesh that each dimension is cut over, in this order; none where
        every device has it whole.
      bytes_per_device: what each device holds.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    axes: tuple[str | None, ...] | None
    mesh_axes: tuple[tuple[str, ...], ...]
    bytes_per_device: int


def placed(
    model: TransformerConfig, state: Any, batch: Mapping[str, jax.ShapeDtypeStruct]
) -> list[Placed]:
    """Lists the arrays that a step is called with, in the order of a train state.

    Args:
      model: what the parameters are of.
      state: a `TrainState` of shapes with their shardings.
      batch: likewise.
    """
    axes = {f"params/{name}": leaf for name, leaf in flatten_names(param_axes(model)).items()}
    tree = {"params": state.params, "opt_state": state.opt_state, "batch": dict(batch)}
    found = []
    for part, leaves in tree.items():
        for path, leaf in jax.tree_util.tree_leaves_with_path(leaves):
            name = f"{part}/{jax.tree_util.keystr(path, simple=True, separator='/')}"
            found.append(_one(name, leaf, axes.get(name)))
    return found


def _one(name: str, leaf: Any, axes: tuple[str | None, ...] | None) -> Placed:
    cut = [*leaf.sharding.spec, *(None for _ in leaf.shape)][: len(leaf.shape)]
    return Placed(
        name=name,
        shape=tuple(leaf.shape),
        dtype=leaf.dtype.name,
        axes=axes,
        mesh_axes=tuple((x,) if isinstance(x, str) else tuple(x or ()) for x in cut),
        bytes_per_device=memory.tree_bytes(leaf),
    )


def summary(arrays: Sequence[Placed]) -> str:
    """As in "each device holds 1.9 MiB of parameters, 12.0 KiB of the optimizer's state, ..."."""
    names = {"params": "parameters", "opt_state": "the optimizer's state", "batch": "a batch"}
    held = {
        words: sum(x.bytes_per_device for x in arrays if x.name.startswith(f"{part}/"))
        for part, words in names.items()
    }
    return "each device holds " + ", ".join(
        f"{memory.readable(size)} of {words}" for words, size in held.items()
    )


def format_placement(arrays: Sequence[Placed]) -> str:
    """The whole table as text."""
    rows = [
        (
            x.name,
            f"{x.dtype} [{', '.join(map(str, x.shape))}]",
            ", ".join(str(axis) for axis in x.axes or ()),
            ", ".join(" x ".join(axes) or "-" for axes in x.mesh_axes),
            memory.readable(x.bytes_per_device),
        )
        for x in arrays
    ]
    titles = ("array", "whole", "logical axes", "cut over", "each device")
    return format_table(titles, rows, right=(4,)) + "\n"
