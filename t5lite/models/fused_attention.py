"""Attention by kernels of accelerators: cuDNN's on GPUs, JAX's Pallas flash attention on TPUs.

Both leave the weights of queries and keys where they are computed. A bias is an array all the same,
and has a gradient as large: of all rows of a batch together for Pallas, of each for cuDNN where its
mask is not the plain causal one, for cuDNN knows no segments and a mask goes into the bias.

Shapes: B batch, Q query length, S key length, H heads, G heads of keys and values, K d_kv.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from t5lite.models.layers import traced_placement
from t5lite.models.masks import Mask

# Lanes of a TPU's registers: lengths of the kernel are multiples.
_LANES = 128
# Blocks of the kernel, the largest that divides a length: the fewer there are, the less is read.
_TPU_BLOCKS = (512, 256, _LANES)


def cudnn_attention(
    q_BHQK: jax.Array,
    k_BGSK: jax.Array,
    v_BGSK: jax.Array,
    *,
    mask: Mask,
    bias: jax.Array | None,
    keep_BHS: jax.Array | None,
) -> jax.Array:
    """softmax(q k + bias) v, as `blocked_attention` gives it; bfloat16, lengths even."""
    k_BGSK, v_BGSK = _with_dropout(k_BGSK, v_BGSK, keep_BHS)
    is_plain = mask.query_length == mask.key_length and not jax.tree.leaves(mask)
    # cuDNN takes no window beside a bias.
    is_plain = is_plain and (mask.window is None or bias is None)
    drawn, window = None, None
    if mask.is_causal and is_plain:
        window = None if mask.window is None else (mask.window - 1, 0)
    else:
        seen = mask.dense()
        drawn = jnp.broadcast_to(seen, (*seen.shape[:2], mask.query_length, mask.key_length))
    q_BQHK, k_BSGK, v_BSGK = (x.transpose(0, 2, 1, 3) for x in (q_BHQK, k_BGSK, v_BGSK))
    out_BQHK = jax.nn.dot_product_attention(
        q_BQHK,
        k_BSGK,
        v_BSGK,
        bias=None if bias is None else bias.astype(q_BHQK.dtype),
        mask=drawn,
        scale=1.0,
        is_causal=drawn is None,
        local_window_size=window,
        implementation="cudnn",
    )
    return _blank(out_BQHK.transpose(0, 2, 1, 3), mask)


def pallas_attention(
    q_BHQK: jax.Array,
    k_BGSK: jax.Array,
    v_BGSK: jax.Array,
    *,
    mask: Mask,
    bias: jax.Array | None,
    keep_BHS: jax.Array | None,
) -> jax.Array:
    """softmax(q k + bias) v, as `blocked_attention` gives it.

    The mask is no prefix language model's and has no window.
    """
    assert mask.prefix_BS is None and mask.window is None
    batch, num_heads, query_length, _ = q_BHQK.shape
    k_BGSK, v_BGSK = _with_dropout(k_BGSK, v_BGSK, keep_BHS)
    each = num_heads // k_BGSK.shape[1]
    k_BHSK, v_BHSK = (jnp.repeat(x, each, axis=1) for x in (k_BGSK, v_BGSK))
    after_Q, after_S = (-length % _LANES for length in (query_length, mask.key_length))
    padded = mask.padded(query_length + after_Q, mask.key_length + after_S)
    of_heads = ("batch", "heads", None, None)
    arrays = {
        "q": _pad(q_BHQK, after_Q),
        "k": _pad(k_BHSK, after_S),
        "v": _pad(v_BHSK, after_S),
    }
    axes: dict[str, tuple[str | None, ...]] = dict.fromkeys(arrays, of_heads)
    if bias is not None:
        pairs = ((0, 0), (0, after_Q), (0, after_S))
        arrays["bias"] = jnp.pad(bias[0].astype(jnp.float32), pairs)
        axes["bias"] = ("heads", None, None)
    if (ids := _segments(padded, batch)) is not None:
        arrays["query_ids"], arrays["key_ids"] = ids
        axes |= dict.fromkeys(("query_ids", "key_ids"), ("batch", None))
    out_BHQK = traced_placement().on_shards(
        functools.partial(_flash, is_causal=mask.is_causal), arrays, axes=axes, out_axes=of_heads
    )
    return _blank(out_BHQK[:, :, :query_length], mask)


def _flash(arrays: dict[str, jax.Array], *, is_causal: bool) -> jax.Array:
    """Runs the kernel on what one device has."""
    from jax.experimental.pallas.ops.tpu import flash_attention as flash

    arrays = dict(arrays)
    bias_HQS = arrays.pop("bias", None)
    sizes = _block_sizes(flash, arrays["q"].shape[2], arrays["k"].shape[2])

    def call(rows: dict[str, jax.Array], bias: jax.Array | None) -> jax.Array:
        ids = None
        if "query_ids" in rows:
            ids = flash.SegmentIds(q=rows["query_ids"], kv=rows["key_ids"])
        return flash.flash_attention(
            *(rows["q"], rows["k"], rows["v"], bias, ids), causal=is_causal, block_sizes=sizes
        )

    if bias_HQS is None:
        return call(arrays, None)

    # The kernel would have the bias repeated for every row, and gives a gradient for each: row
    # after row they are as large as the bias.
    def one(row: dict[str, jax.Array]) -> jax.Array:
        return call(jax.tree.map(lambda x: x[None], row), bias_HQS[None])[0]

    return jax.lax.map(one, arrays)


def _block_sizes(flash: Any, query_length: int, key_length: int) -> Any:
    size_Q, size_S = (
        next(size for size in _TPU_BLOCKS if length % size == 0)
        for length in (query_length, key_length)
    )
    return flash.BlockSizes(
        block_b=1,
        block_q=size_Q,
        block_k_major=size_S,
        block_k=size_S,
        block_q_major_dkv=size_Q,
        block_q_dkv=size_Q,
        block_k_major_dkv=size_S,
        block_k_dkv=size_S,
        block_q_dq=size_Q,
        block_k_major_dq=size_S,
        block_k_dq=size_S,
    )


def _segments(mask: Mask, batch: int) -> tuple[jax.Array, jax.Array] | None:
    """A mask that is not only causal as segment ids of queries and keys."""
    if mask.segments is None and mask.keys_BS is None:
        return None
    lengths = mask.query_length, mask.key_length
    queries_BQ, keys_BS = mask.segments or (jnp.ones((batch, n), jnp.int32) for n in lengths)
    if mask.keys_BS is not None:
        keys_BS = jnp.where(mask.keys_BS, keys_BS, -1)
    return queries_BQ.astype(jnp.int32), keys_BS.astype(jnp.int32)


def _with_dropout(
    k_BGSK: jax.Array, v_BGSK: jax.Array, keep_BHS: jax.Array | None
) -> tuple[jax.Array, jax.Array]:
    """T5 drops a key for all queries of a head at once, which the values can say."""
    if keep_BHS is None:
        return k_BGSK, v_BGSK
    each = keep_BHS.shape[1] // k_BGSK.shape[1]
    k_BHSK, v_BHSK = (jnp.repeat(x, each, axis=1) for x in (k_BGSK, v_BGSK))
    return k_BHSK, v_BHSK * keep_BHS[..., None].astype(v_BHSK.dtype)


def _pad(x_BHLK: jax.Array, behind: int) -> jax.Array:
    return jnp.pad(x_BHLK, ((0, 0), (0, 0), (0, behind), (0, 0)))


def _blank(out_BHQK: jax.Array, mask: Mask) -> jax.Array:
    """With zeros for queries that see no key."""
    saw = mask.sees_any()
    return out_BHQK if saw is None else jnp.where(saw, out_BHQK, 0)
