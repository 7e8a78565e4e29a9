"""How models know order: biases by distance (T5's and ALiBi's), rotations, and learned tables.

Relative bias: Raffel et al., arXiv:1910.10683, section 2.1. ALiBi: Press et al., arXiv:2108.12409.
Rotary: Su et al., arXiv:2104.09864.
Shapes: B batch, L length, D d_model, H heads, Q query length, S key length, R distances, U buckets,
K d_kv, I pairs of entries that are rotated.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from t5lite.models.config import TransformerConfig
from t5lite.models.layers import initializers, lookup, parameter
from t5lite.models.position_config import Learned, RelativeBias, Rotary
from t5lite.models.rotary_scaling import LengthScaling

Rotation = tuple[jax.Array, jax.Array]


def relative_position_bucket(
    relative_position: np.ndarray, *, bidirectional: bool, num_buckets: int, max_distance: int
) -> np.ndarray:
    """Buckets of key position minus query position: exact when near, logarithmic when far.

    Computed by NumPy in float32, as T5X does: the logarithm decides which side of a bucket's edge
    a distance falls, so it must not depend on the device.

    Args:
      relative_position: Integers, key position minus query position.
      bidirectional: Whether keys after the query get buckets of their own (half of them).
      num_buckets: Number of buckets.
      max_distance: From this distance on all positions share the last bucket.

    Returns:
      int32 of the same shape, in [0, num_buckets).
    """
    distance = -np.asarray(relative_position, np.int32)
    offset = np.zeros_like(distance)
    if bidirectional:
        num_buckets //= 2
        offset = np.where(distance < 0, num_buckets, 0).astype(np.int32)
        distance = np.abs(distance)
    else:
        distance = np.maximum(distance, 0)
    num_exact = num_buckets // 2
    ratio = distance.astype(np.float32) / num_exact + np.finfo(np.float32).eps
    octaves = np.log(ratio) / np.log(max_distance / num_exact)
    far = num_exact + (octaves * (num_buckets - num_exact)).astype(np.int32)
    return offset + np.where(distance < num_exact, distance, np.minimum(far, num_buckets - 1))


def shifted_rows(by_distance_HR: jax.Array, num_queries: int) -> jax.Array:
    """From values of R distances to rows [H, Q, R - Q + 1], each one distance behind the one above.

    Args:
      by_distance_HR: Of each distance, the last query's from the first key first.
      num_queries: Q; query i and key j have column j - i + Q - 1.
    """
    # Repeating the row with one column of padding and cutting it one column shorter shifts each
    # row by one: no gather, so no scatter backward.
    num_heads, num_distances = by_distance_HR.shape
    padded = jnp.pad(by_distance_HR, ((0, 0), (0, 1)))
    tiled = jnp.tile(padded, (1, num_queries))[:, : num_queries * num_distances]
    shifted = tiled.reshape(num_heads, num_queries, num_distances)
    return shifted[:, :, num_queries - 1 :]


class RelativeBiasTable(nnx.Module):
    """One learned bias a head and bucket, shared by all layers of a stack, or one layer's own."""

    def __init__(self, config: RelativeBias, num_heads: int, *, bidirectional: bool):
        shape = (num_heads, config.num_buckets)
        # The heads have an axis name of their own: the table is tiny and is best replicated.
        self.rel_embedding = parameter(
            shape,
            axes=("relpos_heads", "relpos_buckets"),
            init_fn=jax.nn.initializers.variance_scaling(1.0, "fan_avg", "uniform"),
        )
        self.bidirectional = bidirectional
        self.max_distance = config.max_distance

    def __call__(self, query_length: int, key_length: int) -> jax.Array:
        """Bias [1, H, Q, S] where query i stands at position i and key j at position j."""
        by_distance_HR = self.by_distance(query_length, key_length)
        return shifted_rows(by_distance_HR, query_length)[None]

    def by_distance(self, query_length: int, key_length: int) -> jax.Array:
        """Bias [H, R] of every distance from -(query_length - 1) to key_length - 1."""
        num_buckets = self.rel_embedding.shape[1]
        bucket_R = relative_position_bucket(
            np.arange(1 - query_length, key_length),
            bidirectional=self.bidirectional,
            num_buckets=num_buckets,
            max_distance=self.max_distance,
        )
        one_hot_UR = np.arange(num_buckets)[:, None] == bucket_R[None, :]
        return jnp.matmul(
            self.rel_embedding[...].astype(jnp.float32),
            one_hot_UR.astype(np.float32),
            precision=jax.lax.Precision.HIGHEST,
        )

    def at_positions(self, query_BQ: jax.Array, key_BS: jax.Array) -> jax.Array:
        """Bias [B, H, Q, S] of queries that see nothing behind them; positions are below S."""
        key_length = key_BS.shape[1]
        by_distance_HR = self.by_distance(key_length, key_length)
        distance_BQS = key_BS[:, None, :] - query_BQ[:, :, None]
        column_BQS = jnp.clip(distance_BQS, 1 - key_length, 0) + key_length - 1
        return jnp.moveaxis(by_distance_HR[:, column_BQS], 0, 1)


