"""A stack's layers, one after another: stored stacked, run by a scan or a loop, or unstacked.

Parameters of a stack's layers, and its cache, are arrays with a leading `layers` axis. A loop that
generates token by token would take the same slices of them on every turn, and a backend that
cannot read a slice in place (XLA's CPU backend cannot) copies each first: more traffic than the
matrix products themselves. `step_params` takes parameters apart beforehand, and a model of such
keeps its cache so from the beginning.

Shapes: L layers, B batch, G heads of keys and values, Q new positions, S slots, K d_kv.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from t5lite.models.config import TransformerConfig
from t5lite.models.layers import traced_platform


@jax.tree_util.register_pytree_node_class
class PerLayer(tuple):
    """The arrays of a stack's layers, to be indexed like the stacked array."""

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the stacked array."""
        return (len(self), *self[0].shape)

    def tree_flatten(self) -> tuple[tuple[Any, ...], None]:
        """For JAX: its children are the arrays."""
        return tuple(self), None

    @classmethod
    def tree_unflatten(cls, _: None, children: Iterable[Any]) -> PerLayer:
        """For JAX: the inverse of `tree_flatten`."""
        return cls(children)


Layers = jax.Array | PerLayer


def stack_parameters(layer: nnx.Module, num_layers: int) -> nnx.Module:
    """Gives every (still abstract) parameter of `layer` a leading `layers` axis.

    The module then stands for the whole stack; `run_layers` makes single layers of it.
    """
    for _, param in nnx.to_flat_state(nnx.state(layer, nnx.Param)):
        value = param.get_value()
        param.set_value(jax.ShapeDtypeStruct((num_layers, *value.shape), value.dtype))
        param.set_metadata("logical_axes", ("layers", *param.logical_axes))
    return layer


def run_layers(
    stacked: nnx.Module,
    body: Callable[[Any, Any, jax.Array, Any], tuple[Any, Any]],
    carry: Any,
    *,
    config: TransformerConfig,
    num_layers: int,
    xs: Any = None,
) -> tuple[Any, Any]:
    """Runs `body` over the layers of a stack, by `lax.scan` or by a Python loop.

    Args:
      stacked: A module made by `stack_parameters`, its values bound, stacked or `PerLayer`.
      body: `(layer, carry, index, x) -> (carry, y)`, with `layer` a single bound layer.
      carry: What the first layer gets.
      config: Chooses scan or loop (what is `PerLayer` is looped over), and what the backward pass
        recomputes.
      num_layers: Layers in the stack.
      xs: A tree of arrays with a leading `layers` axis, or of `PerLayer`s, one slice of which is
        each layer's `x`. Where a `PerLayer` has None for a layer, so does a loop; a scan, whose
        layers are alike, has zeros.

    Returns:
      The last carry, and the `y`s stacked along a leading `layers` axis, or `PerLayer`s where the
      parameters are.
    """
    graphdef, params = nnx.split(stacked)

    def run_one(carry: Any, layer_inputs: Any) -> tuple[Any, Any]:
        layer_params, index, x = layer_inputs
        return body(nnx.merge(graphdef, layer_params), carry, index, x)

    scan = config.scan_layers
    if scan is None:
        scan = traced_platform() != "cpu"
    # A scan's body cannot be merged with its own recomputation, so the guard against it would
    # only stand in the compiler's way.
    unstacked = is_unstacked(stacked)
    if not unstacked:
        run_one = _rematerialise(run_one, config.remat, prevent_cse=not scan)
    all_inputs = (params, np.arange(num_layers, dtype=np.int32), xs)
    if scan and not unstacked:
        stacked_inputs = jax.tree.map(_stack, all_inputs, is_leaf=is_per_layer)
        return jax.lax.scan(run_one, carry, stacked_inputs)
    ys = []
    for i in range(num_layers):
        layer_inputs = jax.tree.map(lambda leaf, i=i: leaf[i], all_inputs, is_leaf=is_per_layer)
        carry, y = run_one(carry, layer_inputs)
        ys.append(y)
    join = PerLayer if unstacked else jnp.stack
    return carry, jax.tree.map(lambda *leaves: join(leaves), *ys)


def layer_key(key: jax.Array | None, index: jax.Array) -> jax.Array | None:
    """The dropout key of one layer, from its index alone: scanned and looped agree."""
    return None if key is None else jax.random.fold_in(key, index)


def from_layer(arrays: Layers, index: int) -> Layers:
    """The arrays of the layers from one on."""
    return PerLayer(arrays[index:]) if isinstance(arrays, PerLayer) else arrays[index:]


def empty_slots(
    stacked: nnx.Module, num_layers: int, shape: tuple[int, ...], *, dtype: str
) -> Layers:
    """An empty cache of keys, or of values, unstacked where the stack's parameters are.

    Args:
      stacked: The stack's module, as for `run_layers`.
      num_layers: Its layers.
      shape: [B, G, S, K], a layer's.
      dtype: What it holds.
    """
    if is_unstacked(stacked):
        return PerLayer(jnp.zeros(shape, dtype) for _ in range(num_layers))
    return jnp.zeros((num_layers, *shape), dtype)


def write_slots(
    cache_LBGSK: Layers, fresh_BGQK: jax.Array, *, index: jax.Array, slot: jax.Array
) -> Layers:
    """A stack's cache of keys, or of values, with one layer's new ones written from a slot on."""
    fresh_BGQK = fresh_BGQK.astype(jax.tree.leaves(cache_LBGSK)[0].dtype)
    if isinstance(cache_LBGSK, PerLayer):
        layers = list(cache_LBGSK)
        start = (0, 0, slot, 0)
        layers[int(index)] = jax.lax.dynamic_update_slice(layers[int(index)], fresh_BGQK, start)
        return PerLayer(layers)
    return jax.lax.dynamic_update_slice(cache_LBGSK, fresh_BGQK[None], (index, 0, 0, slot, 0))


def step_params(config: TransformerConfig, params: dict[str, Any], *, unstacked: bool) -> Any:
    """Parameters in the form in which generating reads them fastest; results are the same.

    Args:
      config: The model.
      params: Its parameters.
      unstacked: Whether the decoder's layers are unstacked: a copy of them, and a loop that takes
        longer to compile, for a backend that would copy them at every step.

    Returns:
      `params` with the matrices of the decoder's layers in the type they are computed in, and its
      layers as `PerLayer`s if they are to be unstacked.
    """

    def convert(path: tuple[Any, ...], leaf: jax.Array) -> Any:
        is_matrix = path[-1].key in ("kernel", "lora_a", "lora_b")
        leaf = leaf.astype(config.dtype) if is_matrix else leaf
        return _unstack(leaf) if unstacked else leaf

    decoder = params["decoder"]
    layers = jax.tree_util.tree_map_with_path(convert, decoder["layers"])
    return {**params, "decoder": {**decoder, "layers": layers}}


def is_unstacked(stacked: nnx.Module) -> bool:
    """Whether the values of a module made by `stack_parameters` are `PerLayer`s."""
    leaves = jax.tree.leaves(nnx.state(stacked), is_leaf=is_per_layer)
    return any(map(is_per_layer, leaves))


def _unstack(stacked: jax.Array) -> PerLayer:
    return PerLayer(stacked[index] for index in range(stacked.shape[0]))


def _stack(leaf: Any) -> jax.Array:
    """One array of those of all layers, zeros where one has none."""
    if not is_per_layer(leaf):
        return leaf
    like = next(x for x in leaf if x is not None)
    return jnp.stack([jnp.zeros_like(like) if x is None else x for x in leaf])


def is_per_layer(leaf: Any) -> bool:
    """Whether a leaf of a tree is the arrays of a stack's layers, apart."""
    return isinstance(leaf, PerLayer)


def _rematerialise(fn: Callable[..., Any], remat: str, *, prevent_cse: bool) -> Callable[..., Any]:
    if remat == "none":
        return fn
    # Weight matrices have no batch axis, so this keeps their outputs and recomputes attention's.
    keep = jax.checkpoint_policies.dots_with_no_batch_dims_saveable
    policy = {"full": None, "dots": keep}[remat]
    return jax.checkpoint(fn, policy=policy, prevent_cse=prevent_cse)
