"""Weighted cross entropy with z-loss and label smoothing: the objective that is built in.

The quantities are those of T5X (`t5x/losses.py`).

Shape legend: B rows, T target positions, V vocabulary.
"""

import dataclasses
import functools
import math
from collections.abc import Mapping
from types import MappingProxyType

import jax
import jax.numpy as jnp

from t5lite.messages.ranges import NotNegative, Positive, Rate
from t5lite.messages.suggest import did_you_mean
from t5lite.messages.value_types import check_numbers
from t5lite.models.transformer import Model
from t5lite.training.objective import LossSums, Mean, Objective

NORMALIZATIONS = ("num_real_target_tokens", "num_total_target_tokens", "average_per_sequence")


@dataclasses.dataclass(frozen=True)
class CrossEntropy(Objective):
    """Cross entropy of the target tokens.

    Attributes:
      z_loss: coefficient of the auxiliary loss log(Z)^2, Z being the normaliser of the softmax.
      label_smoothing: probability mass spread evenly over the wrong tokens.
      loss_normalization: what the summed loss is divided by. "num_real_target_tokens" is the sum of
        the loss weights; "num_total_target_tokens" counts padding too; "average_per_sequence" first
        averages within each (packed) sequence, so that long and short examples count alike; a
        number is a constant divisor; None divides by nothing.
    """

    z_loss: NotNegative = 1e-4
    label_smoothing: Rate = 0.0
    loss_normalization: str | Positive | None = "num_real_target_tokens"

    def __post_init__(self) -> None:
        check_numbers(self, of=CrossEntropy)
        how = self.loss_normalization
        if isinstance(how, str) and how.lower() not in NORMALIZATIONS:
            raise ValueError(
                f"CrossEntropy.loss_normalization = {how!r} is not known: give a number, None or a"
                f" name.{did_you_mean(how.lower(), NORMALIZATIONS)}"
            )

    def sums(
        self,
        model: Model,
        batch: Mapping[str, jax.Array],
        *,
        dropout_key: jax.Array | None = None,
        frozen: Mapping[str, Model] = MappingProxyType({}),
    ) -> LossSums:
        """Runs the model on a batch and sums its losses; see `Objective.sums`."""
        del frozen  # it asks for none
        return self.of_logits(model.logits(batch, dropout_key=dropout_key), batch)

    def of_logits(self, logits_BTV: jax.Array, batch: Mapping[str, jax.Array]) -> LossSums:
        """Sums the losses of logits.

        Args:
          logits_BTV: what a model gave for the batch.
          batch: features by their T5X names, [B, T]: `decoder_target_tokens`,
            `decoder_loss_weights`, and `decoder_segment_ids` where the rows are packed.

        Returns:
          The sums, with the metrics `cross_entropy` (nats a weighted target token, z-loss left
          out), `z_loss` (divided as the loss is), `accuracy` (teacher-forced, of weighted target
          tokens) and `target_tokens` (the sum of the weights).
        """
        targets_BT = batch["decoder_target_tokens"]
        sums = cross_entropy(
            logits_BTV,
            targets_BT,
            self.weights(batch),
            z_loss=self.z_loss,
            label_smoothing=self.label_smoothing,
        )
        how, (z_loss, _) = self._normalization, sums.metrics["z_loss"]
        if how == "num_total_target_tokens":
            positions = jnp.asarray(targets_BT.size, jnp.float32)
            metrics = {**sums.metrics, "z_loss": Mean(z_loss, positions)}
            return dataclasses.replace(sums, weight=positions, metrics=metrics)
        if isinstance(how, str):
            return sums
        divisor = 1.0 if how is None else how
        metrics = {**sums.metrics, "z_loss": z_loss / divisor}
        return dataclasses.replace(sums, divisor=divisor, metrics=metrics)

    def weights(self, batch: Mapping[str, jax.Array]) -> jax.Array:
        """Gives the weights [B, T], float32, with which the positions of a batch are summed."""
        weights_BT = batch["decoder_loss_weights"].astype(jnp.float32)
        if self._normalization != "average_per_sequence":
            return weights_BT
        total_BT = _sums_per_sequence(weights_BT, batch.get("decoder_segment_ids"))
        return jnp.where(total_BT > 0, weights_BT / jnp.where(total_BT > 0, total_BT, 1.0), 0.0)

    @property
    def _normalization(self) -> str | float | None:
        how = self.loss_normalization
        return how.lower() if isinstance(how, str) else how


