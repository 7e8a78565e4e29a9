"""A run's train state and its step, built from shapes: what is run, or compiled ahead of it.

Nothing is allocated and no data are read, and the devices may be ones that are elsewhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import optax

from t5lite import sharding
from t5lite.data.features.feature_converters import FeatureConverter
from t5lite.mesh import host_rows
from t5lite.models.config import TransformerConfig
from t5lite.models.flops import StepFlops, train_step_flops
from t5lite.models.parameters import (
    adapter_names,
    flatten_names,
    only,
    param_axes,
    param_shapes,
    unflatten_names,
)
from t5lite.training.norms import norm_groups, norms
from t5lite.training.objective import TASKS_FEATURE, Objective
from t5lite.training.optimizers import Optimizer, make_transformation
from t5lite.training.parameter_groups import (
    FrozenDtype,
    ParameterGroups,
    Partition,
    partition_parameters,
)
from t5lite.training.state import FrozenModel, TrainState, init_state_fn
from t5lite.training.step import make_train_step
from t5lite.training.task_groups import FEATURE, TaskGroups
from t5lite.training.task_groups import task_groups as part_by_tasks
from t5lite.training.transfers import check_calls_no_host


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainStep:
    """A step and what it is called with.

    Attributes:
      function: the jitted step, as `make_train_step` gives it.
      shapes: its three arguments, with shapes and shardings in place of arrays.
      flops: its operations, on all devices together.
      param_norms: jitted, gives the norms of a state's `params` that are trained, by their names in
        metrics; see `norms`.
      learning_rate_at: jitted, gives the learning rate of the update that follows so many.
      task_groups: which parameters learn from which Tasks.
    """

    function: Any
    shapes: tuple[TrainState, Mapping[str, jax.ShapeDtypeStruct], Mapping[str, FrozenModel]]
    flops: StepFlops
    param_norms: Any
    learning_rate_at: Any
    task_groups: TaskGroups

    def trace(self) -> None:
        """Traces it on shapes: what an objective does wrong is found without data."""
        check_calls_no_host(self.function.trace(*self.shapes).jaxpr.jaxpr)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainProgram:
    """What a run holds and computes; made by `build_program`.

    Attributes:
      model: the model's config.
      objective: the loss.
      optimizer: as it was given.
      partition: which parameters are trained.
      transformation: the optimizer, over those.
      mesh: the devices.
      seed: of initialisation and dropout.
      init_fn: makes the state of step 0; see `state.init_state_fn`.
      state: the train state, with shapes and shardings in place of arrays.
      shardings: where each leaf of the state lies.
    """

    model: TransformerConfig
    objective: Objective
    optimizer: Optimizer
    partition: Partition
    transformation: optax.GradientTransformation
    mesh: jax.sharding.Mesh
    seed: int
    init_fn: Callable[[], TrainState]
    state: TrainState
    shardings: TrainState

    def kept(self, state: TrainState) -> TrainState:
        """What a checkpoint holds of a state: of a model with adapters, not the base's parameters.

        Args:
          state: arrays, or shapes.
        """
        if not self.model.adapters:
            return state
        return state._replace(params=only(state.params, adapter_names(self.model)))

    def with_kept(self, state: TrainState, kept: TrainState) -> TrainState:
        """The whole state of what a checkpoint held, the base's parameters taken from `state`."""
        params = flatten_names(state.params) | flatten_names(kept.params)
        return kept._replace(params=unflatten_names(params))

    @property
    def trainable(self) -> Any:
        """The parameters that are trained, shapes with their shardings."""
        return self.partition.split(self.state.params)[0]

    def step(
        self,
        rows: FeatureConverter,
        *,
        batch_size: int,
        num_microbatches: int,
        frozen_models: Mapping[str, FrozenModel],
        norms_of: Sequence[str] = (),
        by_position: bool = False,
        task_groups: Sequence[tuple[str, str]] = (),
    ) -> TrainStep:
        """Builds the step; compiles and traces nothing.

        Args:
          rows: what rows look like.
          batch_size: rows of a global batch.
          num_microbatches: the parts that it is split into, one after another.
          frozen_models: those that the objective asked for, shapes with their shardings.
          norms_of: regular expressions of groups of parameters whose norms are metrics too.
          by_position: whether the step gives the losses of single positions too.
          task_groups: see `train`.

        Raises:
          ValueError: an expression is none, or matches no parameter that is trained; or the mesh
            does not divide the rows.
        """
        by_task = part_by_tasks(task_groups, tuple(self.partition.multipliers))
        groups = norm_groups(norms_of, self.trainable)
        function = make_train_step(
            self.model,
            self.transformation,
            self.objective,
            partition=self.partition,
            num_microbatches=num_microbatches,
            seed=self.seed,
            shardings=self.shardings,
            mesh=self.mesh,
            groups=groups,
            by_position=by_position,
            by_task=by_task,
        )
        _, host_count = host_rows(self.mesh)
        padding = rows.padding(batch_size // host_count)
        if by_task.tasks:
            padding[FEATURE] = np.zeros(padding["decoder_target_tokens"].shape, np.int32)
        if self.objective.tasks_told_apart:
            padding[TASKS_FEATURE] = np.zeros(padding["decoder_target_tokens"].shape, np.int32)
        batch = sharding.row_shapes(padding, self.mesh)
        return TrainStep(
            function=function,
            shapes=(self.state, batch, frozen_models),
            flops=train_step_flops(
                self.model,
                batch_size=batch_size,
                capacities=rows.capacities,
                trainable=self.partition.multipliers,
            ),
            param_norms=jax.jit(
                lambda params: norms("param", self.partition.split(params)[0], groups),
                out_shardings=sharding.replicated(self.mesh),
            ),
            learning_rate_at=jax.jit(self.optimizer.learning_rate_at),
            task_groups=by_task,
        )


def build_program(
    model: TransformerConfig,
    objective: Objective,
    *,
    optimizer: Optimizer,
    parameter_groups: ParameterGroups,
    frozen_dtype: FrozenDtype,
    max_grad_norm: float | None,
    seed: int,
    mesh: jax.sharding.Mesh,
) -> TrainProgram:
    """Decides what is trained, how, and where it lies; see `train` for the arguments.

    Raises:
      ValueError: groups that match nothing or freeze everything, a frozen type without effect, or
        parameters that the mesh does not divide.
    """
    shapes, axes = param_shapes(model), param_axes(model)
    partition = partition_parameters(
        shapes, parameter_groups, frozen_dtype=frozen_dtype, adapter=adapter_names(model)
    )
    partition.check_frozen_dtype(has_frozen_models=bool(objective.frozen_models))
    transformation = make_transformation(
        optimizer,
        partition.split(axes)[0],
        multipliers=partition.multipliers,
        max_grad_norm=max_grad_norm,
    )
    init_fn = init_state_fn(model, transformation, partition=partition, seed=seed)
    state_shapes = jax.eval_shape(init_fn)
    shardings = sharding.state_shardings(state_shapes, sharding.param_shardings(shapes, axes, mesh))
    return TrainProgram(
        model=model,
        objective=objective,
        optimizer=optimizer,
        partition=partition,
        transformation=transformation,
        mesh=mesh,
        seed=seed,
        init_fn=init_fn,
        state=sharding.abstract(state_shapes, shardings),
        shardings=shardings,
    )
