"""The one jitted step: batch in, better parameters out.

Shape legend: B rows of the global batch, M microbatches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from t5lite import sharding
from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import bind
from t5lite.models.transformer import Batch
from t5lite.training.objective import LossSums, Objective
from t5lite.training.parameter_groups import Partition, merge
from t5lite.training.state import TrainState

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
) -> Callable[[TrainState, Batch], tuple[TrainState, StepMetrics]]:
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

    Returns:
      `(state, batch) -> (state, metrics)` with metrics as replicated float32 scalars: `loss` (what
      is minimised), `cross_entropy` (nats per weighted target token, z-loss left out), `z_loss`,
      `accuracy` (teacher-forced, of weighted target tokens), `target_tokens`, and `grad_norm`, the
      norm that is clipped, as it is before.
    """

    def loss_fn(trainable: Any, frozen: Any, batch: Batch, dropout_key: jax.Array | None) -> Any:
        model = bind(config, merge(trainable, frozen))
        sums = objective.sums(model, batch, dropout_key=dropout_key)
        return sums.loss, sums

    grad_fn = jax.grad(loss_fn, has_aux=True)

    def step_fn(state: TrainState, batch: Batch) -> tuple[TrainState, StepMetrics]:
        key = None
        if config.dropout_rate:
            # Initialisation folds names into key(seed); this key is another.
            _, dropout_key = jax.random.split(jax.random.key(seed))
            key = jax.random.fold_in(dropout_key, state.step)
        trainable, frozen = partition.split(state.params)
        with sharding.logical_rules(mesh):
            if num_microbatches == 1:
                grads, sums = grad_fn(trainable, frozen, batch, key)
            else:
                grads, sums = _accumulate(
                    grad_fn, trainable, frozen, batch=batch, key=key, parts=num_microbatches
                )
        normalizer = objective.normalizer(sums)
        grads = jax.tree.map(lambda grad: grad / normalizer, grads)
        updates, opt_state = transformation.update(grads, state.opt_state, trainable)
        new_state = TrainState(
            step=state.step + 1,
            params=merge(optax.apply_updates(trainable, updates), frozen),
            opt_state=opt_state,
        )
        return new_state, _metrics(sums, normalizer, optax.global_norm(grads))

    return jax.jit(
        step_fn,
        donate_argnums=0,
        in_shardings=(shardings, sharding.batch_sharding(mesh)),
        out_shardings=(shardings, sharding.replicated(mesh)),
    )


def _accumulate(
    grad_fn: Callable[..., Any],
    trainable: Any,
    frozen: Any,
    *,
    batch: Batch,
    key: jax.Array | None,
    parts: int,
) -> tuple[Any, LossSums]:
    """Gradients and sums over the whole batch, one microbatch in memory at a time."""
    num_rows = next(iter(batch.values())).shape[0]
    assert num_rows % parts == 0, "sharding.check_batch_size comes first"

    def split(feature: jax.Array) -> jax.Array:
        # Row r goes to microbatch r mod M: every device keeps the rows it already holds.
        rows_M = feature.reshape(num_rows // parts, parts, *feature.shape[1:])
        return jnp.swapaxes(rows_M, 0, 1)

    def body(carry: tuple[Any, LossSums], part: tuple[jax.Array, Batch]) -> tuple[Any, None]:
        index, microbatch = part
        part_key = None if key is None else jax.random.fold_in(key, index)
        grads, sums = grad_fn(trainable, frozen, microbatch, part_key)
        return jax.tree.map(jnp.add, carry, (grads, sums)), None

    zeros = jax.tree.map(jnp.zeros_like, trainable), LossSums.zeros()
    total, _ = jax.lax.scan(body, zeros, (jnp.arange(parts), jax.tree.map(split, dict(batch))))
    return total


def _metrics(sums: LossSums, normalizer: jax.Array, grad_norm: jax.Array) -> StepMetrics:
    weight = jnp.where(sums.weight > 0, sums.weight, 1.0)
    return {
        "loss": sums.loss / normalizer,
        "cross_entropy": (sums.loss - sums.z_loss) / weight,
        "z_loss": sums.z_loss / normalizer,
        "accuracy": sums.correct / weight,
        "grad_norm": grad_norm,
        "target_tokens": sums.weight,
    }
