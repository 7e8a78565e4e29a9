"""What a training step holds in memory at the least, compared with what the devices have left."""

from __future__ import annotations

from collections.abc import Mapping

import jax

from t5lite import memory
from t5lite.data.data_config import DataConfig
from t5lite.data.features.feature_converters import FeatureConverter
from t5lite.sharding import logical_rules
from t5lite.training.cross_entropy import CrossEntropy
from t5lite.training.program import TrainProgram
from t5lite.training.state import FrozenModel, TrainState

# Tokens, targets and loss weights of a position, four bytes each.
_BYTES_OF_A_POSITION = 12


def check_state(state: TrainState, *, mesh: jax.sharding.Mesh) -> None:
    """Refuses a train state that the devices have no memory for, before it is made or read.

    Args:
      state: shapes with their shardings.
      mesh: the devices.

    Raises:
      ValueError: more memory is needed than they have left.
    """
    memory.check_on_devices(
        _held(state),
        mesh=mesh,
        what="training",
        remedy=(
            "Take a smaller model, or split it over more devices (MESH_FSDP, MESH_TENSOR of "
            f"{dict(mesh.shape)})."
        ),
    )


def check_step(
    program: TrainProgram,
    *,
    frozen_models: Mapping[str, FrozenModel],
    data: DataConfig,
    rows: FeatureConverter,
    num_microbatches: int,
) -> None:
    """Refuses batches that the devices have no memory for, before a step is compiled.

    Args:
      program: the run's, whose state is not made yet. What an objective of the user's own reads of
        a batch is not known, so its activations do not count.
      frozen_models: further models that the objective asked for, shapes with their shardings.
      data: what is trained on.
      rows: what its rows look like.
      num_microbatches: the parts that a batch is split into.

    Raises:
      ValueError: more memory is needed than the devices have left; names the settings. Or
        attention cannot be computed as the config wants.
    """
    model, objective = program.model, program.objective
    always = {"batch": data.batch_size * sum(rows.capacities) * _BYTES_OF_A_POSITION}
    if num_microbatches > 1:
        always["gradients"] = memory.tree_bytes(program.trainable)
    moments: list[memory.Held] = [{}]
    if isinstance(objective, CrossEntropy):
        shape_BT = data.batch_size // num_microbatches, rows.capacities[-1]
        with logical_rules(program.mesh):
            moments += memory.forward_moments(
                model,
                batch_size=shape_BT[0],
                capacities=rows.capacities,
                num_logits_chunks=objective.num_chunks(shape_BT, model.vocab_size),
            )
    memory.check(
        [always | dict(moment) for moment in moments],
        mesh=program.mesh,
        held=_held(program.state) | {"frozen models": memory.tree_bytes(frozen_models)},
        what="a training step",
        remedy=(
            f"Lower BATCH_SIZE, {data.batch_size}, or TASK_FEATURE_LENGTHS, "
            f"{dict(data.task_feature_lengths)}; raise NUM_MICROBATCHES, {num_microbatches}; take "
            "a smaller model, or split it over more devices (MESH_FSDP, MESH_TENSOR)."
        ),
    )


def _held(state: TrainState) -> dict[str, int]:
    return {
        "parameters": memory.tree_bytes(state.params),
        "optimizer's state": memory.tree_bytes(state.opt_state),
    }
