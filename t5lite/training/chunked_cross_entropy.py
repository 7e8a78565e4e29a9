"""Cross entropy over a large vocabulary, with the logits of a chunk of positions at a time.

Shape legend: B rows, T target positions, N positions of a chunk, E width of the output states, V
vocabulary.
"""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp

from t5lite.models.layers import traced_placement
from t5lite.training.objective import LossSums
from t5lite.training.token_losses import (
    first_of_greatest,
    loss_sums,
    token_losses_backward,
    token_losses_forward,
)

# Float32 logits that a device holds at a time, where nothing else is said.
_CHUNK_BYTES = 256 << 20


def num_chunks_for(shape_BT: tuple[int, ...], vocab_size: int) -> int:
    """The fewest chunks whose logits are no larger than is good on each device."""
    axes = ("batch", "length", "activation_vocab")
    parts = math.prod(map(traced_placement().num_parts, axes))
    batch, length = shape_BT
    num_positions = _CHUNK_BYTES * parts // (4 * batch * vocab_size)
    return -(-length // max(num_positions, 1))


def chunked_cross_entropy(
    x_BTE: jax.Array,
    kernel_EV: jax.Array,
    *,
    targets_BT: jax.Array,
    weights_BT: jax.Array,
    z_loss: float,
    label_smoothing: float,
    num_chunks: int,
) -> LossSums:
    """What `cross_entropy` gives of logits x @ kernel, of which only a chunk is there at a time.

    A chunk's gradient is computed with its loss, for then its logits are there: the same products
    as without chunks. Metrics have no gradient.

    Args:
      x_BTE: float32 output states.
      kernel_EV: float32 output projection.
      targets_BT: token ids.
      weights_BT: the weight of each position.
      z_loss: as for `cross_entropy`.
      label_smoothing: as for `cross_entropy`.
      num_chunks: parts of the positions of each row, one after another; at most so many.
    """
    placement, rows = traced_placement(), ("batch", "length")
    # Gathered once, not for each chunk.
    kernel_EV = placement.constrain(kernel_EV, ("activation_embed", "activation_vocab"))

    def sums(arrays: dict[str, jax.Array]) -> tuple[jax.Array, ...]:
        chunks = {n: _in_chunks(arrays[n], num_chunks) for n in ("x", "targets", "weights")}
        found = _chunk_sums(arrays["kernel"], chunks, z_loss, label_smoothing)
        return tuple(total[None, None] for total in found)

    arrays = {"x": x_BTE, "kernel": kernel_EV, "targets": targets_BT, "weights": weights_BT}
    if placement.num_parts("activation_vocab") == 1:
        # Each device adds up what its chunks say of the kernel before devices do; the compiler
        # would have them do it for each chunk, as it does where they hold parts of the kernel.
        axes = {"x": (*rows, None), "kernel": (None, None), "targets": rows, "weights": rows}
        parts = placement.on_shards(sums, arrays, axes=axes, out_axes=rows)
    else:
        parts = sums(arrays)
    return loss_sums(*map(jnp.sum, parts), weight=jnp.sum(weights_BT))


def _in_chunks(x: jax.Array, num_chunks: int) -> jax.Array:
    """Positions [B, T, ...] as chunks [C, N, ...]; what is added at the end weighs nothing.

    Neighbours go to different chunks, so that devices keep the rows and positions that they have.
    """
    batch, length, *rest = x.shape
    size = -(-length // num_chunks)
    num_chunks = -(-length // size)
    x = jnp.pad(x, ((0, 0), (0, size * num_chunks - length), *((0, 0),) * len(rest)))
    x = jnp.moveaxis(x.reshape(batch, size, num_chunks, *rest), 2, 0)
    return x.reshape(num_chunks, batch * size, *rest)


_Chunks = dict[str, jax.Array]
_Sums = tuple[jax.Array, jax.Array, jax.Array]


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _chunk_sums(
    kernel_EV: jax.Array, chunks: _Chunks, z_loss: float, label_smoothing: float
) -> _Sums:
    """Weighted sums of loss, z-loss and right tokens; only the first has a gradient."""

    def add(sums: _Sums, chunk: _Chunks) -> tuple[_Sums, None]:
        logits_NV = chunk["x"] @ kernel_EV
        losses, _ = token_losses_forward(logits_NV, chunk["targets"], z_loss, label_smoothing)
        return _add_sums(sums, logits_NV, losses, chunk), None

    return jax.lax.scan(add, _zero_sums(), chunks)[0]


def _zero_sums() -> _Sums:
    return (jnp.zeros(()),) * 3


def _add_sums(
    sums: _Sums, logits_NV: jax.Array, losses: tuple[jax.Array, jax.Array], chunk: _Chunks
) -> _Sums:
    right_N = first_of_greatest(logits_NV) == chunk["targets"]
    a, b, c = (jnp.sum(x * chunk["weights"]) for x in (*losses, right_N))
    return sums[0] + a, sums[1] + b, sums[2] + c


def _chunk_sums_forward(
    kernel_EV: jax.Array, chunks: _Chunks, z_loss: float, label_smoothing: float
) -> tuple[_Sums, tuple[jax.Array, _Chunks]]:
    def add(
        carry: tuple[_Sums, jax.Array], chunk: _Chunks
    ) -> tuple[tuple[_Sums, jax.Array], tuple[jax.Array, jax.Array]]:
        sums, kernel_bar_EV = carry
        logits_NV = chunk["x"] @ kernel_EV
        losses, residuals = token_losses_forward(
            logits_NV, chunk["targets"], z_loss, label_smoothing
        )
        bars = chunk["weights"], jnp.zeros_like(chunk["weights"])
        logits_bar_NV, _ = token_losses_backward(z_loss, label_smoothing, residuals, bars)
        carry = (
            _add_sums(sums, logits_NV, losses, chunk),
            kernel_bar_EV + chunk["x"].T @ logits_bar_NV,
        )
        return carry, (logits_bar_NV @ kernel_EV.T, losses[0])

    start = _zero_sums(), jnp.zeros_like(kernel_EV)
    (sums, kernel_bar_EV), (x_bar, weights_bar) = jax.lax.scan(add, start, chunks)
    return sums, (kernel_bar_EV, {"x": x_bar, "weights": weights_bar})


def _chunk_sums_backward(
    z_loss: float, label_smoothing: float, bars: tuple[jax.Array, _Chunks], sums_bar: _Sums
) -> tuple[jax.Array, dict[str, jax.Array | None]]:
    del z_loss, label_smoothing
    kernel_bar_EV, chunk_bars = jax.tree.map(lambda bar: bar * sums_bar[0], bars)
    return kernel_bar_EV, {**chunk_bars, "targets": None}


_chunk_sums.defvjp(_chunk_sums_forward, _chunk_sums_backward)
