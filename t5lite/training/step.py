"""The one jitted step: batch in, better parameters out.

Shape legend: B rows of the global batch, T target positions, M microbatches.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax.traverse_util import flatten_dict, unflatten_dict

from t5lite import sharding
from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import bind
from t5lite.models.transformer import Batch
from t5lite.training.norms import NormGroups, norms
from t5lite.training.objective import LossSums, Mean, Objective, checked_batch, checked_sums
from t5lite.training.parameter_groups import Partition, merge, split_names
from t5lite.training.state import FrozenModel, TrainState
from t5lite.training.task_groups import ALL, TaskGroups, task_groups

FrozenModels = Mapping[str, FrozenModel]
StepMetrics = dict[str, jax.Array]


def make_train_step(
    config: TransformerConfig,
    transformation: optax.GradientTransformation,
    objective: Objective,
    *,
    partition: Partition,
    num_microbatches: int,
    seed: int,
    shardings: TrainState,
    mesh: jax.sharding.Mesh,
    groups: NormGroups = MappingProxyType({}),
    by_position: bool = False,
    by_task: TaskGroups | None = None,
) -> Callable[[TrainState, Batch, FrozenModels], tuple[TrainState, StepMetrics, Mean | None]]:
    """Builds the jitted training step.

    Args:
      config: the model's config.
      transformation: the optimizer, made by `optimizers.make_transformation`.
      objective: the loss.
      partition: which parameters are trained; only these have gradients.
      num_microbatches: the batch is split into this many parts, run one after another; their sums
        are added and normalised once, so any number gives the same update up to rounding.
      seed: of the dropout masks; a step's key is derived from it and the step's number.
      shardings: a TrainState of shardings; the new state keeps them, in the old one's memory.
      mesh: where it runs.
      groups: parameters whose norms are metrics of their own.
      by_position: whether the losses of single positions are wanted too.
      by_task: which parameters learn from which Tasks; None for all from all. Each group is a
        pass of its own over the batch, whose loss is that of its Tasks alone.

    Returns:
      `(state, batch, frozen_models) -> (state, metrics, losses)`, `frozen_models` being those that
      the objective asked for, and metrics replicated float32 scalars: `loss` (what is minimised),
      `grad_norm` (the norm that is clipped, as it is before), the objective's own, and where there
      are groups their `grad_norm/<pattern>`, and `update_norm` likewise. The losses are
      `LossSums.by_position` [B, T], sharded as the batch is; None where they are not wanted.

    Raises:
      ValueError: when it is first traced, if the objective fails or gives something else than sums.
    """
    by_task = by_task or task_groups((), tuple(partition.multipliers))

    def loss_fn(
        trainable: Any,
        frozen: Any,
        frozen_models: FrozenModels,
        batch: Batch,
        dropout_key: jax.Array | None,
    ) -> Any:
        sums = checked_sums(
            objective,
            bind(config, merge(trainable, frozen)),
            batch,
            dropout_key=dropout_key,
            frozen={name: bind(m.config, m.params) for name, m in frozen_models.items()},
            by_position=by_position,
        )
        return sums.loss, (sums.scalars(), sums.by_position)

    def step_fn(
        state: TrainState, batch: Batch, frozen_models: FrozenModels
    ) -> tuple[TrainState, StepMetrics, Mean | None]:
        key = None
        if config.has_dropout:
            # Initialisation folds names into key(seed); this key is another.
            _, dropout_key = jax.random.split(jax.random.key(seed))
            key = jax.random.fold_in(dropout_key, state.step)
        trainable, frozen = partition.split(state.params)
        grad_fn = functools.partial(_gradients, loss_fn, by_task, trainable, frozen, frozen_models)
        with sharding.logical_rules(mesh):
            batch = checked_batch(objective, batch)
            if num_microbatches == 1:
                grads, (sums, losses) = grad_fn(batch, key)
            else:
                grads, (sums, losses) = _accumulate(grad_fn, batch, key=key, parts=num_microbatches)
        for group, names in by_task.parameters.items():
            normalizer = sums[group].normalizer()
            grads |= {name: grads[name] / normalizer for name in names}
        grads = unflatten_dict(grads, sep="/")
        updates, opt_state = transformation.update(grads, state.opt_state, trainable)
        new_state = TrainState(
            step=state.step + 1,
            params=merge(optax.apply_updates(trainable, updates), frozen),
            opt_state=opt_state,
        )
        metrics = sums[ALL].values() | norms("grad", grads, groups)
        if groups:
            metrics |= norms("update", updates, groups)
        return new_state, metrics, losses

    return jax.jit(
        step_fn,
        donate_argnums=0,
        in_shardings=(shardings, sharding.batch_sharding(mesh), None),
        out_shardings=(shardings, sharding.replicated(mesh), sharding.batch_sharding(mesh)),
    )


_Sums = tuple[dict[str, jax.Array], dict[str, LossSums]]
# Gradients by name, the sums of each group of Tasks, and losses by position.
_Part = tuple[dict[str, jax.Array], tuple[dict[str, LossSums], Mean | None]]


def _gradients(
    loss_fn: Callable[..., Any],
    by_task: TaskGroups,
    trainable: Any,
    frozen: Any,
    frozen_models: FrozenModels,
    batch: Batch,
    dropout_key: jax.Array | None,
) -> _Part:
    """Gradients of one group's parameters after another; ALL, where it is one, comes last."""
    grads: dict[str, jax.Array] = {}
    sums: dict[str, LossSums] = {}
    losses = None
    for group in (*by_task.parameters, ALL):
        if group in sums:
            continue
        names = by_task.parameters.get(group, ())
        mine, others = split_names(trainable, names)
        inputs = merge(others, frozen), frozen_models, by_task.part(batch, group)
        if names:
            gradients, aux = jax.grad(loss_fn, has_aux=True)(mine, *inputs, dropout_key)
            grads |= flatten_dict(gradients, sep="/")
        else:
            # What is logged is of all Tasks.
            _, aux = loss_fn(mine, *inputs, dropout_key)
        sums[group], losses = aux
    return grads, (sums, losses)


