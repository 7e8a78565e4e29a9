"""Which device holds what: the rules from logical axes to those of the mesh, and their checks.

Models name the axes of their parameters and activations logically (`embed`, `mlp`, ...); only this
module knows what they are on a mesh.
"""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from jax.sharding import AbstractMesh, Mesh, NamedSharding, PartitionSpec

from t5lite.mesh import (
    BATCH_AXES,
    DECODING_BATCH_AXES,
    describe_mesh,
    host_rows,
    num_devices,
)
from t5lite.messages.suggest import did_you_mean
from t5lite.models.layers import Placement, placing_activations

State = TypeVar("State", bound=Any)
# Nested dicts whose leaves are arrays, shapes, shardings or tuples of logical axis names.
Tree = Any
Axes = tuple[str | None, ...]
MeshAxes = str | tuple[str, ...] | None

# From logical axes, of parameters and activations, to axes of the mesh.
_RULES: Mapping[str, MeshAxes] = {
    "batch": BATCH_AXES,
    "lookup_batch": "data",
    "length": "sequence",
    "layers": None,
    "embed": "fsdp",
    "narrow_embed": None,
    "vocab": "tensor",
    "mlp": "tensor",
    "joined_kv": "tensor",
    "shared_kv": None,
    "relpos_heads": None,
    "relpos_buckets": None,
    "positions": None,
    "lora_rank": None,
    "prompt_tokens": None,
    "gates": None,
    "activation_embed": None,
    "activation_vocab": "tensor",
    "heads": "tensor",
}
_DECODING_RULES = {
    **_RULES,
    "batch": DECODING_BATCH_AXES,
    "lookup_batch": ("data", "sequence"),
    "length": None,
}


def _as_tuple(mesh_axes: MeshAxes) -> tuple[str, ...]:
    return (mesh_axes,) if isinstance(mesh_axes, str) else mesh_axes or ()


def _num_devices(mesh: Mesh | AbstractMesh, mesh_axes: MeshAxes) -> int:
    return num_devices(mesh, _as_tuple(mesh_axes))


def _mesh_axes(
    name: str, axes: Axes, mesh: Mesh | AbstractMesh, *, rules: Mapping[str, MeshAxes] = _RULES
) -> list[MeshAxes]:
    """Gives the mesh axes of each dimension of one array; those of one device are left out."""
    chosen: list[MeshAxes] = []
    used: set[str] = set()
    for axis in axes:
        if axis is not None and axis not in rules:
            raise ValueError(
                f"{name} has the logical axis {axis!r}, for which the sharding rules have no entry."
                f"{did_you_mean(axis, rules)}"
            )
        mesh_axes = None if axis is None else rules[axis]
        # A mesh axis can cut an array only once: of two equal logical axes the first is cut.
        if _num_devices(mesh, mesh_axes) == 1 or used.intersection(_as_tuple(mesh_axes)):
            mesh_axes = None
        used.update(_as_tuple(mesh_axes))
        chosen.append(mesh_axes)
    return chosen


def param_shardings(shapes: Tree, axes: Tree, mesh: Mesh | AbstractMesh) -> Tree:
    """Gives the sharding of every parameter, after checking that the mesh divides them all.

    Args:
      shapes: nested dict of the parameters, or of their shapes.
      axes: nested dict of tuples of logical axis names, one a dimension.
      mesh: the mesh; an abstract one plans for devices that are not here.

    Returns:
      Nested dict of NamedSharding.

    Raises:
      ValueError: naming every parameter with a dimension that its mesh axes do not divide, and what
        to do; or a logical axis that the rules lack.
    """
    flat_shapes, flat_axes = flatten_dict(shapes, sep="/"), flatten_dict(axes, sep="/")
    assert flat_shapes.keys() == flat_axes.keys(), "shapes and axes are of different parameters"
    shardings, problems = {}, []
    for name, leaf in flat_shapes.items():
        spec = _mesh_axes(name, flat_axes[name], mesh)
        shardings[name] = NamedSharding(mesh, PartitionSpec(*spec))
        problems += _indivisible(name, leaf.shape, flat_axes[name], spec, mesh)
    if problems:
        raise ValueError(
            f"The mesh ({describe_mesh(mesh)}) does not divide these parameters:\n"
            + "\n".join(f"  {problem}" for problem in problems)
            + "\nMake that axis of MeshConfig smaller (data takes what is left), or the dimension"
            " in TransformerConfig a multiple (vocab_size may be larger than the vocabulary)."
        )
    return unflatten_dict(shardings, sep="/")


