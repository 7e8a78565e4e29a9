"""`t5lite plan`: whether a run fits devices that are elsewhere, and how fast it can go at best.

The step is the one that `train` runs, compiled by the compiler of the devices. No data are read,
no device is touched, and nothing is allocated.
"""

from __future__ import annotations

import logging
import pathlib
from collections.abc import Sequence

import jax

from t5lite import memory, sharding
from t5lite.data.data_config import DataConfig
from t5lite.data.features.feature_converters import FeatureConverter
from t5lite.initialization.frozen_models import frozen_shapes, open_frozen_models
from t5lite.initialization.initial_model import ModelOfCheckpoint
from t5lite.initialization.restore import RestoreConfig
from t5lite.mesh import MeshConfig, make_mesh
from t5lite.models.config import TransformerConfig
from t5lite.models.flops import StepFlops, train_step_flops
from t5lite.models.parameters import count_params, flatten_names
from t5lite.planning import collectives, memory_use
from t5lite.planning.chips import Chip
from t5lite.planning.memory_use import MemoryUse
from t5lite.planning.roofline import Roofline, roofline
from t5lite.planning.summary import Plan, RunTotals
from t5lite.planning.topology import Topology
from t5lite.training.cross_entropy import CrossEntropy
from t5lite.training.duration import parse_duration
from t5lite.training.objective import Objective
from t5lite.training.optimizers import Optimizer
from t5lite.training.parameter_groups import FrozenDtype
from t5lite.training.program import TrainStep, build_program

log = logging.getLogger(__name__)


def plan(
    topology: Topology,
    *,
    model: TransformerConfig | ModelOfCheckpoint,
    model_dir: str,
    train_data: DataConfig,
    optimizer: Optimizer,
    train_steps: int | str,
    objective: Objective = CrossEntropy(),  # noqa: B008 (frozen)
    mesh: MeshConfig = MeshConfig(),  # noqa: B008 (frozen)
    parameter_groups: Sequence[tuple[str, float]] = (),
    frozen_dtype: FrozenDtype = "float32",
    max_grad_norm: float | None = None,
    num_microbatches: int = 1,
    initial_checkpoint: RestoreConfig | None = None,
    seed: int = 0,
) -> Plan:
    """Compiles a run's training step for a topology, and says what it needs.

    Args:
      topology: the devices.
      model: as for `train`, and so are all arguments below. A model of a checkpoint is looked up.
      model_dir: where a run that is resumed has its model; it need not be there.
      train_data: the lengths and the global batch size; the mixture is not looked at.
      optimizer: its state is counted.
      train_steps: how long the run is.
      objective: the loss, and the frozen models that it asks for.
      mesh: how the devices are arranged.
      parameter_groups: which parameters are frozen.
      frozen_dtype: the type of those.
      max_grad_norm: whether gradients are clipped.
      num_microbatches: parts of a batch.
      initial_checkpoint: what says the model, where `model` is that of a checkpoint.
      seed: of dropout.

    Raises:
      ValueError: the mesh does not fit the devices or the parameters, the batch not the mesh, or
        the rows not the model.
    """
    if isinstance(model, ModelOfCheckpoint):
        model, train_data, _ = model.choose(
            train_data, initial_checkpoint, model_dir=pathlib.Path(model_dir)
        )
    train_data.check_model(model)
    total = parse_duration(train_steps, name="TRAIN_STEPS")
    device_mesh = make_mesh(mesh, devices=topology.devices)
    program = build_program(
        model,
        objective,
        optimizer=optimizer,
        parameter_groups=parameter_groups,
        frozen_dtype=frozen_dtype,
        max_grad_norm=max_grad_norm,
        seed=seed,
        mesh=device_mesh,
    )
    batch_size = train_data.batch_size
    sharding.check_batch_size(batch_size, device_mesh, num_microbatches=num_microbatches)
    # Which tokens stand around prompts, and what ends them, makes no row longer.
    rows = train_data.make_converter(eos_id=0, ends_in_eos={})
    rows.check_rows(model)
    others = open_frozen_models(objective, model=model, vocabulary=None)
    step = program.step(
        rows,
        batch_size=batch_size,
        num_microbatches=num_microbatches,
        frozen_models=frozen_shapes(others, converter=rows, mesh=device_mesh, dtype=frozen_dtype),
    )
    trainable = flatten_names(program.trainable)
    flops = train_step_flops(
        model, batch_size=batch_size, capacities=rows.capacities, trainable=trainable
    )
    use, text = _compile(step, topology)
    found = None if text is None else tuple(collectives.find(text, device_mesh.shape))
    bound = None
    if topology.chip and found is not None and use.fits:
        bound = _roofline(topology.chip, flops, use, found, num_chips=device_mesh.size)
    return Plan(
        topology=topology.name,
        num_devices=device_mesh.size,
        mesh=dict(device_mesh.shape),
        num_params=count_params(model),
        num_trained=sum(leaf.size for leaf in trainable.values()),
        batch_size=batch_size,
        num_microbatches=num_microbatches,
        capacities=rows.capacities,
        flops=flops,
        memory=use,
        collectives=found,
        roofline=bound,
        run=_totals(
            _num_steps(total.amount, total.unit, data=train_data, rows=rows),
            flops,
            bound,
            num_chips=device_mesh.size,
            is_least=total.unit != "steps",
        ),
        advice=tuple(
            memory_use.advice(
                use,
                mesh=device_mesh.shape,
                batch_size=batch_size,
                num_microbatches=num_microbatches,
                remat=model.remat,
            )
        ),
    )


