"""Weighted cross entropy with z-loss and label smoothing: the objective that is built in.

The quantities are those of T5X (`t5x/losses.py`).

Shape legend: B rows, T target positions, V vocabulary.
"""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

import jax
import jax.numpy as jnp

from t5lite.messages.ranges import NotNegative, Positive, Rate, Size
from t5lite.messages.suggest import did_you_mean
from t5lite.messages.value_types import check_numbers
from t5lite.models.transformer import Model
from t5lite.training.chunked_cross_entropy import chunked_cross_entropy, num_chunks_for
from t5lite.training.objective import LossSums, Mean, Objective
from t5lite.training.token_losses import first_of_greatest, loss_sums, token_losses

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
      num_logits_chunks: parts of the target positions of a row, one after another, whose logits
        are held at a time. None: 1, or as many as keep the float32 logits that a device holds at
        a time below 256 MiB.
    """

    z_loss: NotNegative = 1e-4
    label_smoothing: Rate = 0.0
    loss_normalization: str | Positive | None = "num_real_target_tokens"
    num_logits_chunks: Size | None = None

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
        targets_BT = batch["decoder_target_tokens"]
        num_chunks = self.num_chunks(targets_BT.shape, model.config.vocab_size)
        if num_chunks == 1:
            return self.of_logits(model.logits(batch, dropout_key=dropout_key), batch)
        sums = chunked_cross_entropy(
            model.output_states(batch, dropout_key=dropout_key),
            model.output_kernel(),
            targets_BT=targets_BT,
            weights_BT=self.weights(batch),
            z_loss=self.z_loss,
            label_smoothing=self.label_smoothing,
            num_chunks=num_chunks,
        )
        return self._normalized(sums, batch)

    def num_chunks(self, shape_BT: tuple[int, ...], vocab_size: int) -> int:
        """Parts of T whose logits are computed one after another, where a model is traced."""
        return self.num_logits_chunks or num_chunks_for(shape_BT, vocab_size)

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
        sums = cross_entropy(
            logits_BTV,
            batch["decoder_target_tokens"],
            self.weights(batch),
            z_loss=self.z_loss,
            label_smoothing=self.label_smoothing,
        )
        return self._normalized(sums, batch)

    def _normalized(self, sums: LossSums, batch: Mapping[str, jax.Array]) -> LossSums:
        """Sums of losses with the weight and the divisor of `loss_normalization`."""
        how, (z_loss, _) = self._normalization, sums.metrics["z_loss"]
        if how == "num_total_target_tokens":
            positions = jnp.asarray(batch["decoder_target_tokens"].size, jnp.float32)
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
    loss_BT, z_loss_BT = token_losses(logits_BTV, targets_BT, z_loss, label_smoothing)
    right_BT = first_of_greatest(logits_BTV) == targets_BT
    sums = (jnp.sum(x * weights_BT) for x in (loss_BT, z_loss_BT, right_BT))
    return loss_sums(*sums, losses_BT=loss_BT - z_loss_BT, weights_BT=weights_BT)