def _sums_per_sequence(weights_BT: jax.Array, segment_ids_BT: jax.Array | None) -> jax.Array:
    """Gives every position the sum of the weights of the sequence that it belongs to."""
    if segment_ids_BT is None:
        return jnp.broadcast_to(weights_BT.sum(axis=-1, keepdims=True), weights_BT.shape)

    def one_row(weights_T: jax.Array, segment_ids_T: jax.Array) -> jax.Array:
        # A row of T tokens holds at most T segments, numbered from 1.
        sums_S = jax.ops.segment_sum(weights_T, segment_ids_T, len(weights_T) + 1)
        return sums_S[segment_ids_T]

    return jax.vmap(one_row)(weights_BT, segment_ids_BT)


def cross_entropy(
    logits_BTV: jax.Array,
    targets_BT: jax.Array,
    weights_BT: jax.Array,
    *,
    z_loss: float,
    label_smoothing: float,
) -> LossSums:
    """Sums the weighted cross entropy of a batch, in float32 whatever the logits' type.

    With q the smoothed target distribution (1 - label_smoothing on the target, the rest spread
    evenly over the other tokens) and log Z the logsumexp of the logits, the loss of a position is
    -sum(q * log_softmax(logits)) - H(q) + z_loss * (log Z)^2. Subtracting the entropy H(q) makes
    zero the least possible value. Source: T5X, `compute_weighted_cross_entropy`.

    Args:
      logits_BTV: logits of any float type.
      targets_BT: token ids.
      weights_BT: the weight of each position.
      z_loss: coefficient of (log Z)^2.
      label_smoothing: probability mass on the wrong tokens.

    Returns:
      The sums, the z-loss in `loss` too; `weight` is the sum of the weights.
    """
    loss_BT, z_loss_BT = _token_losses(logits_BTV, targets_BT, z_loss, label_smoothing)
    right_BT = _first_of_greatest(logits_BTV) == targets_BT
    loss, z_loss_sum = jnp.sum(loss_BT * weights_BT), jnp.sum(z_loss_BT * weights_BT)
    weight = jnp.sum(weights_BT)
    return LossSums(
        loss=loss,
        weight=weight,
        metrics={
            "cross_entropy": Mean(loss - z_loss_sum, weight),
            "z_loss": Mean(z_loss_sum, weight),
            "accuracy": Mean(jnp.sum(right_BT * weights_BT), weight),
            "target_tokens": weight,
        },
    )


def _first_of_greatest(logits_BTV: jax.Array) -> jax.Array:
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
def _token_losses(
    logits_BTV: jax.Array, targets_BT: jax.Array, z_loss: float, label_smoothing: float
) -> tuple[jax.Array, jax.Array]:
    """Gives loss (z-loss included) and z-loss of every position, [B, T] each.

    The derivative is written out: automatic differentiation would keep several float32 arrays of
    the logits' shape for the backward pass, where the logits and two numbers a position suffice.
    """
    return _token_losses_forward(logits_BTV, targets_BT, z_loss, label_smoothing)[0]


def _token_losses_forward(
    logits_BTV: jax.Array, targets_BT: jax.Array, z_loss: float, label_smoothing: float
) -> tuple[tuple[jax.Array, jax.Array], _Residuals]:
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


def _token_losses_backward(
    z_loss: float,
    label_smoothing: float,
    residuals: _Residuals,
    cotangents: tuple[jax.Array, jax.Array],
) -> tuple[jax.Array, None]:
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


_token_losses.defvjp(_token_losses_forward, _token_losses_backward)
