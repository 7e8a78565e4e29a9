"""Which device holds what: the mesh, the rules from logical to mesh axes, and their checks.

Models name the axes of their parameters logically (`embed`, `mlp`, ...); only this module knows the
mesh. Its axes are `data` (copies of the model, rows of the batch), `fsdp` (rows of the batch, and
parameters cut along d_model, gathered where they are used) and `tensor` (parameters and activations
cut along heads, MLP and vocabulary).
"""

import contextlib
import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from jax.sharding import AbstractMesh, AxisType, Mesh, NamedSharding, PartitionSpec

from t5lite.messages.ranges import NumDevices
from t5lite.messages.suggest import did_you_mean
from t5lite.messages.value_types import check_numbers
from t5lite.models.layers import placing_activations

State = TypeVar("State", bound=Any)
# Nested dicts whose leaves are arrays, shapes, shardings or tuples of logical axis names.
Tree = Any
Axes = tuple[str | None, ...]
MeshAxes = str | tuple[str, ...] | None

MESH_AXES = ("data", "fsdp", "tensor")
BATCH_AXES = ("data", "fsdp")

# From logical axes, of parameters and activations, to axes of the mesh.
_RULES: Mapping[str, MeshAxes] = {
    "batch": BATCH_AXES,
    "length": None,
    "layers": None,
    "embed": "fsdp",
    "vocab": "tensor",
    "mlp": "tensor",
    "joined_kv": "tensor",
    "shared_kv": None,
    "relpos_heads": None,
    "relpos_buckets": None,
    "positions": None,
    "activation_embed": None,
    "activation_vocab": "tensor",
}


@dataclasses.dataclass(frozen=True)
class MeshConfig:
    """The mesh's shape, in devices; one of the sizes may be -1 for whatever the others leave."""

    data: NumDevices = -1
    fsdp: NumDevices = 1
    tensor: NumDevices = 1

    def __post_init__(self) -> None:
        check_numbers(self, of=MeshConfig)


