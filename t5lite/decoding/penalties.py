"""What a config does to the scores of the next token before one is chosen.

Shapes: B rows of the batch, N branches of a row, V vocabulary, P prompt length.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from t5lite.decoding.config import DecodingConfig


def apply(
    scores_BNV: jax.Array,
    *,
    config: DecodingConfig,
    end_ids: Sequence[int],
    num_generated: jax.Array | int,
    occurred_BNV: jax.Array | None,
) -> jax.Array:
    """Scores after the repetition penalty, and with ends held back where it is too early.

    Args:
      scores_BNV: float32 logits, or log-probabilities for a beam search (as Hugging Face does).
      config: Only `repetition_penalty` and `min_decode_length` are used.
      end_ids: The tokens that end an answer.
      num_generated: How many tokens the branches have so far.
      occurred_BNV: Boolean, the tokens there so far; None where the penalty is off.

    Returns:
      float32 [B, N, V]; what must not be chosen is -inf.
    """
    if occurred_BNV is not None:
        scores_BNV = repeated(scores_BNV, occurred_BNV, penalty=config.repetition_penalty)
    if config.min_decode_length > 0:
        too_early = num_generated < config.min_decode_length
        is_end_V = is_end(jnp.arange(scores_BNV.shape[-1]), end_ids)
        scores_BNV = jnp.where(too_early & is_end_V, -jnp.inf, scores_BNV)
    return scores_BNV


def repeated(scores_BNV: jax.Array, occurred_BNV: jax.Array, *, penalty: float) -> jax.Array:
    """Makes tokens that were there before less likely.

    Keskar et al. (https://arxiv.org/abs/1909.05858) divide the score by the penalty; a score below
    0 is multiplied by it instead, as Hugging Face does, since dividing would raise it.
    """
    penalised_BNV = jnp.where(scores_BNV < 0, scores_BNV * penalty, scores_BNV / penalty)
    return jnp.where(occurred_BNV, penalised_BNV, scores_BNV)


def occurred_in(tokens_BP: jax.Array, lengths_B: jax.Array, *, vocab_size: int) -> jax.Array:
    """Which tokens occur among each row's first `lengths_B`; boolean [B, V]."""
    held_BP = jnp.arange(tokens_BP.shape[1]) < lengths_B[:, None]
    row_B1 = jnp.arange(tokens_BP.shape[0])[:, None]
    nowhere = jnp.zeros((tokens_BP.shape[0], vocab_size), bool)
    return nowhere.at[row_B1, tokens_BP].max(held_BP)


def add_tokens(occurred_BNV: jax.Array, tokens_BN: jax.Array) -> jax.Array:
    """`occurred_BNV` with one more token a branch."""
    return occurred_BNV | (jnp.arange(occurred_BNV.shape[-1]) == tokens_BN[..., None])


def is_end(tokens: jax.Array, end_ids: Sequence[int]) -> jax.Array:
    """Which tokens end an answer; boolean of their shape."""
    return jnp.any(tokens[..., None] == jnp.array(end_ids), axis=-1)
