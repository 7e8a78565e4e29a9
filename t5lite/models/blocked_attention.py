"""Attention in blocks of queries and keys: exact, in memory that grows as the length does.

The softmax is summed as its blocks come (Milakov and Gimelshein, arXiv:1805.02867), and the
backward pass computes the weights of a block anew from one number a query (Dao et al.,
arXiv:2205.14135). Blocks in which no query sees any key are not computed: those after the diagonal
of a causal mask, those between examples of a packed row.

Shapes: B batch, Q query length, S key length, H heads, G heads of keys and values, K d_kv, R
distances from the last query to the first key up to those from the first query to the last key;
of a block I queries, J keys, N = H / G * I queries that share keys.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from t5lite.models.masks import Mask
from t5lite.models.positions import shifted_rows

# Of a query that has seen no key. Finite, so that the difference of two of them is no NaN.
_NOTHING = -1e30


class Blocks(NamedTuple):
    """How many queries and keys are in a block."""

    num_queries: int
    num_keys: int


class _Inputs(NamedTuple):
    """What attention is computed of, lengths multiples of the blocks'.

    Attributes:
      q_BGNK: queries, those that share keys side by side: [B, G, H / G, Q, K].
      k_BGSK: keys.
      v_BGSK: values.
      bias_HR: bias by distance; None for none.
      keep_BHS: factor of each value, as dropout has it; None for none.
    """

    q_BGNK: jax.Array
    k_BGSK: jax.Array
    v_BGSK: jax.Array
    bias_HR: jax.Array | None
    keep_BHS: jax.Array | None


def blocked_attention(
    q_BHQK: jax.Array,
    k_BGSK: jax.Array,
    v_BGSK: jax.Array,
    *,
    mask: Mask,
    bias_HR: jax.Array | None,
    keep_BHS: jax.Array | None,
    blocks: Blocks,
) -> jax.Array:
    """softmax(q k + bias) v, as `attention.dot_product_attention` gives it, up to rounding.

    Args:
      q_BHQK: queries.
      k_BGSK: keys; query head h looks at head h // (H / G).
      v_BGSK: values.
      mask: which keys a query sees.
      bias_HR: what is added to the logits by distance; query i and key j have column j - i + Q - 1.
      keep_BHS: what the weight of each key is multiplied with after the softmax; dropout's.
      blocks: sizes of blocks; lengths need not be multiples of them.

    Returns:
      [B, H, Q, K] of the queries' type; zeros for a query that sees no key.
    """
    batch, num_heads, query_length, width = q_BHQK.shape
    num_kv_heads, key_length = k_BGSK.shape[1:3]
    blocks = Blocks(min(blocks.num_queries, query_length), min(blocks.num_keys, key_length))
    after_Q, after_S = -query_length % blocks.num_queries, -key_length % blocks.num_keys
    keys_behind = ((0, 0), (0, 0), (0, after_S), (0, 0))
    if bias_HR is not None:
        bias_HR = jnp.pad(bias_HR.astype(jnp.float32), ((0, 0), (after_Q, after_S)))
    if keep_BHS is not None:
        keep_BHS = jnp.pad(keep_BHS, ((0, 0), (0, 0), (0, after_S)))
    inputs = _Inputs(
        q_BGNK=jnp.pad(q_BHQK, ((0, 0), (0, 0), (0, after_Q), (0, 0))).reshape(
            batch, num_kv_heads, num_heads // num_kv_heads, query_length + after_Q, width
        ),
        k_BGSK=jnp.pad(k_BGSK, keys_behind),
        v_BGSK=jnp.pad(v_BGSK, keys_behind),
        bias_HR=bias_HR,
        keep_BHS=keep_BHS,
    )
    mask = mask.padded(query_length + after_Q, key_length + after_S)
    out = _attention(inputs, mask, blocks)
    return out.reshape(batch, num_heads, -1, width)[:, :, :query_length]


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _attention(inputs: _Inputs, mask: Mask, blocks: Blocks) -> jax.Array:
    return _forward(inputs, mask, blocks)[0]


_Residuals = tuple[_Inputs, Mask, jax.Array, jax.Array]


def _forward(inputs: _Inputs, mask: Mask, blocks: Blocks) -> tuple[jax.Array, _Residuals]:
    first, last = _ranges(mask, blocks)
    shape = (*inputs.q_BGNK.shape[:3], blocks.num_queries)

    def one(_: None, index: jax.Array) -> tuple[None, tuple[jax.Array, jax.Array]]:
        def add(key: jax.Array, carry: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
            total, greatest, out = carry
            logits = _logits(inputs, mask, blocks, index, key)
            greater = jnp.maximum(greatest, logits.max(axis=-1))
            weights, scale = jnp.exp(logits - greater[..., None]), jnp.exp(greatest - greater)
            total = total * scale + weights.sum(axis=-1)
            values = _rows(inputs.v_BGSK, key, blocks.num_keys)
            kept = _dropped(weights, inputs, blocks, key).astype(values.dtype)
            return total, greater, out * scale[..., None] + _over_keys(kept, values)

        start = jnp.zeros(shape), jnp.full(shape, _NOTHING), jnp.zeros((*shape, width))
        total, greatest, out = jax.lax.fori_loop(first[index], last[index], add, start)
        saw = greatest > _NOTHING
        out = jnp.where(saw[..., None], out / jnp.where(saw, total, 1.0)[..., None], 0.0)
        # Of a query that saw nothing every weight is exp(-inf).
        log_total = jnp.where(saw, greatest + jnp.log(total), jnp.inf)
        return None, (out.astype(inputs.q_BGNK.dtype), log_total)

    width = inputs.q_BGNK.shape[-1]
    _, (out, log_total) = jax.lax.scan(one, None, jnp.arange(len(first)))
    out, log_total = _joined(out), _joined(log_total)
    return out, (inputs, mask, out, log_total)


def _backward(blocks: Blocks, residuals: _Residuals, out_bar: jax.Array) -> tuple[_Inputs, None]:
    inputs, mask, out, log_total = residuals
    first, last = _ranges(mask, blocks)
    size_I, size_J = blocks
    mean = jnp.sum(out.astype(jnp.float32) * out_bar.astype(jnp.float32), axis=-1)

    def one(totals: _Inputs, index: jax.Array) -> tuple[_Inputs, jax.Array]:
        queries, bars = _rows(inputs.q_BGNK, index, size_I), _rows(out_bar, index, size_I)
        log_I, mean_I = (
            _rows(log_total, index, size_I, axis=-1),
            _rows(mean, index, size_I, axis=-1),
        )

        def add(key: jax.Array, carry: tuple[_Inputs, jax.Array]) -> tuple[_Inputs, jax.Array]:
            totals, query_bar = carry
            keys, values = (_rows(x, key, size_J) for x in (inputs.k_BGSK, inputs.v_BGSK))
            logits = _logits(inputs, mask, blocks, index, key)
            weights = jnp.exp(logits - log_I[..., None])
            kept = _dropped(weights, inputs, blocks, key).astype(values.dtype)
            weights_bar = _dropped(_over_width(bars, values), inputs, blocks, key)
            logits_bar = weights * (weights_bar - mean_I[..., None])
            narrow = logits_bar.astype(keys.dtype)
            totals = totals._replace(
                k_BGSK=_add_rows(totals.k_BGSK, _over_queries(narrow, queries), key),
                v_BGSK=_add_rows(totals.v_BGSK, _over_queries(kept, bars), key),
            )
            if totals.bias_HR is not None:
                totals = totals._replace(
                    bias_HR=_add_bias(totals.bias_HR, logits_bar, blocks, mask, index, key)
                )
            return totals, query_bar + _over_keys(narrow, keys)

        start = totals, jnp.zeros(queries.shape)
        totals, query_bar = jax.lax.fori_loop(first[index], last[index], add, start)
        return totals, query_bar.astype(queries.dtype)

    zeros = _Inputs(
        q_BGNK=jnp.zeros(()),
        k_BGSK=jnp.zeros(inputs.k_BGSK.shape),
        v_BGSK=jnp.zeros(inputs.v_BGSK.shape),
        bias_HR=None if inputs.bias_HR is None else jnp.zeros_like(inputs.bias_HR),
        keep_BHS=None,
    )
    totals, query_bars = jax.lax.scan(one, zeros, jnp.arange(len(first)))
    keep = inputs.keep_BHS
    bars = _Inputs(
        q_BGNK=_joined(query_bars),
        k_BGSK=totals.k_BGSK.astype(inputs.k_BGSK.dtype),
        v_BGSK=totals.v_BGSK.astype(inputs.v_BGSK.dtype),
        bias_HR=totals.bias_HR,
        keep_BHS=None if keep is None else jnp.zeros_like(keep),
    )
    return bars, None


_attention.defvjp(_forward, _backward)


def _ranges(mask: Mask, blocks: Blocks) -> tuple[jax.Array, jax.Array]:
    """For each block of queries the first block of keys, and the one after the last."""
    live_NM = mask.live_blocks(*blocks)
    first_N = jnp.argmax(live_NM, axis=1)
    last_N = live_NM.shape[1] - jnp.argmax(live_NM[:, ::-1], axis=1)
    return first_N, jnp.where(jnp.any(live_NM, axis=1), last_N, first_N)


def _logits(
    inputs: _Inputs, mask: Mask, blocks: Blocks, query: jax.Array, key: jax.Array
) -> jax.Array:
    """Float32 logits [B, G, H / G, I, J] of a block, masked ones `_NOTHING`."""
    size_I, size_J = blocks
    queries = _rows(inputs.q_BGNK, query, size_I)
    logits = _over_width(queries, _rows(inputs.k_BGSK, key, size_J))
    if inputs.bias_HR is not None:
        row = jax.lax.dynamic_slice_in_dim(
            *(inputs.bias_HR, _distance(mask, blocks, query, key), size_I + size_J - 1), axis=1
        )
        logits += shifted_rows(row, size_I).reshape(1, *logits.shape[1:])
    seen = mask.block(query * size_I, key * size_J, size_I, size_J)
    return jnp.where(seen[:, None], logits, _NOTHING)


def _distance(mask: Mask, blocks: Blocks, query: jax.Array, key: jax.Array) -> jax.Array:
    """The column of a block's last query and first key."""
    size_I, size_J = blocks
    return key * size_J - (query + 1) * size_I + mask.query_length