def _compile(step: TrainStep, topology: Topology) -> tuple[MemoryUse, str | None]:
    """Compiles a step; gives the memory it needs, and its text unless it is too large."""
    num_devices = len(topology.devices)
    if topology.chip is None:
        available = memory.host_free().num_bytes // num_devices
        whose = f"each of {num_devices} CPU devices, which share what this machine has left"
    else:
        available, whose = topology.chip.hbm_bytes, f"each {topology.chip.name} chip"
    log.info("compiling the step for %s", topology.name)
    lowered = step.function.lower(*step.shapes)
    try:
        compiled = lowered.compile()
    except jax.errors.JaxRuntimeError as error:
        arguments = memory.tree_bytes(step.shapes)
        use = memory_use.of_refusal(error, arguments=arguments, available=available, whose=whose)
        if use is None:
            raise
        return use, None
    return memory_use.of_compiled(compiled, available=available, whose=whose), compiled.as_text()


def _roofline(
    chip: Chip,
    flops: StepFlops,
    use: MemoryUse,
    found: Sequence[collectives.Collective],
    *,
    num_chips: int,
) -> Roofline:
    # The state is read and written, and what is held in between was written and is read.
    moved = 2 * use.arguments + (use.outputs or 0) + 2 * (use.temporaries or 0)
    return roofline(
        chip,
        num_chips=num_chips,
        model_flops=flops.model,
        hardware_flops=flops.hardware,
        moved_bytes=moved,
        sent_bytes=sum(collective.bytes_sent for collective in found),
    )


def _num_steps(amount: float, unit: str, *, data: DataConfig, rows: FeatureConverter) -> int | None:
    """Steps of a run, were every row full; None where only data can tell."""
    if unit == "steps":
        return int(amount)
    if unit == "tokens":
        return -int(-amount // (data.batch_size * sum(rows.capacities)))
    if unit == "examples" and not data.pack:
        return -int(-amount // data.batch_size)
    return None


def _totals(
    steps: int | None,
    flops: StepFlops,
    bound: Roofline | None,
    *,
    num_chips: int,
    is_least: bool,
) -> RunTotals | None:
    if steps is None:
        return None
    chip_hours = None if bound is None else steps * bound.seconds * num_chips / 3600
    return RunTotals(
        steps=steps, is_least=is_least, flops=steps * flops.model, chip_hours=chip_hours
    )
