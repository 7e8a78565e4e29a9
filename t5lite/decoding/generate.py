"""Generation: one prefill, then a loop of cached steps that ends when every row has ended.

Shapes: B rows of the batch, T generated tokens, V vocabulary.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from t5lite.decoding import sampling
from t5lite.models.transformer import Model


def choose_at(
    logits_BV: jax.Array,
    key_B: jax.Array,
    step: jax.Array | int,
    *,
    eos_id: int,
    config: sampling.DecodingConfig,
) -> jax.Array:
    """The `step`-th generated token of each row (0 the first), int32 [B].

    Args:
      logits_BV: float [B, V].
      key_B: The rows' keys; the draw at `step` uses `fold_in(key, step)`.
      step: How many tokens the rows have so far.
      eos_id: The end token, kept out before `config.min_decode_length`.
      config: How to choose.
    """
    if config.min_decode_length > 0:
        too_early = step < config.min_decode_length
        logits_BV = logits_BV.at[:, eos_id].set(
            jnp.where(too_early, -jnp.inf, logits_BV[:, eos_id])
        )
    if config.strategy == "sample":
        key_B = jax.vmap(jax.random.fold_in, in_axes=(0, None))(key_B, step)
    return sampling.choose(logits_BV, key_B, config)


def generate(
    model: Model,
    batch: Mapping[str, jax.Array],
    *,
    eos_id: int,
    config: sampling.DecodingConfig,
    key_B: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """Generates until every row has ended or has `config.max_decode_length` tokens.

    Call it inside `jax.jit`, with `config` and `eos_id` static.

    Args:
      model: A bound model.
      batch: `encoder_input_tokens` [B, L], or for decoder-only the prompt as
        `decoder_input_tokens` [B, L] (see `batching.prompt_batch`).
      eos_id: The token that ends a row.
      config: How to choose tokens, and how many at most.
      key_B: One key per row, from `sampling.row_keys`: a row's draws do not depend on the
        rows beside it.

    Returns:
      `(tokens_BT, log_likelihood_B)`. int32 [B, T], T = `config.max_decode_length`: the tokens up
      to and including `eos_id`, then zeros. float32 [B]: the sum of their log-probabilities in
      nats under the model itself, before anything `config` does to the logits.
    """
    length = config.max_decode_length
    logits_BV, cache = model.prefill(batch, max_decode_length=length)
    tokens_B = choose_at(logits_BV, key_B, 0, eos_id=eos_id, config=config)
    out_BT = jnp.zeros((tokens_B.shape[0], length), jnp.int32).at[:, 0].set(tokens_B)

    def not_done(carry: tuple[Any, ...]) -> jax.Array:
        step, _, ended_B, *_ = carry
        return (step < length) & ~jnp.all(ended_B)

    def one_more(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        step, tokens_B, ended_B, out_BT, log_likelihood_B, cache = carry
        logits_BV, cache = model.step(tokens_B, cache)
        tokens_B = choose_at(logits_BV, key_B, step, eos_id=eos_id, config=config)
        tokens_B = jnp.where(ended_B, 0, tokens_B)
        log_likelihood_B += jnp.where(ended_B, 0.0, _log_prob(logits_BV, tokens_B))
        ended_B |= tokens_B == eos_id
        return (
            step + 1,
            tokens_B,
            ended_B,
            out_BT.at[:, step].set(tokens_B),
            log_likelihood_B,
            cache,
        )

    log_likelihood_B = _log_prob(logits_BV, tokens_B)
    start = (jnp.int32(1), tokens_B, tokens_B == eos_id, out_BT, log_likelihood_B, cache)
    _, _, _, out_BT, log_likelihood_B, _ = jax.lax.while_loop(not_done, one_more, start)
    return out_BT, log_likelihood_B


def _log_prob(logits_BV: jax.Array, tokens_B: jax.Array) -> jax.Array:
    logits_BV = logits_BV.astype(jnp.float32)
    chosen_B = jnp.take_along_axis(logits_BV, tokens_B[:, None], axis=-1)[:, 0]
    return chosen_B - jax.nn.logsumexp(logits_BV, axis=-1)
