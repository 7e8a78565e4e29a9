"""What a training step needs of a topology."""

from __future__ import annotations

from typing import Any, NamedTuple

from t5lite import memory, sharding
from t5lite.data.data_config import DataConfig
from t5lite.data.features.feature_converters import FeatureConverter
from t5lite.initialization.frozen_models import frozen_shapes, open_frozen_models
from t5lite.mesh import make_mesh
from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import flatten_names
from t5lite.planning import memory_use
from t5lite.planning.compiling import compile_program
from t5lite.planning.measured import measure_step
from t5lite.planning.placement import placed
from t5lite.planning.plans import Program, RunTotals, StepPlan
from t5lite.planning.pretraining import pretraining
from t5lite.planning.roofline import roofline
from t5lite.planning.topology import Topology
from t5lite.training.duration import Duration, parse_duration
from t5lite.training.program import TrainProgram, TrainStep, build_program
from t5lite.training.state import TrainState


class Built(NamedTuple):
    """A step that is not compiled yet.

    Attributes:
      program: what the run holds and computes.
      step: the step and what it is called with.
      rows: what its rows look like.
      data: what it is trained on.
      num_microbatches: the parts that a batch is split into.
      total: how long the run is.
    """

    program: TrainProgram
    step: TrainStep
    rows: FeatureConverter
    data: DataConfig
    num_microbatches: int
    total: Duration

    @property
    def model(self) -> TransformerConfig:
        """The model's config."""
        return self.program.model


def build(run: Any, topology: Topology) -> Built:
    """Builds the step of a run from shapes, as `train` does.

    Args:
      run: the arguments of `train`, by their names; its model is a `TransformerConfig`.
      topology: the devices.

    Raises:
      ValueError: the mesh does not fit the devices or the parameters, the batch not the mesh, or
        the rows not the model.
    """
    total = parse_duration(run.train_steps, name="TRAIN_STEPS")
    mesh = make_mesh(run.mesh, devices=topology.devices)
    program = build_program(
        run.model,
        run.objective,
        optimizer=run.optimizer,
        parameter_groups=run.parameter_groups,
        frozen_dtype=run.frozen_dtype,
        max_grad_norm=run.max_grad_norm,
        seed=run.seed,
        mesh=mesh,
    )
    data, num_microbatches = run.train_data, run.num_microbatches
    sharding.check_batch_size(data.batch_size, mesh, num_microbatches=num_microbatches)
    # Which tokens stand around prompts, and what ends them, makes no row longer.
    rows = data.make_converter(eos_id=0, ends_in_eos={}).for_model(run.model)
    rows.check_rows(run.model)
    others = open_frozen_models(run.objective, model=run.model, vocabulary=None)
    step = program.step(
        rows,
        batch_size=data.batch_size,
        num_microbatches=num_microbatches,
        frozen_models=frozen_shapes(others, converter=rows, mesh=mesh, dtype=run.frozen_dtype),
        norms_of=run.norm_groups,
        by_position=run.loss_by_task,
        task_groups=run.task_groups,
    )
    return Built(program, step, rows, data, num_microbatches, total)


def argument_bytes(built: Built) -> int:
    """Bytes of the state, a batch and frozen models on each device: the least that a step holds."""
    return memory.tree_bytes(built.step.shapes)


def optimizer_bytes(state: TrainState) -> int:
    """Bytes of a state on each device, but for its parameters."""
    return memory.tree_bytes(state) - memory.tree_bytes(state.params)


def plan(built: Built, topology: Topology, *, measures: bool = False) -> StepPlan:
    """Compiles the step.

    Args:
      built: the step.
      topology: the devices.
      measures: whether to run it too, where it fits; on CPUs only.

    Raises:
      ValueError: it cannot be measured.
    """
    trainable = flatten_names(built.program.trainable)
    mesh, step, flops = built.program.mesh, built.step, built.step.flops
    compiled = compile_program(
        topology, step.function, step.shapes, mesh=mesh, name="the training step"
    )
    use, found = compiled.memory, compiled.collectives
    bound = None
    if topology.chip and found is not None and use.fits:
        # The state is read and written, and what is held in between was written and is read.
        moved = 2 * use.arguments + (use.outputs or 0) + 2 * (use.temporaries or 0)
        bound = roofline(
            topology.chip,
            num_chips=mesh.size,
            model_flops=flops.model,
            hardware_flops=flops.hardware,
            moved_bytes=moved,
            found=found,
        )
    measures &= use.fits  # What does not would take other programs' memory too.
    return StepPlan(
        program=Program(
            name="training step", flops=flops, memory=use, collectives=found, roofline=bound
        ),
        num_trained=sum(leaf.size for leaf in trainable.values()),
        batch_size=built.data.batch_size,
        num_microbatches=built.num_microbatches,
        capacities=built.rows.capacities,
        remat=built.model.remat,
        placement=tuple(placed(built.model, *step.shapes[:2])),
        measured=measure_step(built.program, step, compiled.executable) if measures else None,
    )


def advice(step: StepPlan, mesh: Any) -> list[str]:
    """What to try where a step does not fit."""
    return memory_use.advice(
        step.program.memory,
        mesh=mesh.shape,
        batch_size=step.batch_size,
        num_microbatches=step.num_microbatches,
        remat=step.remat,
    )


def totals(built: Built, step: StepPlan, topology: Topology) -> RunTotals | None:
    """What the whole run takes; None where only data can tell how many steps it has."""
    steps = _num_steps(built)
    if steps is None:
        return None
    bound, chips = step.program.roofline, len(topology.devices)
    known = pretraining(built.model)
    return RunTotals(
        steps=steps,
        is_least=built.total.unit != "steps",
        flops=steps * step.program.flops.model,
        chip_hours=None if bound is None else steps * bound.seconds * chips / 3600,
        pretraining_flops=known and known.flops,
        pretraining_source=known and known.source,
    )


def _num_steps(built: Built) -> int | None:
    """Steps of a run, were every row full."""
    amount, unit, data = built.total.amount, built.total.unit, built.data
    if unit == "steps":
        return int(amount)
    if unit == "tokens":
        return -int(-amount // (data.batch_size * sum(built.rows.capacities)))
    if unit == "examples" and not data.pack:
        return -int(-amount // data.batch_size)
    return None
