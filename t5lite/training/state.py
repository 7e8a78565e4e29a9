"""What a step reads that is not data: the train state, and the models that it does not train."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import Params, init_params
from t5lite.training.parameter_groups import Partition


class TrainState(NamedTuple):
    """A pytree. Nothing random is in it: keys derive from the run's seed and `step`.

    Attributes:
      step: int32 scalar, the number of updates done.
      params: nested dict of all parameters: float32 arrays, and frozen ones as the run holds them.
      opt_state: the optax transformation's state, of the trainable parameters.
    """

    step: jax.Array
    params: Any
    opt_state: Any


@functools.partial(jax.tree_util.register_dataclass, data_fields=["params"], meta_fields=["config"])
@dataclasses.dataclass(frozen=True, kw_only=True)
class FrozenModel:
    """A further model that an objective asked for; a pytree. No checkpoint of the run holds it.

    Attributes:
      config: the model's config.
      params: nested dict of arrays.
    """

    config: TransformerConfig
    params: Params


def init_state_fn(
    config: TransformerConfig,
    transformation: optax.GradientTransformation,
    *,
    partition: Partition,
    seed: int,
) -> Callable[[], TrainState]:
    """A function of no arguments making the state of step 0.

    Jit it with `out_shardings`, so that no parameter is ever whole on one device, or trace it with
    `jax.eval_shape` for the shapes.
    """

    def init() -> TrainState:
        params = partition.cast_frozen(init_params(config, jax.random.key(seed)))
        trainable, _ = partition.split(params)
        return TrainState(
            step=jnp.zeros((), jnp.int32), params=params, opt_state=transformation.init(trainable)
        )

    return init
