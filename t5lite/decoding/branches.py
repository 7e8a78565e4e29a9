"""Branches of a row: the beams of a search, or several draws, in one cache that they share.

What is behind all of them (the prompt, the encoder's output) is held and read once. Each step's
tokens of a row's branches take slots side by side, and every branch knows which slots it sees. So a
branch that another takes the place of costs a change of what is seen; no keys or values move.

Shapes: B rows of the batch, N branches of a row, L prompt length, S slots, V vocabulary.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from t5lite.decoding import penalties
from t5lite.models.transformer import Cache, Model


class Branches(NamedTuple):
    """A cache and its branches.

    Attributes:
      cache: Of the model.
      seen_BNS: Boolean, the slots behind each branch.
    """

    cache: Cache
    seen_BNS: jax.Array


def start(
    model: Model, batch: Mapping[str, Any], *, num: int, length: int
) -> tuple[jax.Array, Branches]:
    """Reads the prompts.

    Args:
      model: A bound model.
      batch: See `batching.prompt_batch`.
      num: N.
      length: Most tokens of a branch.

    Returns:
      Float32 logits [B, V] of the first token, the same for all branches, and the branches.
    """
    # The last token of a branch is never read.
    logits_BV, cache = model.prefill(batch, max_decode_length=1 + num * (length - 1))
    behind_BS = cache["key_position"][0] >= 0
    seen_BNS = jnp.repeat(behind_BS[:, None], num, axis=1)
    return logits_BV, Branches(cache, seen_BNS)


def extend(
    model: Model, branches: Branches, tokens_BN: jax.Array, depth: jax.Array
) -> tuple[jax.Array, Branches]:
    """Reads one more token a branch.

    Args:
      model: A bound model.
      branches: The branches.
      tokens_BN: int32, a token for each.
      depth: The how-manieth token of its branch each is, from 1; a scalar.

    Returns:
      Float32 logits [B, N, V] of the tokens after these, and the branches with these read.
    """
    cache, seen_BNS = branches
    num, num_slots = seen_BNS.shape[1:]
    own_NS = jnp.arange(num_slots) == cache["next_slot"][0, 0] + jnp.arange(num)[:, None]
    seen_BNS |= own_NS
    position_B1 = cache["next_position"][0][:, None] + depth - 1
    logits_BNV, cache = model.extend(tokens_BN, cache, position_BN=position_B1, seen_BNS=seen_BNS)
    return logits_BNV, Branches(cache, seen_BNS)


def occurred(batch: Mapping[str, Any], *, num: int, vocab_size: int) -> jax.Array:
    """Tokens that a repetition penalty counts before any was generated; boolean [B, N, V].

    Of a decoder-only model the prompt's; of an encoder-decoder, whose inputs are not what it
    writes, the start token alone. So it is in Hugging Face.
    """
    if "decoder_input_tokens" in batch:
        tokens_BL, lengths_B = batch["decoder_input_tokens"], batch["prompt_lengths"]
    else:
        batch_size = batch["encoder_input_tokens"].shape[0]
        tokens_BL = jnp.zeros((batch_size, 1), jnp.int32)
        lengths_B = jnp.ones(batch_size, jnp.int32)
    occurred_BV = penalties.occurred_in(tokens_BL, lengths_B, vocab_size=vocab_size)
    return jnp.repeat(occurred_BV[:, None], num, axis=1)