def _add_bias(
    total_HR: jax.Array,
    logits_bar: jax.Array,
    blocks: Blocks,
    mask: Mask,
    query: jax.Array,
    key: jax.Array,
) -> jax.Array:
    """Adds what a block says of the bias by distance."""
    num_heads = total_HR.shape[0]
    size_I, size_J = blocks
    row = jax.ShapeDtypeStruct((num_heads, size_I + size_J - 1), jnp.float32)
    to_row = jax.linear_transpose(functools.partial(shifted_rows, num_queries=size_I), row)
    (row_bar,) = to_row(logits_bar.sum(axis=0).reshape(num_heads, size_I, size_J))
    start = (0, _distance(mask, blocks, query, key))
    before = jax.lax.dynamic_slice(total_HR, start, row_bar.shape)
    return jax.lax.dynamic_update_slice(total_HR, before + row_bar, start)


def _dropped(weights: jax.Array, inputs: _Inputs, blocks: Blocks, key: jax.Array) -> jax.Array:
    if inputs.keep_BHS is None:
        return weights
    keep_BHJ = _rows(inputs.keep_BHS, key, blocks.num_keys, axis=-1)
    return weights * keep_BHJ.reshape(*weights.shape[:3], 1, -1)


def _rows(x: jax.Array, index: jax.Array, size: int, *, axis: int = -2) -> jax.Array:
    """The block of that index."""
    return jax.lax.dynamic_slice_in_dim(x, index * size, size, axis=x.ndim + axis)