def _indivisible(
    name: str,
    shape: tuple[int, ...],
    axes: Axes,
    spec: Sequence[MeshAxes],
    mesh: Mesh | AbstractMesh,
) -> list[str]:
    """Describes the dimensions of one parameter that their mesh axes do not divide."""
    return [
        f"{name} {tuple(shape)}: dimension {dim} ({axis}) is {size}, but mesh axis {mesh_axes!r}"
        f" has {devices} devices; the largest size of that axis that fits is"
        f" {math.gcd(size, devices)}"
        for dim, (size, axis, mesh_axes) in enumerate(zip(shape, axes, spec, strict=True))
        if size % (devices := _num_devices(mesh, mesh_axes))
    ]


def state_shardings(state_shapes: State, shardings: Tree) -> State:
    """Gives the sharding of every leaf of a training state.

    A leaf whose '/'-path ends with a parameter's name is cut as the parameter is: what has its
    shape (the parameter itself, a momentum, an unfactored second moment), and the means of squares
    over one of its dimensions, `v_row` and `v_col` of Adafactor, along those that are left.
    Everything else (counters) is small, and every device holds it whole.

    Args:
      state_shapes: a pytree of arrays or shapes; its `params` is the nested dict of parameters.
      shardings: what `param_shardings` gives for those parameters.

    Returns:
      A pytree like `state_shapes`, of NamedSharding.
    """
    flat_shapes = flatten_dict(state_shapes.params, sep="/")
    flat_shardings = flatten_dict(shardings, sep="/")
    mesh = next(iter(flat_shardings.values())).mesh

    def one(path: tuple[Any, ...], leaf: Any) -> NamedSharding:
        parts = jax.tree_util.keystr(path, simple=True, separator="/").split("/")
        for start in range(len(parts)):
            name = "/".join(parts[start:])
            if name not in flat_shapes:
                continue
            shape = flat_shapes[name].shape
            if shape == leaf.shape:
                return flat_shardings[name]
            # Of two dimensions of one size Adafactor takes the later for the longer one, which is
            # what `v_row` lacks.
            lacking = [d for d in range(len(shape)) if shape[:d] + shape[d + 1 :] == leaf.shape]
            if lacking:
                cut = list(flat_shardings[name].spec)
                del cut[lacking[-1 if "v_row" in parts else 0]]
                return NamedSharding(mesh, PartitionSpec(*cut))
        return replicated(mesh)

    return jax.tree_util.tree_map_with_path(one, state_shapes)


def abstract(shapes: State, shardings: State) -> State:
    """Joins a tree of shapes with one of shardings: what is restored into, or compiled for."""
    return jax.tree.map(
        lambda shape, where: jax.ShapeDtypeStruct(shape.shape, shape.dtype, sharding=where),
        shapes,
        shardings,
    )


def replicated(mesh: Mesh | AbstractMesh) -> NamedSharding:
    """Gives the sharding of what every device holds whole."""
    return NamedSharding(mesh, PartitionSpec())


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """Gives the sharding of a training batch's features [rows, length]."""
    cut = [_RULES["batch"], _RULES["length"]]
    return NamedSharding(mesh, PartitionSpec(*cut[: 2 if mesh.shape["sequence"] > 1 else 1]))


def decoding_sharding(mesh: Mesh) -> NamedSharding:
    """Gives the sharding of what has a row for each prompt, such as all that is decoded from."""
    return NamedSharding(mesh, PartitionSpec(DECODING_BATCH_AXES))


def check_batch_size(
    batch_size: int, mesh: Mesh | AbstractMesh, *, num_microbatches: int = 1
) -> None:
    """Checks that a global batch of so many rows can be cut into microbatches and over the mesh.

    Raises:
      ValueError: with the nearest sizes that can.
    """
    if num_microbatches < 1:
        raise ValueError(f"NUM_MICROBATCHES is {num_microbatches}; it must be 1 or more.")
    parts = _num_devices(mesh, BATCH_AXES)
    unit = parts * num_microbatches
    if batch_size < 1 or batch_size % unit:
        lower, upper = batch_size // unit * unit, (batch_size // unit + 1) * unit
        nearest = f"{lower} or {upper}" if lower > 0 else f"{upper}"
        raise ValueError(
            f"The global batch of {batch_size} rows cannot be cut into {num_microbatches}"
            f" microbatches over {parts} devices (mesh axes data x fsdp): make it a multiple of"
            f" {unit}, such as {nearest}."
        )


