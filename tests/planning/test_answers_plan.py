"""What a plan makes of programs that answer, where nothing is compiled."""

import dataclasses

import jax
import pytest

from t5lite import memory
from t5lite.checkpoints.load import param_shapes_on
from t5lite.data.features.feature_converters import EncoderDecoderFeatureConverter
from t5lite.decoding.config import DecodingConfig
from t5lite.decoding.sequence_generator import SequenceGenerator
from t5lite.mesh import MeshConfig, make_mesh
from t5lite.planning import answers_plan, summary
from t5lite.planning.chips import CHIPS
from t5lite.planning.compiling import Compiled
from t5lite.planning.memory_use import MemoryUse
from t5lite.planning.topology import Topology
from tests.planning.on_devices import MODEL

CHIP = CHIPS["v5e"]
ROWS = 32


@pytest.fixture
def planned(monkeypatch):
    """Plans generating and scoring long targets, where programs named in `refused` do not fit."""

    def plan(*, refused=()):
        def compiled(topology, function, arguments, *, mesh, name):
            use = MemoryUse(
                arguments=memory.tree_bytes(arguments), available=CHIP.hbm_bytes, whose="each chip"
            )
            if name.split()[0] in refused:
                use = dataclasses.replace(use, temporaries=2 * CHIP.hbm_bytes, refused=True)
                return Compiled(use, None, None, None)
            return Compiled(use, (), jax.eval_shape(function, *arguments), None)

        monkeypatch.setattr(answers_plan, "compile_program", compiled)
        model = dataclasses.replace(MODEL, vocab_size=50_000)
        mesh = make_mesh(MeshConfig(), devices=jax.devices()[:1])
        lengths = {"inputs": 64, "targets": 512}
        generator = SequenceGenerator(
            model,
            converter=EncoderDecoderFeatureConverter(task_feature_lengths=lengths, eos_id=1),
            eos_ids=(),
            batch_size=ROWS,
            mesh=mesh,
        )
        questions = answers_plan.Questions(
            name="long",
            generator=generator,
            decoding=DecodingConfig(max_decode_length=4),
            num_options=1,
            option_length=lengths["targets"],
        )
        topology = Topology(name="v5e:1x1", devices=tuple(mesh.devices.flat), chip=CHIP)
        params = param_shapes_on(model, mesh)
        return answers_plan.plan_answers(questions, topology, params, mesh=mesh)

    return plan


def test_scoring_is_in_as_many_parts_as_memory_asks_for(planned):
    plan = planned()
    times = {program.name: program.times for program in plan.programs}
    assert (times["prefill"], times["decoding step"]) == (1, 3)
    # Logits in float32 of 512 tokens and 50,000 ids: ten rows have room in 1 GiB, 32 have not.
    assert times["scoring"] > 1 and ROWS % times["scoring"] == 0
    seconds = sum(program.times * program.roofline.seconds for program in plan.programs)
    assert plan.fits and plan.seconds == seconds


@pytest.mark.parametrize("name", ["prepare", "prefill", "decoding", "scoring"])
def test_what_the_compiler_refuses_is_said_to_be_too_large(planned, name):
    plan = planned(refused=[name])
    assert plan.programs[-1].name.startswith(name)
    assert not plan.fits and plan.seconds is None
    assert f"--eval_batch_size={ROWS // 2} (it is {ROWS})" in plan.advice[0]
    assert "does NOT fit" in summary.format_answers(plan)
