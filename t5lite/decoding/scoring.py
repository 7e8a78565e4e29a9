"""Scoring: how likely a model finds given targets.

Shapes: B rows of the batch, T target positions, V vocabulary.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from t5lite.models.transformer import Model


def score(model: Model, batch: Mapping[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
    """Teacher-forced log-likelihood of the targets.

    Args:
      model: A bound model.
      batch: One unpacked example per row, with `decoder_target_tokens` [B, T] and
        `decoder_loss_weights` [B, T], which is above 0 on the tokens that count.

    Returns:
      `(log_likelihood_B, num_tokens_B)`, float32 [B]: the sum over counted tokens of
      log p(token | what is before it), in nats, and how many tokens were counted.
    """
    logits_BTV = model.logits(batch).astype(jnp.float32)
    counted_BT = (batch["decoder_loss_weights"] > 0).astype(jnp.float32)
    targets_BT1 = batch["decoder_target_tokens"][..., None]
    chosen_BT = jnp.take_along_axis(logits_BTV, targets_BT1, axis=-1)[..., 0]
    log_probs_BT = chosen_BT - jax.nn.logsumexp(logits_BTV, axis=-1)
    return jnp.sum(log_probs_BT * counted_BT, axis=-1), jnp.sum(counted_BT, axis=-1)
