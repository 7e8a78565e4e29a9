"""How a sweep judges settings, of steps that are made up."""

import pytest

from t5lite.models.flops import StepFlops
from t5lite.planning import sweep
from t5lite.planning.chips import CHIPS
from t5lite.planning.memory_use import MemoryUse
from t5lite.planning.plans import Program, StepPlan
from t5lite.planning.roofline import Roofline
from t5lite.planning.topology import Topology

GIB = 1 << 30
SLICE = Topology(name="v5e:2x2", devices=(None,) * 4, chip=CHIPS["v5e"])
# What a step holds, in GiB, and its seconds, in one part.
NEEDS = {"none": (40, 1.0), "dots": (20, 1.1), "full": (10, 1.3)}


def build(setting):
    if setting.mesh["tensor"] > 1 or setting.mesh["sequence"] > 1:
        raise ValueError(f"The mesh ({setting.mesh}) does not divide these parameters:\n  one")
    gib, seconds = NEEDS[setting.remat]
    seconds *= 1 + setting.num_microbatches / 100 + (setting.mesh["data"] == 2)
    use = MemoryUse(
        arguments=GIB,
        temporaries=gib * GIB // setting.num_microbatches,
        available=SLICE.chip.hbm_bytes,
        whose="each chip",
    )
    step = StepPlan(
        program=Program(
            name="training step",
            flops=StepFlops(forward=1),
            memory=use,
            collectives=(),
            roofline=Roofline(compute=seconds, memory=0, network=0, utilisation=0.5),
        ),
        num_trained=1,
        batch_size=16,
        num_microbatches=setting.num_microbatches,
        capacities=(8,),
        remat=setting.remat,
        placement=(),
    )
    least = 20 if setting.mesh["data"] == 4 else 1
    return sweep.Trial(least_bytes=least * GIB, compile=lambda: step)


def test_of_each_mesh_the_fastest_setting_that_fits_is_ranked():
    found = sweep.run(SLICE, build, batch_size=16, limit=100, shown=False)
    chosen = [
        (x.setting.mesh["fsdp"], x.setting.remat, x.step.num_microbatches) for x in found.ranked
    ]
    # Of 40 GiB a quarter has room beside the arguments, and half of them has not.
    assert chosen == [(4, "none", 4), (2, "none", 4)]
    assert found.num_untried == 0 and found.fits
    # Both meshes: what is fastest, what holds least, and two parts, then four.
    assert found.num_compiled == 2 * 4
    others = len(list(sweep.meshes(4))) - 3
    assert found.refused["does not fit"] == 2 * 2
    assert found.refused["the state and a batch alone are more than a device has"] == 3 * 3
    (mesh,) = (reason for reason in found.refused if reason.startswith("The mesh"))
    assert mesh == "The mesh does not divide these parameters"
    assert found.refused[mesh] >= 3 * others
    assert "1 microbatches" not in found.format() and "none" in found.format()


@pytest.mark.parametrize(("limit", "num_ranked"), [(1, 0), (3, 1), (4, 1)])
def test_a_limit_leaves_meshes_untried(limit, num_ranked):
    found = sweep.run(SLICE, build, batch_size=16, limit=limit, shown=False)
    assert (found.num_compiled, len(found.ranked)) == (limit, num_ranked)
    assert found.num_untried > 0
    assert "a higher --sweep_limit tries more" in found.format()


def test_what_is_refused_whatever_the_mesh_is_an_error():
    def refuse(setting):
        raise ValueError("the rows are too long for the model")

    with pytest.raises(ValueError, match=r"nothing to compile: the rows are too long"):
        sweep.run(SLICE, refuse, batch_size=16, limit=4, shown=False)


def test_all_shapes_are_tried_and_fill_the_devices():
    shapes = [tuple(mesh.values()) for mesh in sweep.meshes(8)]
    assert len(shapes) == len(set(shapes)) == 20  # ways to give three factors 2 to four axes
