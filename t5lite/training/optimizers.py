"""Optimizers, and what is put around them: learning rates by parameter, and clipping.

An `Optimizer` is a function from the parameters' logical axes to an optax transformation: the axes
say which parameters are stacks of layers and which are too small to decay.
"""

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax.traverse_util import flatten_dict, unflatten_dict

from t5lite.messages.ranges import Count, NotNegative, Positive, Rate, Share, StepOffset
from t5lite.messages.suggest import did_you_mean
from t5lite.messages.value_types import check_type, numbers_checked
from t5lite.training.adafactor import (
    LAYERS,
    AdafactorConfig,
    adafactor_transformation,
)
from t5lite.training.schedules import Schedule, Step

# Nested dicts whose leaves are arrays, bools or tuples of logical axis names.
Tree = Any


@dataclasses.dataclass(frozen=True)
class Optimizer:
    """An optimizer, before it knows the parameters.

    Attributes:
      name: what it is called in messages.
      learning_rate: a rate, or a function of the number of updates done.
      build: gives the transformation for parameters with the given tree of logical axes.
    """

    name: str
    learning_rate: float | Schedule
    build: Callable[[Tree], optax.GradientTransformation]

    def learning_rate_at(self, step: Step) -> jax.Array:
        """Gives the learning rate of the update that follows `step` updates, a float32 scalar."""
        rate = self.learning_rate(step) if callable(self.learning_rate) else self.learning_rate
        return jnp.asarray(rate, jnp.float32)


@numbers_checked
def adafactor(
    learning_rate: NotNegative | Schedule,
    *,
    factored: bool = True,
    multiply_by_parameter_scale: bool = True,
    beta1: Rate | None = None,
    decay_rate: Share = 0.8,
    step_offset: StepOffset = 0,
    clipping_threshold: Positive | None = 1.0,
    weight_decay_rate: NotNegative | None = None,
    weight_decay_rate_lr_exponent: NotNegative | None = None,
    min_dim_size_to_factor: Count = 128,
    epsilon1: NotNegative = 1e-30,
    epsilon2: NotNegative = 1e-3,
    decay_norms_and_biases: bool = False,
) -> Optimizer:
    """Adafactor with T5X's numerics; a stack of layers trains as its layers would apart.

    Args:
      learning_rate: relative to a parameter's RMS unless multiply_by_parameter_scale is off.
      factored: see `AdafactorConfig`, as for all below.
      multiply_by_parameter_scale: whether the learning rate is relative.
      beta1: decay of the momentum, or None.
      decay_rate: exponent of the second moment's decay.
      step_offset: the update at which the second moment starts anew.
      clipping_threshold: greatest RMS of an update, or None.
      weight_decay_rate: decoupled weight decay, or None.
      weight_decay_rate_lr_exponent: power of the learning rate that multiplies the decay, or None.
      min_dim_size_to_factor: the least second largest dimension that is factored.
      epsilon1: added to squared gradients.
      epsilon2: floor of the parameter scale.
      decay_norms_and_biases: decay every parameter, as T5X does, and not only matrices.

    Returns:
      The optimizer.
    """
    config = AdafactorConfig(
        factored=factored,
        multiply_by_parameter_scale=multiply_by_parameter_scale,
        beta1=beta1,
        decay_rate=decay_rate,
        step_offset=step_offset,
        clipping_threshold=clipping_threshold,
        weight_decay_rate=weight_decay_rate,
        weight_decay_rate_lr_exponent=weight_decay_rate_lr_exponent,
        min_dim_size_to_factor=min_dim_size_to_factor,
        epsilon1=epsilon1,
        epsilon2=epsilon2,
    )

    def build(axes: Tree) -> optax.GradientTransformation:
        decays = _decays(axes, decay_norms_and_biases)
        return adafactor_transformation(axes, learning_rate, config=config, decays=decays)

    return Optimizer("adafactor", learning_rate, build)


@numbers_checked
def adamw(
    learning_rate: NotNegative | Schedule,
    *,
    b1: Rate = 0.9,
    b2: Rate = 0.999,
    eps: NotNegative = 1e-8,
    weight_decay: NotNegative = 0.0,
    decay_norms_and_biases: bool = False,
) -> Optimizer:
    """Adam with decoupled weight decay (Loshchilov and Hutter, arXiv:1711.05101).

    Args:
      learning_rate: a rate, or a function of the number of updates done.
      b1: decay of the first moment.
      b2: decay of the second moment.
      eps: added to the root of the second moment.
      weight_decay: multiplied by the learning rate.
      decay_norms_and_biases: decay every parameter, and not only matrices.

    Returns:
      The optimizer.
    """

    def build(axes: Tree) -> optax.GradientTransformation:
        mask = _decays(axes, decay_norms_and_biases)
        return optax.adamw(learning_rate, b1, b2, eps, weight_decay=weight_decay, mask=mask)

    return Optimizer("adamw", learning_rate, build)


