"""How the next token is chosen from logits: greedy, or drawn after temperature, top-k and top-p.

Shapes: B rows of the batch, N branches of a row, V vocabulary.
"""

import jax
import jax.numpy as jnp

from t5lite.decoding.config import DecodingConfig

# Low enough that exp() is zero in float32, finite so that no row can become NaN.
_REMOVED = -1.0e30

# Entries of a block in `top_k`.
_BLOCK = 64


def row_keys(seed: int, index_B: jax.Array, *, num_draws: int = 1) -> jax.Array:
    """A PRNG key per draw, from the seed, the example's index and the draw's number alone.

    Args:
      seed: `DecodingConfig.seed`.
      index_B: int32 [B], the examples' indices in the whole set that is being decoded.
      num_draws: N.

    Returns:
      Typed keys [B, N]. The first draws of an example are the same however many are drawn.
    """
    fold = jax.random.fold_in
    key_B = jax.vmap(fold, in_axes=(None, 0))(jax.random.key(seed), index_B)
    draws_N = jnp.arange(num_draws)
    return jax.vmap(lambda key: jax.vmap(fold, in_axes=(None, 0))(key, draws_N))(key_B)


def warp(logits: jax.Array, config: DecodingConfig) -> jax.Array:
    """Logits of the distribution that `config` draws from.

    Temperature, then top-k, then top-p on what top-k kept: Hugging Face's order. Tokens that tie
    with the last one kept are kept too, and the most likely token always is.

    Args:
      logits: float [..., V].
      config: Only `temperature`, `top_k` and `top_p` are used.

    Returns:
      float32 [..., V]; removed tokens have probability zero.
    """
    logits = logits.astype(jnp.float32) / config.temperature
    if 0 < config.top_k < logits.shape[-1]:
        kept, _ = top_k(logits, config.top_k)
        logits = jnp.where(logits >= kept[..., -1:], logits, _REMOVED)
    if config.top_p < 1.0:
        sorted_logits = -jnp.sort(-logits, axis=-1)
        probs = jax.nn.softmax(sorted_logits, axis=-1)
        before = jnp.cumsum(probs, axis=-1) - probs
        in_nucleus = (before < config.top_p).at[..., 0].set(True)
        lowest = jnp.min(jnp.where(in_nucleus, sorted_logits, jnp.inf), axis=-1, keepdims=True)
        logits = jnp.where(logits >= lowest, logits, _REMOVED)
    return logits


def choose(logits_BNV: jax.Array, key_BN: jax.Array, config: DecodingConfig) -> jax.Array:
    """Chooses one token a branch.

    Args:
      logits_BNV: float [B, N, V].
      key_BN: Typed keys [B, N]; unused (and may be anything) when greedy.
      config: How to choose.

    Returns:
      int32 [B, N].
    """
    if config.strategy == "greedy":
        return largest(logits_BNV)
    warped_BNV = warp(logits_BNV, config)
    return jax.vmap(jax.vmap(jax.random.categorical))(key_BN, warped_BNV).astype(jnp.int32)


def largest(x: jax.Array) -> jax.Array:
    """Index of the last axis' largest entry, the first of equals, int32."""
    return top_k(x, 1)[1][..., 0]


def top_k(x: jax.Array, k: int) -> tuple[jax.Array, jax.Array]:
    """`jax.lax.top_k` of a long last axis: the largest entries and their indices.

    Taken from the k blocks with the largest maxima, which hold them all. On CPU, where maxima of
    blocks are vectorised and a selection is not, this is five times as fast for a vocabulary.
    """
    length = x.shape[-1]
    num_blocks = -(-length // _BLOCK)
    if num_blocks <= 2 * k:
        return jax.lax.top_k(x, k)
    if length % _BLOCK:
        padding = [(0, 0)] * (x.ndim - 1) + [(0, num_blocks * _BLOCK - length)]
        x = jnp.pad(x, padding, constant_values=-jnp.inf)
    blocks = x.reshape(*x.shape[:-1], num_blocks, _BLOCK)
    _, chosen = jax.lax.top_k(jnp.max(blocks, axis=-1), k)
    # In their own order, so that the first of equals stays the first.
    chosen = jnp.sort(chosen, axis=-1)
    held = jnp.take_along_axis(blocks, chosen[..., None], axis=-2)
    values, place = jax.lax.top_k(held.reshape(*x.shape[:-1], k * _BLOCK), k)
    block = jnp.take_along_axis(chosen, place // _BLOCK, axis=-1)
    return values, block * _BLOCK + place % _BLOCK
