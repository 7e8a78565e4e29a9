"""How devices are laid out; tests/test_sharding.py runs on meshes of several."""

import dataclasses
import types

import numpy as np
import pytest

from t5lite.mesh import MESH_AXES, MeshConfig, host_rows, make_mesh


@dataclasses.dataclass(frozen=True)
class Device:
    id: int
    platform: str
    process_index: int
    slice_index: int = 0
    coords: tuple[int, ...] = (0, 0, 0)
    core_on_chip: int = 0
    device_kind: str = "one of these tests"


def devices(count, *, platform="cpu", num_slices=1, num_processes=1):
    """So many devices, of slices in turns and of processes in a row."""
    return [
        Device(
            id=index,
            platform=platform,
            process_index=index * num_processes // count,
            slice_index=index % num_slices,
            coords=(index // num_slices, 0, 0),
        )
        for index in range(count)
    ]


def ids(mesh):
    return np.vectorize(lambda device: device.id)(mesh.devices)


@pytest.mark.parametrize(
    ("config", "shape"),
    [
        ({}, (8, 1, 1, 1)),
        ({"data": 2, "fsdp": -1, "tensor": 2}, (2, 2, 1, 2)),
        ({"data": 1, "fsdp": 2, "sequence": 4}, (1, 2, 4, 1)),
    ],
)
def test_one_size_may_be_left_open(config, shape):
    mesh = make_mesh(MeshConfig(**config), devices=devices(8))
    assert tuple(mesh.shape.items()) == tuple(zip(MESH_AXES, shape, strict=True))
    assert ids(mesh).ravel().tolist() == list(range(8))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"fsdp": 3}, r"fsdp=3.* does not fit 8 devices: the sizes multiply to 3"),
        ({"data": 2, "sequence": 2}, "multiply to 4"),
        ({"fsdp": -1}, "only one of the sizes may be -1"),
        ({"data": 8, "fsdp": 0}, r"MeshConfig.fsdp must be an integer from 1 .* or -1 .*, got 0"),
        ({"num_slices": 3}, r"\(--num_slices\) is 3, which does not divide the 8 devices"),
        (
            {"fsdp": 2, "sequence": 2, "tensor": 2, "num_slices": 4},
            r"data=1, fsdp=2, sequence=2, tensor=2\) does not divide into 4 slices.*multiple of 4",
        ),
    ],
)
def test_sizes_that_do_not_fit_are_refused(config, message):
    with pytest.raises(ValueError, match=message):
        make_mesh(MeshConfig(**config), devices=devices(8))


@pytest.mark.parametrize(
    ("config", "axes"),
    [
        ({"fsdp": 4}, "data"),
        ({"fsdp": 2, "tensor": 2}, "data"),
        ({"data": 1, "fsdp": 4, "sequence": 2}, "fsdp"),
    ],
)
@pytest.mark.parametrize("kind", ["tpu", "cpu"])
def test_from_slice_to_slice_runs_data_and_then_fsdp(config, axes, kind):
    is_tpu = kind == "tpu"
    made = devices(8, platform=kind, num_slices=2, num_processes=2)
    mesh = make_mesh(MeshConfig(**config, num_slices=None if is_tpu else 2), devices=made)
    slice_of = np.vectorize(
        lambda device: device.slice_index if is_tpu else device.process_index, otypes=[int]
    )(mesh.devices)
    across = MESH_AXES.index(axes)
    first, second = np.split(slice_of, 2, axis=across)
    assert (first == 0).all() and (second == 1).all()
    assert sorted(ids(mesh).ravel()) == list(range(8))


def test_slices_of_both_axes():
    mesh = make_mesh(MeshConfig(data=2, fsdp=4, num_slices=4), devices=devices(8))
    assert ids(mesh)[:, :, 0, 0].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_tpus_know_their_slices():
    with pytest.raises(ValueError, match=r"num_slices.* is 4, and the TPUs say that they are of 2"):
        make_mesh(MeshConfig(num_slices=4), devices=devices(8, platform="tpu", num_slices=2))


def processes(layout):
    """A mesh of which only the processes of its devices are known; `layout` is [data, tensor]."""
    ids = np.array(layout)
    devices = np.vectorize(lambda i: types.SimpleNamespace(process_index=int(i)), otypes=[object])
    shape = {"data": ids.shape[0], "fsdp": 1, "sequence": 1, "tensor": ids.shape[1]}
    return types.SimpleNamespace(devices=devices(ids)[:, None, None, :], shape=shape)


@pytest.mark.parametrize(
    ("layout", "parts"),
    [
        ([[0], [0], [1], [1]], [(0, 2), (1, 2)]),
        ([[1], [0], [1], [0]], [(1, 2), (0, 2)]),  # scattered, as on a torus
        ([[0, 1], [0, 1]], [(0, 1), (0, 1)]),  # both compute on all rows
        ([[0, 1], [2, 3]], [(0, 2), (0, 2), (1, 2), (1, 2)]),
    ],
)
def test_processes_bring_the_rows_their_devices_compute_on(layout, parts):
    mesh = processes(layout)
    assert [host_rows(mesh, process) for process in range(len(parts))] == parts


def test_overlapping_rows_are_refused():
    with pytest.raises(ValueError, match="uneven or overlapping"):
        host_rows(processes([[0, 0], [0, 1], [1, 1]]), 0)
