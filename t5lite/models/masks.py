"""Which keys a query may look at: described rather than drawn, so that its size is the length's.

Shapes: B batch, Q query length, S key length, I and J queries and keys of a block.
"""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["prefix_BS", "segments", "keys_BS"],
    meta_fields=["query_length", "key_length", "is_causal", "window"],
)
@dataclasses.dataclass(frozen=True, kw_only=True)
class Mask:
    """A query sees the keys that all of these leave it.

    Attributes:
      query_length: Q.
      key_length: S.
      is_causal: whether query i sees no key behind key i.
      window: how many keys up to its own, and from its own on, query i sees at most; None for all.
      prefix_BS: T5X's `decoder_causal_attention`, of a causal mask: positions with 1 see one
        another both ways all the same.
      segments: ids of the queries [B, Q] and of the keys [B, S]; equal ones see one another.
      keys_BS: boolean, keys that are there at all.
    """

    query_length: int
    key_length: int
    is_causal: bool = False
    window: int | None = None
    prefix_BS: jax.Array | None = None
    segments: tuple[jax.Array, jax.Array] | None = None
    keys_BS: jax.Array | None = None

    @classmethod
    def of_text(
        cls,
        length: int,
        *,
        is_causal: bool,
        window: int | None = None,
        segments_BL: jax.Array | None = None,
        prefix_BL: jax.Array | None = None,
        keys_BL: jax.Array | None = None,
    ) -> Mask:
        """That of positions which look at themselves."""
        return cls(
            query_length=length,
            key_length=length,
            is_causal=is_causal,
            # Not every implementation knows windows, and no key is out of this one.
            window=None if window is None or window >= length else window,
            prefix_BS=prefix_BL,
            segments=None if segments_BL is None else (segments_BL, segments_BL),
            keys_BS=keys_BL,
        )

    def dense(self) -> jax.Array:
        """The mask as an array [1 or B, 1, 1 or Q, S], True where a query may look at a key."""
        return self.block(0, 0, self.query_length, self.key_length)

    def block(
        self, query: jax.Array | int, key: jax.Array | int, num_queries: int, num_keys: int
    ) -> jax.Array:
        """That of `num_queries` queries from `query` on, and of `num_keys` keys from `key` on.

        Returns:
          Boolean [1 or B, 1, 1 or I, J].
        """
        seen = jnp.ones((1, 1, 1, num_keys), bool)
        if self.is_causal:
            seen = key + jnp.arange(num_keys) <= query + jnp.arange(num_queries)[:, None]
            seen = seen[None, None]
        if self.prefix_BS is not None:
            prefix_BI = _slice(self.prefix_BS, query, num_queries) > 0
            prefix_BJ = _slice(self.prefix_BS, key, num_keys) > 0
            seen = seen | (prefix_BI[:, :, None] & prefix_BJ[:, None, :])[:, None]
        if self.window is not None:
            behind_IJ = query + jnp.arange(num_queries)[:, None] - key - jnp.arange(num_keys)
            seen = seen & (jnp.abs(behind_IJ) < self.window)
        if self.segments is not None:
            of_queries_BI = _slice(self.segments[0], query, num_queries)
            of_keys_BJ = _slice(self.segments[1], key, num_keys)
            seen = seen & (of_queries_BI[:, :, None] == of_keys_BJ[:, None, :])[:, None]
        if self.keys_BS is not None:
            seen = seen & _slice(self.keys_BS, key, num_keys)[:, None, None, :]
        return seen

    def sees_any(self) -> jax.Array | None:
        """Which queries see any key, [1 or B, 1, 1 or Q, 1]; None where all do."""
        if self.is_causal and self.keys_BS is None:
            return None  # each sees itself
        return jnp.any(self.dense(), axis=-1, keepdims=True)

    def padded(self, query_length: int, key_length: int) -> Mask:
        """With queries and keys added behind these, of which none sees or is seen."""
        behind_Q, behind_S = query_length - self.query_length, key_length - self.key_length
        keys_BS = self.keys_BS
        # A causal mask hides them as it is.
        hides_them = self.is_causal and self.query_length <= self.key_length
        if keys_BS is None and behind_S and not hides_them:
            keys_BS = jnp.ones((1, self.key_length), bool)
        segments = None
        if self.segments is not None:
            queries_BQ, of_keys_BS = self.segments
            segments = _pad(queries_BQ, behind_Q), _pad(of_keys_BS, behind_S)
        return Mask(
            query_length=query_length,
            key_length=key_length,
            is_causal=self.is_causal,
            window=self.window,
            prefix_BS=None
            if self.prefix_BS is None
            else _pad(self.prefix_BS, max(behind_Q, behind_S)),
            segments=segments,
            keys_BS=None if keys_BS is None else _pad(keys_BS, behind_S),
        )

    def live_blocks(self, num_queries: int, num_keys: int) -> jax.Array:
        """Blocks of so many queries and keys, without most of those in which none sees any.

        Returns:
          Boolean [blocks of queries, blocks of keys].
        """
        query_N = jnp.arange(0, self.query_length, num_queries)
        key_M = jnp.arange(0, self.key_length, num_keys)
        live_NM = jnp.ones((len(query_N), len(key_M)), bool)
        if self.is_causal:
            live_NM = key_M <= query_N[:, None] + num_queries - 1
        if self.prefix_BS is not None:
            in_prefix_BS = self.prefix_BS > 0
            some_N = _any_in_blocks(in_prefix_BS[:, : self.query_length], num_queries)
            live_NM |= some_N[:, None] & _any_in_blocks(
                in_prefix_BS[:, : self.key_length], num_keys
            )
        if self.window is not None:
            live_NM &= key_M + num_keys > query_N[:, None] - self.window + 1
            live_NM &= key_M < query_N[:, None] + num_queries - 1 + self.window
        if self.segments is not None:
            least_BN, most_BN = _least_and_most(self.segments[0], num_queries)
            least_BM, most_BM = _least_and_most(self.segments[1], num_keys)
            overlap_BNM = (least_BN[:, :, None] <= most_BM[:, None]) & (
                least_BM[:, None] <= most_BN[:, :, None]
            )
            live_NM &= jnp.any(overlap_BNM, axis=0)
        if self.keys_BS is not None:
            live_NM &= _any_in_blocks(self.keys_BS, num_keys)
        return live_NM


def _slice(x_BL: jax.Array, start: jax.Array | int, size: int) -> jax.Array:
    if x_BL.shape[1] == size:
        return x_BL
    return jax.lax.dynamic_slice_in_dim(x_BL, start, size, axis=1)


def _pad(x_BL: jax.Array, behind: int) -> jax.Array:
    return jnp.pad(x_BL, ((0, 0), (0, behind)))


def _any_in_blocks(x_BL: jax.Array, size: int) -> jax.Array:
    return jnp.any(x_BL.reshape(x_BL.shape[0], -1, size), axis=(0, 2))


def _least_and_most(x_BL: jax.Array, size: int) -> tuple[jax.Array, jax.Array]:
    blocks = x_BL.reshape(x_BL.shape[0], -1, size)
    return blocks.min(axis=2), blocks.max(axis=2)