@dataclasses.dataclass(frozen=True)
class AlibiBias:
    """ALiBi's bias of each head; what may be asked of a `RelativeBiasTable` may be of it.

    Attributes:
      slopes: By how much a head's bias falls with each token of distance.
    """

    slopes: tuple[float, ...]

    def __call__(self, query_length: int, key_length: int) -> jax.Array:
        """See `RelativeBiasTable`."""
        return self.at_positions(jnp.arange(query_length)[None], jnp.arange(key_length)[None])

    def by_distance(self, query_length: int, key_length: int) -> jax.Array:
        """See `RelativeBiasTable`."""
        return self._of(jnp.arange(1 - query_length, key_length))

    def at_positions(self, query_BQ: jax.Array, key_BS: jax.Array) -> jax.Array:
        """Bias [B, H, Q, S] of queries and keys at these positions."""
        return jnp.moveaxis(self._of(key_BS[:, None, :] - query_BQ[:, :, None]), 0, 1)

    def _of(self, distance: jax.Array) -> jax.Array:
        slope_H = jnp.array(self.slopes, jnp.float32)
        return -slope_H.reshape(-1, *[1] * distance.ndim) * jnp.abs(distance)


BiasByDistance = RelativeBiasTable | AlibiBias


class PositionEmbedding(nnx.Module):
    """A learned vector for each position, added to the embedded tokens."""

    def __init__(self, config: TransformerConfig):
        assert isinstance(config.positions, Learned)
        self.offset = config.positions.offset
        shape = (self.offset + config.positions.max_positions, config.d_model)
        init_fn = initializers(config).embedding
        self.embedding = parameter(shape, axes=("positions", "embed"), init_fn=init_fn)
        self.dtype = config.dtype

    def __call__(self, position_BL: jax.Array) -> jax.Array:
        """Vectors [B, L, D]; a position beyond the table gives NaN, never another's row."""
        # A negative index would count from the end.
        row_BL = jnp.where(position_BL < 0, self.embedding.shape[0], position_BL + self.offset)
        return lookup(self.embedding[...].astype(self.dtype), row_BL)


def text_lengths(position_BL: jax.Array, segments_BL: jax.Array | None) -> jax.Array:
    """Length of the text that each token stands in, [B, L], or [B, 1] where a row is one text.

    Args:
      position_BL: Where in its text each token stands.
      segments_BL: Ids of the texts of a row, each text in one piece; None for one text a row.
    """
    if segments_BL is None:
        return jnp.max(position_BL, axis=1, keepdims=True) + 1
    length = segments_BL.shape[1]
    is_last_BL = jnp.diff(segments_BL, axis=1, append=-1) != 0
    last_BL = jnp.where(is_last_BL, jnp.arange(length), length)
    end_BL = jax.lax.cummin(last_BL, axis=1, reverse=True)
    return jnp.take_along_axis(position_BL, end_BL, axis=1) + 1


def rotation(
    rotary: Rotary, position_BL: jax.Array, *, d_kv: int, length_BL: jax.Array | None = None
) -> Rotation:
    """Cosines and sines, float32 [B, 1, L, I], that `rotate` turns heads at these positions by.

    Args:
      rotary: How.
      position_BL: Where in its text each token stands.
      d_kv: Width of a head.
      length_BL: That of the texts, which broadcasts to [B, L]; None where they may yet grow. Under
        a `LengthScaling` a growing text then has the original length at most: positions beyond it
        give NaN, for keys that are kept were turned as those of a shorter text.
    """
    frequency_I, scale = rotary.frequencies(d_kv)
    frequency: np.ndarray | jax.Array = frequency_I
    if isinstance(rotary.scaling, LengthScaling):
        if length_BL is None:
            is_known_BL = position_BL < rotary.scaling.original_length
            frequency = jnp.where(is_known_BL[..., None], frequency_I, jnp.nan)
        else:
            unscaled_I, _ = dataclasses.replace(rotary, scaling=None).frequencies(d_kv)
            frequency = rotary.scaling.scaled_at(unscaled_I, length_BL)
    angle_BLI = position_BL.astype(jnp.float32)[..., None] * frequency
    return scale * jnp.cos(angle_BLI)[:, None], scale * jnp.sin(angle_BLI)[:, None]


def rotate(x_BHLK: jax.Array, by: Rotation) -> jax.Array:
    """Turns the first 2 I entries of each head, entry i together with entry i + I."""
    cos_B1LI, sin_B1LI = by
    num_pairs = cos_B1LI.shape[-1]
    turned = x_BHLK[..., : 2 * num_pairs].astype(jnp.float32)
    a_BHLI, b_BHLI = turned[..., :num_pairs], turned[..., num_pairs:]
    rotated = [a_BHLI * cos_B1LI - b_BHLI * sin_B1LI, b_BHLI * cos_B1LI + a_BHLI * sin_B1LI]
    rest = x_BHLK[..., 2 * num_pairs :]
    return jnp.concatenate([*(part.astype(x_BHLK.dtype) for part in rotated), rest], axis=-1)
