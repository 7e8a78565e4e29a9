"""Adafactor with T5X's numerics (`t5x/adafactor.py`; Shazeer and Stern, arXiv:1804.04235).

Three things set it apart from `optax.adafactor`: the order of learning rate, momentum and weight
decay; the default constants; and stacked layers. A leading `layers` logical axis is a batch axis:
factoring, parameter scale and update clipping are done for each layer by itself, so that a stack
trains exactly as its layers would apart.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax.traverse_util import flatten_dict, unflatten_dict

from t5lite.messages.ranges import Count, NotNegative, Positive, Rate, Share, StepOffset
from t5lite.training.schedules import Schedule

# Nested dicts whose leaves are arrays, or tuples of logical axis names.
Tree = Any

LAYERS = "layers"


class AdafactorState(NamedTuple):
    """Accumulators, each a nested dict by parameter name that holds only the parameters it is for.

    Attributes:
      step: updates done, int32.
      v_row: mean squared gradient over the longer dimension, for factored parameters.
      v_col: mean squared gradient over the shorter dimension, for factored parameters.
      v: mean squared gradient, for the other parameters.
      m: momentum, for every parameter if `beta1` is given.
    """

    step: jax.Array
    v_row: Tree
    v_col: Tree
    v: Tree
    m: Tree


@dataclasses.dataclass(frozen=True)
class AdafactorConfig:
    """Constants of Adafactor, with T5X's names and defaults.

    Attributes:
      factored: keep row and column means of squared gradients instead of all of them.
      multiply_by_parameter_scale: multiply the learning rate by max(RMS(parameter), epsilon2).
      beta1: decay of the momentum; None keeps none.
      decay_rate: the second moment's decay at update t (from 1) is 1 - t ** -decay_rate.
      step_offset: the update at which that t starts again from 1.
      clipping_threshold: greatest RMS of an update before the learning rate; None for no limit.
      weight_decay_rate: the part of a parameter that is taken away at each update; None for none.
        It is not multiplied by the learning rate unless the next option says so.
      weight_decay_rate_lr_exponent: multiplies the weight decay by learning_rate ** exponent.
      min_dim_size_to_factor: a parameter is factored if its second largest dimension is this large.
      epsilon1: added to squared gradients.
      epsilon2: floor of the parameter scale.
    """

    factored: bool = True
    multiply_by_parameter_scale: bool = True
    beta1: Rate | None = None
    decay_rate: Share = 0.8
    step_offset: StepOffset = 0
    clipping_threshold: Positive | None = 1.0
    weight_decay_rate: NotNegative | None = None
    weight_decay_rate_lr_exponent: NotNegative | None = None
    min_dim_size_to_factor: Count = 128
    epsilon1: NotNegative = 1e-30
    epsilon2: NotNegative = 1e-3


class _Slots(NamedTuple):
    """The accumulators of one parameter; None where it has no such accumulator."""

    v_row: jax.Array | None
    v_col: jax.Array | None
    v: jax.Array | None
    m: jax.Array | None


class _Rates(NamedTuple):
    """What changes from update to update and is the same for all parameters; scalars."""

    learning_rate: jax.Array
    second_moment_decay: jax.Array
    weight_decay: jax.Array | float | None


def adafactor_transformation(
    axes: Tree,
    learning_rate: float | Schedule,
    *,
    config: AdafactorConfig,
    decays: Tree,
) -> optax.GradientTransformation:
    """Builds Adafactor for parameters with the given logical axes.

    Args:
      axes: nested dict of tuples of logical axis names; `layers` may only come first.
      learning_rate: a rate, or a function of the number of updates done.
      config: the constants.
      decays: nested dict of bools: the parameters that weight decay is for.

    Returns:
      The transformation; its `update` needs `params`, and its updates are to be added to them.
    """
    is_stacked = {
        name: _is_stacked(name, leaf) for name, leaf in flatten_dict(axes, sep="/").items()
    }
    is_decayed = flatten_dict(decays, sep="/")

    def init(params: Tree) -> AdafactorState:
        slots = {
            name: _init_slots(param, is_stacked=is_stacked[name], config=config)
            for name, param in flatten_dict(params, sep="/").items()
        }
        return _state(jnp.zeros((), jnp.int32), slots)

    def update(
        gradients: Tree, state: AdafactorState, params: Tree | None = None
    ) -> tuple[Tree, AdafactorState]:
        assert params is not None, "Adafactor scales its updates by the parameters"
        rates = _rates(state.step, learning_rate, config)
        flat_params = flatten_dict(params, sep="/")
        slots = _slots_by_name(state, flat_params)
        updates: dict[str, jax.Array] = {}
        for name, gradient in flatten_dict(gradients, sep="/").items():
            own_rates = rates if is_decayed[name] else rates._replace(weight_decay=None)
            one = _updater(own_rates, config)
            one = jax.vmap(one) if is_stacked[name] else one
            updates[name], slots[name] = one(gradient, flat_params[name], slots[name])
        return unflatten_dict(updates, sep="/"), _state(state.step + 1, slots)

    return optax.GradientTransformation(init, update)


def _rates(step: jax.Array, learning_rate: float | Schedule, config: AdafactorConfig) -> _Rates:
    rate = learning_rate(step) if callable(learning_rate) else jnp.asarray(learning_rate)
    exponent = config.weight_decay_rate_lr_exponent
    weight_decay: jax.Array | float | None = config.weight_decay_rate
    if exponent is not None:
        weight_decay = (weight_decay or 1.0) * rate**exponent
    t = jnp.maximum(step - config.step_offset, 0).astype(jnp.float32) + 1.0
    return _Rates(rate, 1.0 - t ** (-config.decay_rate), weight_decay)


def _updater(
    rates: _Rates, config: AdafactorConfig
) -> Callable[[jax.Array, jax.Array, _Slots], tuple[jax.Array, _Slots]]:
    """Gives the update rule of one unstacked parameter.

    It takes a gradient, a parameter and its accumulators, and gives an update and the accumulators.
    Its order of operations is T5X's; batching over layers is the caller's `vmap`.
    """

    def update_one(
        gradient: jax.Array, param: jax.Array, slots: _Slots
    ) -> tuple[jax.Array, _Slots]:
        gradient = gradient.astype(jnp.float32)
        direction, slots = _precondition(gradient, slots, rates.second_moment_decay, config)
        if config.clipping_threshold is not None:
            direction /= jnp.maximum(1.0, _rms(direction) / config.clipping_threshold)
        scale = rates.learning_rate
        if config.multiply_by_parameter_scale:
            scale = scale * jnp.maximum(_rms(param), config.epsilon2)
        decrease = scale * direction
        if config.beta1 is not None:
            assert slots.m is not None
            decrease = config.beta1 * slots.m + (1.0 - config.beta1) * decrease
            slots = slots._replace(m=decrease)
        if rates.weight_decay is not None:
            decrease = decrease + rates.weight_decay * param
        return (-decrease).astype(param.dtype), slots

    return update_one


def _precondition(
    gradient: jax.Array, slots: _Slots, decay: jax.Array, config: AdafactorConfig
) -> tuple[jax.Array, _Slots]:
    """Divides a gradient by the root of its second moment, after taking it into that moment."""
    squared = gradient * gradient + config.epsilon1
    if slots.v is not None:
        v = decay * slots.v + (1.0 - decay) * squared
        return gradient * v**-0.5, slots._replace(v=v)
    dims = _factored_dims(gradient.shape, config)
    assert dims is not None and slots.v_row is not None and slots.v_col is not None
    shorter, longer = dims
    v_row = decay * slots.v_row + (1.0 - decay) * jnp.mean(squared, axis=longer)
    v_col = decay * slots.v_col + (1.0 - decay) * jnp.mean(squared, axis=shorter)
    shorter_in_v_row = shorter - 1 if longer < shorter else shorter
    row_factor = (v_row / jnp.mean(v_row, axis=shorter_in_v_row, keepdims=True)) ** -0.5
    direction = (
        gradient * jnp.expand_dims(row_factor, longer) * jnp.expand_dims(v_col**-0.5, shorter)
    )
    return direction, slots._replace(v_row=v_row, v_col=v_col)


def _factored_dims(shape: tuple[int, ...], config: AdafactorConfig) -> tuple[int, int] | None:
    """Gives the second largest and the largest dimension, or None if a shape is not factored."""
    if not config.factored or len(shape) < 2:
        return None
    shorter, longer = (int(dim) for dim in np.argsort(shape)[-2:])
    return (shorter, longer) if shape[shorter] >= config.min_dim_size_to_factor else None


def _init_slots(param: jax.Array, *, is_stacked: bool, config: AdafactorConfig) -> _Slots:
    def zeros(shape: tuple[int, ...]) -> jax.Array:
        return jnp.zeros(stack + shape, jnp.float32)

    stack, shape = (param.shape[:1], param.shape[1:]) if is_stacked else ((), param.shape)
    m = None if config.beta1 is None else zeros(shape)
    dims = _factored_dims(shape, config)
    if dims is None:
        return _Slots(v_row=None, v_col=None, v=zeros(shape), m=m)
    shorter, longer = dims
    v_row = zeros(shape[:longer] + shape[longer + 1 :])
    v_col = zeros(shape[:shorter] + shape[shorter + 1 :])
    return _Slots(v_row=v_row, v_col=v_col, v=None, m=m)


def _rms(x: jax.Array) -> jax.Array:
    return jnp.sqrt(jnp.mean(x * x))


def _is_stacked(name: str, axes: tuple[str | None, ...]) -> bool:
    assert LAYERS not in axes[1:], f"{name}: {LAYERS!r} must be the first of {axes}"
    return axes[:1] == (LAYERS,)


def _state(step: jax.Array, slots: dict[str, _Slots]) -> AdafactorState:
    """Turns accumulators by parameter into parameters by accumulator."""
    trees = {
        field: unflatten_dict(
            {name: array for name, s in slots.items() if (array := getattr(s, field)) is not None},
            sep="/",
        )
        for field in _Slots._fields
    }
    return AdafactorState(step=step, **trees)


def _slots_by_name(state: AdafactorState, names: dict[str, jax.Array]) -> dict[str, _Slots]:
    flat = {field: flatten_dict(getattr(state, field), sep="/") for field in _Slots._fields}
    return {name: _Slots(**{f: flat[f].get(name) for f in _Slots._fields}) for name in names}