def _add_rows(total_BGSK: jax.Array, rows_BGJK: jax.Array, index: jax.Array) -> jax.Array:
    size = rows_BGJK.shape[2]
    rows_BGJK += _rows(total_BGSK, index, size)
    return jax.lax.dynamic_update_slice_in_dim(total_BGSK, rows_BGJK, index * size, axis=2)


def _joined(blocks: jax.Array) -> jax.Array:
    """Blocks [blocks, B, G, H / G, I, ...] along the length."""
    joined = jnp.moveaxis(blocks, 0, 3)
    return joined.reshape(*joined.shape[:3], -1, *joined.shape[5:])


# Queries that share keys are rows of one product.


def _over_width(rows: jax.Array, columns_BGJK: jax.Array) -> jax.Array:
    """[B, G, H / G, I, K] by [B, G, J, K] to float32 [B, G, H / G, I, J]."""
    product = _einsum("bgnk,bgjk->bgnj", _flat(rows), columns_BGJK)
    return product.reshape(*rows.shape[:4], -1)


def _over_keys(weights: jax.Array, values_BGJK: jax.Array) -> jax.Array:
    """[B, G, H / G, I, J] by [B, G, J, K] to float32 [B, G, H / G, I, K]."""
    product = _einsum("bgnj,bgjk->bgnk", _flat(weights), values_BGJK)
    return product.reshape(*weights.shape[:4], -1)


def _over_queries(weights: jax.Array, rows: jax.Array) -> jax.Array:
    """[B, G, H / G, I, J] by [B, G, H / G, I, K] to float32 [B, G, J, K]."""
    return _einsum("bgnj,bgnk->bgjk", _flat(weights), _flat(rows))


def _flat(x: jax.Array) -> jax.Array:
    return x.reshape(*x.shape[:2], -1, x.shape[-1])


def _einsum(how: str, a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.einsum(how, a, b, preferred_element_type=jnp.float32)
