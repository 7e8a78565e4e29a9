"""Recipes for pods: each cuts evenly over its pod, and is in docs/pods.md."""

import importlib.util
import math

import pytest
from jax.sharding import AbstractMesh, AxisType

from benchmarks.plan_pods import make_plan, pod_plans
from t5lite import sharding
from t5lite.configuration import config
from t5lite.mesh import MESH_AXES
from t5lite.models.parameters import param_axes, param_shapes
from t5lite.planning.topology import check_name
from tests.docs.pages import DOCS, table_rows
from tests.test_gin_files import required_flags

PODS = {pod.name: pod for pod in pod_plans()}
# One of each family, some minutes of CPU time each.
COMPILED = (
    "flan_t5-small-v5e-2x4",
    "flan_palm-540b-v4-8x8x8",
    "flan_llama-65b-v5p-4x4x4",
    "opt_iml-175b-v5p-4x4x8",
)


def documented():
    """The rows of the table in docs/pods.md, by recipe and pod."""
    return {(row[0], row[1]): row for row in table_rows(DOCS / "pods.md")}


def trained(pod):
    """The arguments of `train`, and the mesh, that a recipe's plan speaks of."""
    flags = dict(word.removeprefix("--").split("=", 1) for word in pod.words[1:])
    num_devices = math.prod(check_name(flags.pop("topology"))[1])
    files = [flags.pop("gin_file")]
    bindings = [f"{name.upper()}={value}" for name, value in flags.items()]
    arguments = config.parse(files, [*required_flags(files), *bindings]).arguments("train")
    sizes = {axis: getattr(arguments["mesh"], axis) for axis in MESH_AXES}
    fixed = math.prod(size for size in sizes.values() if size > 0)
    shape = tuple(size if size > 0 else num_devices // fixed for size in sizes.values())
    assert math.prod(shape) == num_devices
    types = (AxisType.Auto,) * len(shape)
    return arguments, AbstractMesh(shape, MESH_AXES, axis_types=types)


@pytest.mark.parametrize("name", PODS)
def test_a_recipe_cuts_evenly_over_its_pod(name):
    arguments, mesh = trained(PODS[name])
    model, data = arguments["model"], arguments["train_data"]
    sharding.param_shardings(param_shapes(model), param_axes(model), mesh)
    sharding.check_batch_size(data.batch_size, mesh, num_microbatches=arguments["num_microbatches"])
    assert model.num_heads % mesh.shape["tensor"] == 0, "a head would be cut in two"
    data.check_model(model)
    data.make_converter(eos_id=1, ends_in_eos={}).check_rows(model)


def test_the_documented_table_is_of_these_plans():
    plans, rows = {(pod.recipe, pod.topology): pod for pod in PODS.values()}, documented()
    assert {"flan_palm/540b", "opt_iml/175b"} <= {recipe for recipe, _ in rows}
    for place, (_, _, cut, num_rows, *_) in rows.items():
        arguments, mesh = trained(plans[place])
        assert cut == " x ".join(f"{axis} {size}" for axis, size in mesh.shape.items() if size > 1)
        assert num_rows == f"{arguments['train_data'].batch_size:,}"


@pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="needs libtpu")
@pytest.mark.parametrize("name", COMPILED)
def test_a_recipe_fits_its_pod(name):
    plan = make_plan(PODS[name])
    assert plan["memory"]["fits"] and plan["roofline"]["utilisation"] > 0.1