def make_mesh(config: MeshConfig, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """Lays the devices out as a mesh with the axes data, fsdp and tensor.

    Args:
      config: its shape.
      devices: the devices, those of all hosts; None for all there are.

    Returns:
      The mesh, with automatic axis types.

    Raises:
      ValueError: if more than one size is -1, or they do not multiply to the number of devices.
    """
    devices = jax.devices() if devices is None else devices
    sizes = dataclasses.asdict(config)
    free = [axis for axis, size in sizes.items() if size == -1]
    written = ", ".join(f"{axis}={size}" for axis, size in sizes.items())
    if len(free) > 1:
        raise ValueError(f"MeshConfig({written}): only one of the sizes may be -1.")
    fixed = math.prod(size for size in sizes.values() if size != -1)
    if free and len(devices) % fixed == 0:
        sizes[free[0]] = len(devices) // fixed
    elif fixed != len(devices):
        raise ValueError(
            f"MeshConfig({written}) does not fit {len(devices)} devices: the sizes multiply to"
            f" {fixed}. Change them, or set one to -1 and the rest to divisors of {len(devices)}."
        )
    shape = tuple(sizes[axis] for axis in MESH_AXES)
    auto = (AxisType.Auto,) * len(MESH_AXES)
    return jax.make_mesh(shape, MESH_AXES, axis_types=auto, devices=devices)


def _as_tuple(mesh_axes: MeshAxes) -> tuple[str, ...]:
    return (mesh_axes,) if isinstance(mesh_axes, str) else mesh_axes or ()


def _num_devices(mesh: Mesh | AbstractMesh, mesh_axes: MeshAxes) -> int:
    return math.prod(mesh.shape[name] for name in _as_tuple(mesh_axes))


def _mesh_axes(name: str, axes: Axes, mesh: Mesh | AbstractMesh) -> list[MeshAxes]:
    """Gives the mesh axes of each dimension of one array; those of one device are left out."""
    chosen: list[MeshAxes] = []
    used: set[str] = set()
    for axis in axes:
        if axis is not None and axis not in _RULES:
            raise ValueError(
                f"{name} has the logical axis {axis!r}, for which the sharding rules have no entry."
                f"{did_you_mean(axis, _RULES)}"
            )
        mesh_axes = None if axis is None else _RULES[axis]
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
        shape = ", ".join(f"{axis}={size}" for axis, size in mesh.shape.items())
        raise ValueError(
            f"The mesh ({shape}) does not divide these parameters:\n"
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

    A leaf whose '/'-path ends with a parameter's name and that has its shape (the parameter itself,
    a momentum, an unfactored second moment) is cut as the parameter is. Everything else (counters,
    factored second moments) is small, and every device holds it whole.

    Args:
      state_shapes: a pytree of arrays or shapes; its `params` is the nested dict of parameters.
      shardings: what `param_shardings` gives for those parameters.

    Returns:
      A pytree like `state_shapes`, of NamedSharding.
    """
    flat_shapes = flatten_dict(state_shapes.params, sep="/")
    flat_shardings = flatten_dict(shardings, sep="/")
    whole = replicated(next(iter(flat_shardings.values())).mesh)

    def one(path: tuple[Any, ...], leaf: Any) -> NamedSharding:
        parts = jax.tree_util.keystr(path, simple=True, separator="/").split("/")
        for start in range(len(parts)):
            name = "/".join(parts[start:])
            if name in flat_shapes and flat_shapes[name].shape == leaf.shape:
                return flat_shardings[name]
        return whole

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
    """Gives the sharding of a batch's features: rows over data and fsdp, the rest whole."""
    return NamedSharding(mesh, PartitionSpec(BATCH_AXES))


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


def host_rows(mesh: Mesh, process_index: int | None = None) -> tuple[int, int]:
    """Says which part of every global batch a process has to bring.

    Processes whose devices differ only along `tensor` compute on the same rows and bring the same
    part.

    Args:
      mesh: the mesh.
      process_index: the process; None for this one.

    Returns:
      (index, count): the batch is cut evenly into `count` parts; the process brings the index-th.

    Raises:
      ValueError: if the parts of two processes overlap without being the same, or differ in size.
    """
    process = jax.process_index() if process_index is None else process_index
    num_cuts = _num_devices(mesh, BATCH_AXES)
    cuts: dict[int, set[int]] = {}
    for cut, devices in enumerate(mesh.devices.reshape(num_cuts, -1)):
        for device in devices:
            cuts.setdefault(device.process_index, set()).add(cut)
    parts = sorted({tuple(sorted(held)) for held in cuts.values()})
    sizes = {len(part) for part in parts}
    if len(sizes) > 1 or sum(map(len, parts)) != num_cuts:
        raise ValueError(
            f"The mesh {dict(mesh.shape)} gives processes uneven or overlapping parts of the batch:"
            " make MeshConfig.tensor a divisor or a multiple of the devices of one process."
        )
    return parts.index(tuple(sorted(cuts[process]))), len(parts)


def row_shapes(rows: Mapping[str, np.ndarray], mesh: Mesh) -> dict[str, jax.ShapeDtypeStruct]:
    """What `put_rows` makes of rows, with shapes in place of arrays."""
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
      The features of the batch, sharded by `batch_sharding`.
    """
    sharding = batch_sharding(mesh)
    return {
        name: jax.make_array_from_callback(x.shape, sharding, x.__getitem__)
        for name, x in batch.items()
    }


@contextlib.contextmanager
def logical_rules(mesh: Mesh) -> Iterator[None]:
    """Makes what models ask of where they run speak of this mesh: its axes, and its platform.

    See `models.layers.constrain` and `models.layers.traced_platform`.

    To be entered while a function is traced, that is, inside jit.

    Args:
      mesh: the mesh.

    Yields:
      Nothing.
    """

    def place(x: jax.Array, axes: Axes) -> jax.Array:
        spec = PartitionSpec(*_mesh_axes(f"an activation {x.shape}", axes, mesh))
        return jax.lax.with_sharding_constraint(x, NamedSharding(mesh, spec))

    with placing_activations(place, platform=mesh.devices.flat[0].platform):
        yield
