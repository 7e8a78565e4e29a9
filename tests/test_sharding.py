from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict
from jax.sharding import AbstractMesh, AxisType, PartitionSpec

from t5lite import sharding
from t5lite.mesh import MESH_AXES, MeshConfig, make_mesh
from t5lite.models.layers import constrain
from t5lite.training.optimizers import adafactor, adamw, make_transformation
from tests.conftest import REPOSITORY, on_processes
from tests.families_on_devices import CONTROL, CUT_AS_OTHERS

SHAPES = {
    "token_embedder": {"embedding": jax.ShapeDtypeStruct((384, 64), jnp.float32)},
    "layers": {
        "query": {"kernel": jax.ShapeDtypeStruct((3, 64, 48), jnp.float32)},
        "norm": {"scale": jax.ShapeDtypeStruct((3, 64), jnp.float32)},
        "square": {"kernel": jax.ShapeDtypeStruct((64, 64), jnp.float32)},
    },
}
AXES = {
    "token_embedder": {"embedding": ("vocab", "embed")},
    "layers": {
        "query": {"kernel": ("layers", "embed", "joined_kv")},
        "norm": {"scale": ("layers", "embed")},
        "square": {"kernel": ("embed", "embed")},
    },
}


class State(NamedTuple):
    step: Any
    params: Any
    opt_state: Any


def planned_mesh(data=1, fsdp=1, sequence=1, tensor=1):
    shape = (data, fsdp, sequence, tensor)
    return AbstractMesh(shape, MESH_AXES, axis_types=(AxisType.Auto,) * 4)


def specs(mesh):
    flat = flatten_dict(sharding.param_shardings(SHAPES, AXES, mesh), sep="/")
    return {name: leaf.spec for name, leaf in flat.items()}


def test_parameters_follow_the_rules():
    assert specs(planned_mesh(data=2, fsdp=4, tensor=2)) == {
        "token_embedder/embedding": PartitionSpec("tensor", "fsdp"),
        "layers/query/kernel": PartitionSpec(None, "fsdp", "tensor"),
        "layers/norm/scale": PartitionSpec(None, "fsdp"),
        "layers/square/kernel": PartitionSpec("fsdp", None),
    }


def test_mesh_axes_of_one_device_cut_nothing():
    cut = {axis for spec in specs(planned_mesh(data=8)).values() for axis in spec}
    assert cut == {None}


def test_every_parameter_that_does_not_divide_is_named():
    with pytest.raises(ValueError) as caught:
        sharding.param_shardings(SHAPES, AXES, planned_mesh(fsdp=3, tensor=32))
    message = str(caught.value)
    named = [line.split()[0] for line in message.splitlines()[1:-1]]
    assert named == [
        "token_embedder/embedding",
        "layers/query/kernel",
        "layers/query/kernel",
        "layers/norm/scale",
        "layers/square/kernel",
    ]
    assert (
        "layers/query/kernel (3, 64, 48): dimension 2 (joined_kv) is 48, but mesh axis 'tensor' has"
        " 32 devices; the largest size of that axis that fits is 16" in message
    )
    assert "layers/norm/scale (3, 64): dimension 1 (embed) is 64" in message


def test_an_axis_without_a_rule_is_named():
    axes = {**AXES, "token_embedder": {"embedding": ("vocabs", "embed")}}
    with pytest.raises(ValueError, match=r"token_embedder/embedding .*'vocabs'.* Did you mean 'vo"):
        sharding.param_shardings(SHAPES, axes, planned_mesh())
    mesh = make_mesh(MeshConfig(), devices=jax.devices()[:1])
    with sharding.logical_rules(mesh), pytest.raises(ValueError, match=r"'lengths'"):
        constrain(jnp.ones((2, 3)), ("batch", "lengths"))


@pytest.mark.parametrize(
    ("optimizer", "of_query", "of_square"),
    [
        (
            adamw(1e-3),
            dict.fromkeys(("mu", "nu"), (None, "fsdp", "tensor")),
            dict.fromkeys(("mu", "nu"), ("fsdp", None)),
        ),
        (
            adafactor(1e-3, beta1=0.9, min_dim_size_to_factor=48),
            {"m": (None, "fsdp", "tensor"), "v_row": (None, "tensor"), "v_col": (None, "fsdp")},
            {"m": ("fsdp", None), "v_row": ("fsdp",), "v_col": (None,)},
        ),
    ],
    ids=["adamw", "adafactor"],
)
def test_optimizer_state_is_cut_as_its_parameters(optimizer, of_query, of_square):
    mesh = planned_mesh(data=2, fsdp=2, tensor=2)
    shardings = sharding.param_shardings(SHAPES, AXES, mesh)
    transformation = make_transformation(optimizer, AXES)
    state = State(
        step=jax.ShapeDtypeStruct((), jnp.int32),
        params=SHAPES,
        opt_state=jax.eval_shape(transformation.init, SHAPES),
    )
    placed = sharding.state_shardings(state, shardings)
    assert placed.params == shardings
    assert placed.step.spec == PartitionSpec()
    for name, expected in (("layers/query/kernel", of_query), ("layers/square/kernel", of_square)):
        by_field = {}
        for path, leaf in jax.tree_util.tree_leaves_with_path(placed.opt_state):
            field, found, _ = jax.tree_util.keystr(path, simple=True, separator="/").partition(name)
            if found:
                by_field[field.strip("/").rpartition("/")[2]] = tuple(leaf.spec)
        assert by_field == expected


def test_lengths_must_divide():
    rows = {"inputs": np.zeros((4, 10)), "targets": np.zeros((4, 8)), "weights": np.zeros((4, 6))}
    with pytest.raises(ValueError, match=r"4 devices.*--mesh_sequence.*inputs 10, weights 6\."):
        sharding.row_shapes(rows, planned_mesh(sequence=4))


def test_batches_must_divide():
    mesh = planned_mesh(data=2, fsdp=2, tensor=2)
    sharding.check_batch_size(24, mesh, num_microbatches=3)
    with pytest.raises(ValueError, match="multiple of 12, such as 12 or 24"):
        sharding.check_batch_size(20, mesh, num_microbatches=3)
    with pytest.raises(ValueError, match="multiple of 4, such as 4"):
        sharding.check_batch_size(2, mesh)


@pytest.mark.parametrize("num_processes", [1, 2])
def test_arrays_land_where_they_should_on_eight_devices(num_processes):
    on_processes("tests.sharding_on_devices", num_processes=num_processes, num_devices=8)


@pytest.mark.slow
def test_every_family_is_on_eight_devices_as_on_one_and_gathers_no_more_than_a_parameter():
    (output,) = on_processes(
        "tests.families_on_devices", num_processes=1, num_devices=8, TF_CPP_MIN_LOG_LEVEL="0"
    )
    ours, _, provoked = output.partition(CONTROL)
    complaint = "Involuntary full rematerialization"
    assert complaint in provoked and complaint not in ours
    named = {name for line in ours.splitlines() for name in line.partition(" on {")[0].split()}
    families = {path.name for path in (REPOSITORY / "gin" / "models").iterdir()}
    assert families - set(CUT_AS_OTHERS) <= named
