"""The mesh: how the devices of a run are laid out, and which rows each process brings to it.

Its axes, those whose devices talk the least first: `data` (copies of the model, rows of the batch),
`fsdp` (rows of the batch, and parameters cut along d_model, gathered where they are used),
`sequence` (the lengths of rows) and `tensor` (parameters and activations cut along heads, MLP and
vocabulary). Devices of several slices, with fast links within each and a network between them, lie
so that only `data`, then `fsdp`, runs from slice to slice.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import jax
import numpy as np
from jax.experimental import mesh_utils
from jax.sharding import AbstractMesh, AxisType, Mesh

from t5lite.messages.ranges import NumDevices, Size
from t5lite.messages.value_types import check_numbers

MESH_AXES = ("data", "fsdp", "sequence", "tensor")
# Those that the rows of a batch are cut over in training. In decoding, which reads one token of a
# row at a time, there is no length to cut: the devices of a sequence take rows of their own.
BATCH_AXES = ("data", "fsdp")
DECODING_BATCH_AXES = ("data", "sequence", "fsdp")


@dataclass(frozen=True)
class MeshConfig:
    """The mesh's shape, in devices; one of the four axes may be -1 for whatever the others leave.

    Attributes:
      data: copies of the model.
      fsdp: devices that share each copy's parameters, and its rows.
      sequence: devices that share the length of each row.
      tensor: devices that share each layer's heads, MLP and vocabulary.
      num_slices: groups of devices with fast links within; None for as many as TPUs say they are
        of, and one of all others. GPUs and CPUs are grouped in the order of their processes.
    """

    data: NumDevices = -1
    fsdp: NumDevices = 1
    sequence: NumDevices = 1
    tensor: NumDevices = 1
    num_slices: Size | None = None

    def __post_init__(self) -> None:
        check_numbers(self, of=MeshConfig)


def make_mesh(config: MeshConfig, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """Lays the devices out as a mesh with the axes `MESH_AXES`.

    Args:
      config: its shape.
      devices: the devices, those of all hosts; None for all there are.

    Returns:
      The mesh, with automatic axis types.

    Raises:
      ValueError: if more than one size is -1, they do not multiply to the number of devices, or the
        devices cannot be parted into slices, or the mesh over them.
    """
    devices = jax.devices() if devices is None else devices
    shape = _shape(config, len(devices))
    slices = _slices(devices, config.num_slices)
    across = _shape_across_slices(shape, len(slices))
    within = tuple(size // parts for size, parts in zip(shape, across, strict=True))
    # On a torus an axis of the mesh takes whole axes where it can, and else parts of them.
    grids = [
        mesh_utils.create_device_mesh(within, devices=part, allow_split_physical_axes=True)
        for part in slices
    ]
    by_slice = np.stack(grids).reshape(*across[:2], *within)
    grid = by_slice.swapaxes(1, 2).reshape(shape)
    return Mesh(grid, MESH_AXES, axis_types=(AxisType.Auto,) * len(MESH_AXES))


def _shape(config: MeshConfig, num_devices: int) -> tuple[int, ...]:
    """The sizes of the axes."""
    sizes = {axis: getattr(config, axis) for axis in MESH_AXES}
    free = [axis for axis, size in sizes.items() if size == -1]
    written = f"MeshConfig({_written(sizes)})"
    if len(free) > 1:
        raise ValueError(f"{written}: only one of the sizes may be -1.")
    fixed = math.prod(size for size in sizes.values() if size != -1)
    if free and num_devices % fixed == 0:
        sizes[free[0]] = num_devices // fixed
    elif fixed != num_devices:
        raise ValueError(
            f"{written} does not fit {num_devices} devices: the sizes multiply to"
            f" {fixed}. Change them, or set one to -1 and the rest to divisors of {num_devices}."
        )
    return tuple(sizes.values())


def _slices(devices: Sequence[jax.Device], wanted: int | None) -> list[list[jax.Device]]:
    """Parts devices into their slices, or as many groups of neighbours as are wanted."""
    if devices[0].platform == "tpu":
        found: dict[int, list[jax.Device]] = {}
        for device in devices:
            found.setdefault(getattr(device, "slice_index", 0), []).append(device)
        if wanted not in (None, len(found)):
            raise ValueError(
                f"MeshConfig.num_slices (--num_slices) is {wanted}, and the TPUs say that they are"
                f" of {len(found)}: leave it out."
            )
        return [found[index] for index in sorted(found)]
    count = wanted or 1
    if len(devices) % count:
        raise ValueError(
            f"MeshConfig.num_slices (--num_slices) is {count}, which does not divide the"
            f" {len(devices)} devices."
        )
    devices = sorted(devices, key=lambda device: (device.process_index, device.id))
    size = len(devices) // count
    return [list(devices[start : start + size]) for start in range(0, len(devices), size)]


def _shape_across_slices(shape: Sequence[int], num_slices: int) -> tuple[int, ...]:
    """In how many parts slices cut each axis: data in as many as it can, fsdp in the rest."""
    data, fsdp, *others = shape
    of_data = math.gcd(data, num_slices)
    of_fsdp = num_slices // of_data
    if fsdp % of_fsdp:
        raise ValueError(
            f"The mesh ({_written(dict(zip(MESH_AXES, shape, strict=True)))}) does not divide into"
            f" {num_slices} slices (MeshConfig.num_slices): data, and what is left of them fsdp,"
            f" run from slice to slice, so data x fsdp has to be a multiple of {num_slices}. The"
            " axes sequence and tensor lie within a slice."
        )
    return (of_data, of_fsdp, *(1 for _ in others))


def describe_mesh(mesh: Mesh | AbstractMesh) -> str:
    """As in "data=2, fsdp=4, sequence=1, tensor=1"."""
    return _written(dict(mesh.shape))


def _written(sizes: dict[str, int]) -> str:
    return ", ".join(f"{axis}={size}" for axis, size in sizes.items())


def num_devices(mesh: Mesh | AbstractMesh, axes: Iterable[str]) -> int:
    """How many devices some axes have together."""
    return math.prod(mesh.shape[axis] for axis in axes)


def host_rows(mesh: Mesh, process_index: int | None = None) -> tuple[int, int]:
    """Says which part of every global batch a process has to bring.

    Processes whose devices differ only along `sequence` or `tensor` compute on the same rows and
    bring the same part.

    Args:
      mesh: the mesh.
      process_index: the process; None for this one.

    Returns:
      (index, count): the batch is cut evenly into `count` parts; the process brings the index-th.

    Raises:
      ValueError: if the parts of two processes overlap without being the same, or differ in size.
    """
    process = jax.process_index() if process_index is None else process_index
    num_cuts = num_devices(mesh, BATCH_AXES)
    cuts: dict[int, set[int]] = {}
    for cut, devices in enumerate(mesh.devices.reshape(num_cuts, -1)):
        for device in devices:
            cuts.setdefault(device.process_index, set()).add(cut)
    parts = sorted({tuple(sorted(held)) for held in cuts.values()})
    sizes = {len(part) for part in parts}
    if len(sizes) > 1 or sum(map(len, parts)) != num_cuts:
        raise ValueError(
            f"The mesh ({describe_mesh(mesh)}) gives processes uneven or overlapping parts of the"
            " batch: make MeshConfig.sequence x MeshConfig.tensor a divisor or a multiple of the"
            " devices of one process."
        )
    return parts.index(tuple(sorted(cuts[process]))), len(parts)