def _accumulate(
    grad_fn: Callable[[Batch, jax.Array | None], _Part],
    batch: Batch,
    *,
    key: jax.Array | None,
    parts: int,
) -> _Part:
    """Gradients and sums over the whole batch, one microbatch in memory at a time."""
    num_rows = next(iter(batch.values())).shape[0]
    assert num_rows % parts == 0, "sharding.check_batch_size comes first"

    def split(feature: jax.Array) -> jax.Array:
        # Row r goes to microbatch r mod M: every device keeps the rows it already holds.
        rows_M = feature.reshape(num_rows // parts, parts, *feature.shape[1:])
        return jnp.swapaxes(rows_M, 0, 1)

    def joined(rows_M: jax.Array) -> jax.Array:
        return jnp.swapaxes(rows_M, 0, 1).reshape(num_rows, *rows_M.shape[2:])

    def one(index: jax.Array, microbatch: Batch) -> tuple[_Sums, Mean | None]:
        part_key = None if key is None else jax.random.fold_in(key, index)
        grads, (sums, losses) = grad_fn(microbatch, part_key)
        return (grads, sums), losses

    def body(carry: _Sums, part: tuple[jax.Array, Batch]) -> tuple[_Sums, Mean | None]:
        sums, losses = one(*part)
        return jax.tree.map(jnp.add, carry, sums), losses

    inputs = jnp.arange(parts), jax.tree.map(split, dict(batch))
    shapes, _ = jax.eval_shape(one, *jax.tree.map(lambda x: x[0], inputs))
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    (grads, total), losses_M = jax.lax.scan(body, zeros, inputs)
    return grads, (total, jax.tree.map(joined, losses_M))
