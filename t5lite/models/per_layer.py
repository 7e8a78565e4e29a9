"""A stack's arrays taken apart, one a layer.

Layers are stored stacked. A loop that generates token by token would take the same slices of them
on every turn, and a backend that cannot read a slice in place (XLA's CPU backend cannot) copies
each first: more traffic than the matrix products themselves. Apart, nothing is copied.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax


@jax.tree_util.register_pytree_node_class
class PerLayer(tuple):
    """The arrays of a stack's layers, to be indexed like the stacked array."""

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the stacked array."""
        return (len(self), *self[0].shape)

    def replace(self, index: int, value: jax.Array) -> PerLayer:
        """The same with one layer's array replaced."""
        return PerLayer([*self[:index], value, *self[index + 1 :]])

    def tree_flatten(self) -> tuple[tuple[Any, ...], None]:
        """For JAX: its children are the arrays."""
        return tuple(self), None

    @classmethod
    def tree_unflatten(cls, _: None, children: Iterable[Any]) -> PerLayer:
        """For JAX: the inverse of `tree_flatten`."""
        return cls(children)


Layers = jax.Array | PerLayer


def unstack(stacked: jax.Array) -> PerLayer:
    """An array [layers, ...] taken apart."""
    return PerLayer(stacked[index] for index in range(stacked.shape[0]))


def is_per_layer(leaf: Any) -> bool:
    """Whether it is a `PerLayer`; for `jax.tree.map`'s `is_leaf`."""
    return isinstance(leaf, PerLayer)
