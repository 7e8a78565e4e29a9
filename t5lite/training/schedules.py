"""Learning-rate schedules, written as a product of named factors.

The factors and their formulas are those of T5X (`t5x/utils.py`, `create_learning_rate_scheduler`),
so that a schedule copied from a T5X gin file gives the same rate at every step.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import jax
import jax.numpy as jnp

from t5lite.messages.ranges import Count, NotNegative, Share, Size, StepOffset
from t5lite.messages.suggest import did_you_mean
from t5lite.messages.value_types import numbers_checked

Step = int | jax.Array
Schedule = Callable[[Step], jax.Array]


@dataclasses.dataclass(frozen=True)
class _Settings:
    """What the factors may depend on; the fields are the arguments of `schedule`."""

    base_learning_rate: float
    warmup_steps: int
    decay_factor: float
    steps_per_decay: int
    steps_per_cycle: int
    total_steps: int | None
    warmup_from: float


def _constant(step: jax.Array, s: _Settings) -> jax.Array | float:
    return s.base_learning_rate


def _linear_warmup(step: jax.Array, s: _Settings) -> jax.Array | float:
    return s.warmup_from + (1.0 - s.warmup_from) * jnp.minimum(1.0, step / s.warmup_steps)


def _linear_decay(step: jax.Array, s: _Settings) -> jax.Array | float:
    slope = s.decay_factor if s.total_steps is None else 1.0 / (s.total_steps - s.warmup_steps)
    decay = 1.0 + slope * (s.warmup_steps - step)
    return s.base_learning_rate * jnp.minimum(step / s.warmup_steps, decay)


def _rsqrt_decay(step: jax.Array, s: _Settings) -> jax.Array | float:
    return 1.0 / jnp.sqrt(jnp.maximum(step, s.warmup_steps))


def _rsqrt_normalized_decay(step: jax.Array, s: _Settings) -> jax.Array | float:
    return math.sqrt(s.warmup_steps) / jnp.sqrt(jnp.maximum(step, s.warmup_steps))


def _decay_every(step: jax.Array, s: _Settings) -> jax.Array | float:
    return s.decay_factor ** (step // s.steps_per_decay)


def _cosine_decay(step: jax.Array, s: _Settings) -> jax.Array | float:
    if s.total_steps is None:
        progress = jnp.maximum(0.0, (step - s.warmup_steps) / float(s.steps_per_cycle)) % 1.0
    else:
        length = float(s.total_steps - s.warmup_steps)
        progress = jnp.clip((step - s.warmup_steps) / length, 0.0, 1.0)
    return jnp.maximum(0.0, 0.5 * (1.0 + jnp.cos(jnp.pi * progress)))


_Factor = Callable[[jax.Array, _Settings], "jax.Array | float"]
_FACTORS: Mapping[str, _Factor] = MappingProxyType(
    {
        "constant": _constant,
        "linear_warmup": _linear_warmup,
        "linear_decay": _linear_decay,
        "rsqrt_decay": _rsqrt_decay,
        "rsqrt_normalized_decay": _rsqrt_normalized_decay,
        "decay_every": _decay_every,
        "cosine_decay": _cosine_decay,
    }
)
_DIVIDE_BY_WARMUP = ("linear_warmup", "linear_decay", "rsqrt_decay", "rsqrt_normalized_decay")
_USE_TOTAL_STEPS = ("linear_decay", "cosine_decay")


@numbers_checked
def schedule(
    factors: str = "constant * rsqrt_decay",
    base_learning_rate: NotNegative = 1.0,
    *,
    warmup_steps: Count = 10_000,
    decay_factor: NotNegative = 0.5,
    steps_per_decay: Size = 20_000,
    steps_per_cycle: Size = 100_000,
    step_offset: StepOffset = 0,
    min_learning_rate: NotNegative = 1e-8,
    total_steps: Size | None = None,
    warmup_from: Share = 0.0,
) -> Schedule:
    """Builds a learning-rate schedule out of T5X's factors.

    With s = max(0, step - step_offset) and w = warmup_steps, the rate is the product of

    - `constant`: base_learning_rate;
    - `linear_warmup`: min(1, s / w), or from `warmup_from` to 1 in as many steps;
    - `linear_decay`: base_learning_rate * min(s / w, 1 + decay_factor * (w - s)); it includes both
      factors above;
    - `rsqrt_decay`: 1 / sqrt(max(s, w));
    - `rsqrt_normalized_decay`: sqrt(w) / sqrt(max(s, w));
    - `decay_every`: decay_factor ** (s // steps_per_decay);
    - `cosine_decay`: (1 + cos(pi * ((max(0, s - w) / steps_per_cycle) mod 1))) / 2;

    and never less than min_learning_rate. The defaults give the inverse square root schedule of
    T5's pre-training.

    Args:
      factors: names of factors, joined by `*`.
      base_learning_rate: the rate that `constant` and `linear_decay` start from.
      warmup_steps: steps of warm-up, and where the decays begin.
      decay_factor: slope a step of `linear_decay`; factor of `decay_every`.
      steps_per_decay: steps between two decays of `decay_every`.
      steps_per_cycle: period of `cosine_decay` in steps.
      step_offset: the step that counts as zero, for fine-tuning from a checkpoint that keeps its
        step number.
      min_learning_rate: floor of the result.
      total_steps: where `linear_decay` and `cosine_decay` are to reach the floor (and stay), in
        steps after `step_offset`. It replaces `decay_factor` in the first and `steps_per_cycle` in
        the second; None leaves T5X's formulas.
      warmup_from: share of the rate that `linear_warmup` begins with; 0 is T5X's formula.

    Returns:
      A function of the step (a Python int or a traced array) giving the rate as a float32 scalar.

    Raises:
      ValueError: on an unknown factor, or on settings that would divide by zero.
    """
    names = [name.strip() for name in factors.split("*")]
    for name in names:
        if name not in _FACTORS:
            raise ValueError(
                f"schedule.factors = {factors!r}: no factor {name!r}.{did_you_mean(name, _FACTORS)}"
            )
    settings = _Settings(
        base_learning_rate,
        warmup_steps,
        decay_factor,
        steps_per_decay,
        steps_per_cycle,
        total_steps,
        warmup_from,
    )
    _check(settings, names)
    chosen = [_FACTORS[name] for name in names]

    def learning_rate(step: Step) -> jax.Array:
        since_offset = jnp.maximum(0, step - step_offset)
        rate: jax.Array | float = 1.0
        for factor in chosen:
            rate = rate * factor(since_offset, settings)
        return jnp.asarray(jnp.maximum(rate, min_learning_rate), jnp.float32)

    return learning_rate


def _check(settings: _Settings, names: list[str]) -> None:
    """Refuses settings under which one of the named factors would be infinite or NaN."""
    divided = [name for name in names if name in _DIVIDE_BY_WARMUP]
    if divided and settings.warmup_steps < 1:
        raise ValueError(
            f"schedule.warmup_steps = {settings.warmup_steps}, but {divided[0]} divides by it:"
            f" make it at least 1, or leave {divided[0]} out of schedule.factors."
        )
    ended = [name for name in names if name in _USE_TOTAL_STEPS]
    if ended and settings.total_steps is not None and settings.total_steps <= settings.warmup_steps:
        raise ValueError(
            f"schedule.total_steps = {settings.total_steps} leaves {ended[0]} nothing to do"
            f" after schedule.warmup_steps = {settings.warmup_steps}: make it larger, or the"
            " warm-up shorter."
        )
