"""Losses of single positions, and their derivative: what a cross entropy sums.

Source: T5X, `compute_weighted_cross_entropy`. All in float32 whatever the logits' type.

Shape legend: B rows, T target positions, V vocabulary; the first two may be one.
"""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp

from t5lite.training.objective import LossSums, Mean


def first_of_greatest(logits_BTV: jax.Array) -> jax.Array:
    """Gives what argmax does, by two plain reductions: a CPU takes several times as long for it."""
    vocab_size = logits_BTV.shape[-1]
    id_V = jnp.arange(vocab_size, dtype=jnp.int32)
    greatest_BT1 = jnp.max(logits_BTV, axis=-1, keepdims=True)
    return jnp.min(jnp.where(logits_BTV == greatest_BT1, id_V, vocab_size), axis=-1)


def _confidences(vocab_size: int, label_smoothing: float) -> tuple[float, float, float]:
    """Gives the target's probability, every other token's, and the entropy of the two together."""
    on = 1.0 - label_smoothing
    off = label_smoothing / max(vocab_size - 1, 1)
    entropy = -on * math.log(on) - (vocab_size - 1) * off * math.log(off + 1e-20)
    return on, off, entropy


def _is_target(targets_BT: jax.Array, vocab_size: int) -> jax.Array:
    """Gives the one-hot targets as booleans; compared rather than gathered, so that XLA fuses it.

    A gather from logits sharded over the vocabulary would have to collect them first.
    """
    return targets_BT[..., None] == jnp.arange(vocab_size, dtype=targets_BT.dtype)


_Residuals = tuple[jax.Array, jax.Array, jax.Array, jax.Array]


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def token_losses(
    logits_BTV: jax.Array, targets_BT: jax.Array, z_loss: float, label_smoothing: float
) -> tuple[jax.Array, jax.Array]:
    """Gives loss (z-loss included) and z-loss of every position, [B, T] each.

    The derivative is written out: automatic differentiation would keep several float32 arrays of
    the logits' shape for the backward pass, where the logits and two numbers a position suffice.
    """
    return token_losses_forward(logits_BTV, targets_BT, z_loss, label_smoothing)[0]


def token_losses_forward(
    logits_BTV: jax.Array, targets_BT: jax.Array, z_loss: float, label_smoothing: float
) -> tuple[tuple[jax.Array, jax.Array], _Residuals]:
    """Gives what `token_losses` does, and what its derivative is made of."""
    vocab_size = logits_BTV.shape[-1]
    on, off, entropy = _confidences(vocab_size, label_smoothing)
    max_BT = jnp.max(logits_BTV, axis=-1).astype(jnp.float32)
    shifted_BTV = logits_BTV.astype(jnp.float32) - max_BT[..., None]
    log_sum_BT = jnp.log(jnp.sum(jnp.exp(shifted_BTV), axis=-1))
    target_BT = jnp.sum(jnp.where(_is_target(targets_BT, vocab_size), shifted_BTV, 0.0), axis=-1)
    loss_BT = log_sum_BT - (on - off) * target_BT - entropy
    if label_smoothing:
        loss_BT -= off * jnp.sum(shifted_BTV, axis=-1)
    z_loss_BT = z_loss * jnp.square(log_sum_BT + max_BT)
    return (loss_BT + z_loss_BT, z_loss_BT), (logits_BTV, targets_BT, max_BT, log_sum_BT)


def token_losses_backward(
    z_loss: float,
    label_smoothing: float,
    residuals: _Residuals,
    cotangents: tuple[jax.Array, jax.Array],
) -> tuple[jax.Array, None]:
    """Gives the derivative by the logits, in their type; `cotangents` are of the two losses."""
    logits_BTV, targets_BT, max_BT, log_sum_BT = residuals
    loss_bar_BT, z_loss_bar_BT = cotangents
    vocab_size = logits_BTV.shape[-1]
    on, off, _ = _confidences(vocab_size, label_smoothing)
    # Subtract the maximum before the rest of log Z: their sum rounds badly when logits are large.
    shifted_BTV = logits_BTV.astype(jnp.float32) - max_BT[..., None]
    softmax_BTV = jnp.exp(shifted_BTV - log_sum_BT[..., None])
    z_slope_BT = 2 * z_loss * (log_sum_BT + max_BT)
    on_softmax_BT = loss_bar_BT + (loss_bar_BT + z_loss_bar_BT) * z_slope_BT
    soft_targets_BTV = jnp.where(_is_target(targets_BT, vocab_size), on, off)
    logits_bar_BTV = (
        on_softmax_BT[..., None] * softmax_BTV - loss_bar_BT[..., None] * soft_targets_BTV
    )
    return logits_bar_BTV.astype(logits_BTV.dtype), None


token_losses.defvjp(token_losses_forward, token_losses_backward)


def loss_sums(
    loss: jax.Array,
    z_loss: jax.Array,
    right: jax.Array,
    *,
    losses_BT: jax.Array,
    weights_BT: jax.Array,
) -> LossSums:
    """Makes a loss and its metrics of sums over positions, those of `loss` with the z-loss.

    Args:
      loss: the weighted sum of the losses.
      z_loss: of the z-losses.
      right: of the positions whose greatest logit is the target's.
      losses_BT: the loss of each position, without z-loss.
      weights_BT: the weights.
    """
    weight = jnp.sum(weights_BT)
    return LossSums(
        loss=loss,
        weight=weight,
        metrics={
            "cross_entropy": Mean(loss - z_loss, weight),
            "z_loss": Mean(z_loss, weight),
            "accuracy": Mean(right, weight),
            "target_tokens": weight,
        },
        by_position=Mean(losses_BT * weights_BT, weights_BT),
    )