@numbers_checked
def optax_optimizer(
    name: str,
    learning_rate: NotNegative | Schedule,
    *,
    decay_norms_and_biases: bool = False,
    **settings: Any,
) -> Optimizer:
    """Any optimizer of optax by its name there, such as "sgd" or "lion".

    An optimizer that takes norms of whole parameters, such as "lamb", sees a stack of layers as one
    parameter; for Adafactor use `adafactor`, which does not.

    Args:
      name: a public function of optax whose first argument is the learning rate.
      learning_rate: a rate, or a function of the number of updates done.
      decay_norms_and_biases: decay every parameter, and not only matrices, if it has weight decay.
      **settings: its other arguments.

    Returns:
      The optimizer.

    Raises:
      ValueError: if optax has no such optimizer, if it does not take these settings, or if its
        update needs more than gradients and parameters.
    """
    known = {n: f for n in dir(optax) if (f := _optax_factory(n)) is not None}
    if name not in known:
        kind = "is not an optimizer" if hasattr(optax, name) else "does not exist"
        raise ValueError(f"optax_optimizer: optax.{name} {kind}.{did_you_mean(name, known)}")
    takes = inspect.signature(known[name]).parameters
    wrong = [key for key in settings if key not in takes]
    if wrong:
        raise ValueError(
            f"optax_optimizer: optax.{name} has no argument {wrong[0]!r}."
            f"{did_you_mean(wrong[0], takes)}"
        )
    for key, value in settings.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            check_type(value, float, name=f"optax_optimizer.{key}")
    if isinstance(learning_rate, int):
        learning_rate = float(learning_rate)  # jax takes integers of 32 bits only
    mask_name = next((key for key in ("mask", "weight_decay_mask") if key in takes), None)

    def build(axes: Tree) -> optax.GradientTransformation:
        mask = {} if mask_name is None else {mask_name: _decays(axes, decay_norms_and_biases)}
        return known[name](learning_rate, **(mask | settings))

    _check_updates(name, build)
    return Optimizer(name, learning_rate, build)


@numbers_checked
def make_transformation(
    optimizer: Optimizer,
    axes: Tree,
    *,
    multipliers: Mapping[str, float] | None = None,
    max_grad_norm: Positive | None = None,
) -> optax.GradientTransformation:
    """Puts clipping and learning-rate multipliers around an optimizer.

    Args:
      optimizer: the optimizer.
      axes: nested dict of tuples of logical axis names, of the trainable parameters alone.
      multipliers: what multiplies the updates of each, by name; 1 where it is not given.
      max_grad_norm: clip the gradients of all of them together to this global norm.

    Returns:
      The transformation; its updates are to be added to the trainable parameters.

    Raises:
      ValueError: max_grad_norm is not positive.
    """
    inner = optimizer.build(axes)
    if max_grad_norm is not None:
        inner = optax.chain(optax.clip_by_global_norm(max_grad_norm), inner)

    factors = {name: m for name, m in (multipliers or {}).items() if m != 1}

    def update(gradients: Tree, state: Any, params: Tree | None = None) -> tuple[Tree, Any]:
        updates, state = inner.update(gradients, state, params)
        scaled = {
            name: update * factors[name] if name in factors else update
            for name, update in flatten_dict(updates, sep="/").items()
        }
        return unflatten_dict(scaled, sep="/"), state

    return optax.GradientTransformation(inner.init, update)


def _decays(axes: Tree, norms_and_biases: bool) -> Tree:
    """Says which parameters weight decay is for: matrices, a `layers` axis not counted."""
    flat = flatten_dict(axes, sep="/")
    is_bias = {name: name.rpartition("/")[2] in ("bias", "scale") for name in flat}
    rank = {name: len([axis for axis in leaf if axis != LAYERS]) for name, leaf in flat.items()}
    decays = {name: norms_and_biases or (rank[name] > 1 and not is_bias[name]) for name in flat}
    return unflatten_dict(decays, sep="/")


def _optax_factory(name: str) -> Callable[..., optax.GradientTransformation] | None:
    """Gives optax's function of this name if it makes an optimizer: its first argument shows it."""
    function = getattr(optax, name)
    if name.startswith(("_", "scale_by_")) or not inspect.isfunction(function):
        return None
    first = next(iter(inspect.signature(function).parameters), None)
    return function if first == "learning_rate" else None


def _check_updates(name: str, build: Callable[[Tree], optax.GradientTransformation]) -> None:
    """Traces one update, so that an optimizer that cannot work here is refused before training."""
    params = {"kernel": jnp.ones((2, 2))}

    def one_update(params: Tree) -> Tree:
        transformation = build({"kernel": ("embed", "mlp")})
        return transformation.update(params, transformation.init(params), params)[0]

    try:
        jax.eval_shape(one_update, params)
    except Exception as error:
        raise ValueError(
            f"optax_optimizer: optax.{name} cannot be used with these settings: {error}"
        ) from error