def row_shapes(rows: Mapping[str, np.ndarray], mesh: Mesh) -> dict[str, jax.ShapeDtypeStruct]:
    """What `put_rows` makes of rows, with shapes in place of arrays.

    Raises:
      ValueError: the mesh does not divide the length of a feature; names all of these.
    """
    parts = mesh.shape["sequence"]
    if uneven := {name: x.shape[1] for name, x in rows.items() if x.shape[1] % parts}:
        listed = ", ".join(f"{name} {length}" for name, length in uneven.items())
        raise ValueError(
            f"Rows are cut over the {parts} devices of mesh axis 'sequence' (--mesh_sequence),"
            f" which do not divide these lengths: {listed}. Make them multiples of {parts}"
            " (--task_feature_lengths; a decoder alone has inputs and targets in one row), or the"
            " axis smaller."
        )
    _, count = host_rows(mesh)
    return {
        name: jax.ShapeDtypeStruct(
            (len(x) * count, *x.shape[1:]), x.dtype, sharding=batch_sharding(mesh)
        )
        for name, x in rows.items()
    }


def put_rows(rows: Mapping[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
    """Makes global arrays of the rows that each process has brought.

    Args:
      rows: this process's part (see `host_rows`) of every feature of a batch, rows first.
      mesh: the mesh.

    Returns:
      The features of the whole batch, sharded by `batch_sharding`.
    """
    return {
        name: jax.make_array_from_process_local_data(
            whole.sharding, rows[name], global_shape=whole.shape
        )
        for name, whole in row_shapes(rows, mesh).items()
    }


def put_replicable(batch: Mapping[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
    """Makes global arrays of a batch that every process has whole; each device takes its rows.

    Args:
      batch: every feature of the batch, rows first, the same on all processes.
      mesh: the mesh.

    Returns:
      The features of the batch, sharded by `decoding_sharding`.
    """
    sharding = decoding_sharding(mesh)
    return {
        name: jax.make_array_from_callback(x.shape, sharding, x.__getitem__)
        for name, x in batch.items()
    }


@contextlib.contextmanager
def logical_rules(mesh: Mesh, *, decoding: bool = False) -> Iterator[None]:
    """Makes what models ask of where they run speak of this mesh: its axes, and its platform.

    See `models.layers.constrain` and `models.layers.traced_platform`.

    To be entered while a function is traced, that is, inside jit.

    Args:
      mesh: the mesh.
      decoding: whether rows are cut as by `decoding_sharding`, not as by `batch_sharding`.

    Yields:
      Nothing.
    """
    rules = _DECODING_RULES if decoding else _RULES
    with placing_activations(
        _OnMesh(platform=mesh.devices.flat[0].platform, mesh=mesh, rules=rules)
    ):
        yield


@dataclasses.dataclass(frozen=True)
class _OnMesh(Placement):
    """Where a model runs whose activations lie on a mesh as rules say."""

    mesh: Mesh
    rules: Mapping[str, MeshAxes]

    def constrain(self, x: jax.Array, axes: Axes) -> jax.Array:
        cut = _mesh_axes(f"an activation {x.shape}", axes, self.mesh, rules=self.rules)
        # What all rows have in common is one row.
        spec = (None if size == 1 else over for size, over in zip(x.shape, cut, strict=True))
        return jax.lax.with_sharding_constraint(x, NamedSharding(self.mesh, PartitionSpec(*spec)))

    def num_parts(self, axis: str) -> int:
        return _num_devices(self.mesh, self.rules[axis])

    def on_shards(
        self,
        function: Callable[[dict[str, jax.Array]], Any],
        arrays: dict[str, jax.Array],
        *,
        axes: Mapping[str, Axes],
        out_axes: Axes,
    ) -> Any:
        if self.mesh.size == 1:
            return function(arrays)
        cuts: dict[str | None, MeshAxes] = {}
        for name, x in arrays.items():
            spec = _mesh_axes(name, axes[name], self.mesh, rules=self.rules)
            for axis, size, mesh_axes in zip(axes[name], x.shape, spec, strict=True):
                divides = size % _num_devices(self.mesh, mesh_axes) == 0
                cuts[axis] = mesh_axes if divides and cuts.get(axis, mesh_axes) else None
        return jax.shard_map(
            function,
            mesh=self.mesh,
            in_specs=({n: PartitionSpec(*(cuts[a] for a in axes[n])) for n in arrays},),
            out_specs=PartitionSpec(*(cuts[axis] for axis in out_axes)),
            check_vma=False,  # Pallas kernels do not say what their results vary over
        )(arrays)
