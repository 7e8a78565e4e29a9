"""Cross entropy over a large vocabulary, with the logits of a chunk of positions at a time.

Shape legend: B rows, T target positions, C chunks, N positions that a chunk has of each row, E
width of the output states, V vocabulary.
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
        *found, losses_CBN = _chunk_sums(arrays["kernel"], chunks, z_loss, label_smoothing)
        losses_BT = _in_rows(losses_CBN, arrays["weights"].shape[1])
        return *(total[None, None] for total in found), losses_BT

    arrays = {"x": x_BTE, "kernel": kernel_EV, "targets": targets_BT, "weights": weights_BT}
    if placement.num_parts("activation_vocab") == 1:
        # Each device adds up what its chunks say of the kernel before devices do; the compiler
        # would have them do it for each chunk, as it does where they hold parts of the kernel.
        axes = {"x": (*rows, None), "kernel": (None, None), "targets": rows, "weights": rows}
        *parts, losses_BT = placement.on_shards(sums, arrays, axes=axes, out_axes=rows)
    else:
        *parts, losses_BT = sums(arrays)
    return loss_sums(*map(jnp.sum, parts), losses_BT=losses_BT, weights_BT=weights_BT)


def _in_chunks(x: jax.Array, num_chunks: int) -> jax.Array:
    """Positions [B, T, ...] as chunks [C, B, N, ...]; what is added at the end weighs nothing.

    Neighbours go to different chunks, so that devices keep the rows and positions that they have.
    """
    batch, length, *rest = x.shape
    size = -(-length // num_chunks)
    num_chunks = -(-length // size)
    x = jnp.pad(x, ((0, 0), (0, size * num_chunks - length), *((0, 0),) * len(rest)))
    return jnp.moveaxis(x.reshape(batch, size, num_chunks, *rest), 2, 0)


def _in_rows(x_CBN: jax.Array, length: int) -> jax.Array:
    """Positions [B, T] of the chunks that they were in, without what was added."""
    _, batch, _ = x_CBN.shape
    return jnp.moveaxis(x_CBN, 0, 2).reshape(batch, -1)[:, :length]


_Chunks = dict[str, jax.Array]
_Sums = tuple[jax.Array, jax.Array, jax.Array]
_SumsAndLosses = tuple[jax.Array, jax.Array, jax.Array, jax.Array]


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _chunk_sums(
    kernel_EV: jax.Array, chunks: _Chunks, z_loss: float, label_smoothing: float
) -> _SumsAndLosses:
    """Weighted sums of loss, z-loss and right tokens, and each position's loss without z-loss.

    Only the first has a gradient.
    """

    def add(sums: _Sums, chunk: _Chunks) -> tuple[_Sums, jax.Array]:
        logits_BNV = chunk["x"] @ kernel_EV
        losses, _ = token_losses_forward(logits_BNV, chunk["targets"], z_loss, label_smoothing)
        return _add_sums(sums, logits_BNV, losses, chunk), losses[0] - losses[1]

    sums, losses_CBN = jax.lax.scan(add, _zero_sums(), chunks)
    return *sums, losses_CBN


def _zero_sums() -> _Sums:
    return (jnp.zeros(()),) * 3


def _add_sums(
    sums: _Sums, logits_BNV: jax.Array, losses: tuple[jax.Array, jax.Array], chunk: _Chunks
) -> _Sums:
    right_BN = first_of_greatest(logits_BNV) == chunk["targets"]
    a, b, c = (jnp.sum(x * chunk["weights"]) for x in (*losses, right_BN))
    return sums[0] + a, sums[1] + b, sums[2] + c


def _chunk_sums_forward(
    kernel_EV: jax.Array, chunks: _Chunks, z_loss: float, label_smoothing: float
) -> tuple[_SumsAndLosses, tuple[jax.Array, _Chunks]]:
    def add(
        carry: tuple[_Sums, jax.Array], chunk: _Chunks
    ) -> tuple[tuple[_Sums, jax.Array], tuple[jax.Array, jax.Array, jax.Array]]:
        sums, kernel_bar_EV = carry
        logits_BNV = chunk["x"] @ kernel_EV
        losses, residuals = token_losses_forward(
            logits_BNV, chunk["targets"], z_loss, label_smoothing
        )
        bars = chunk["weights"], jnp.zeros_like(chunk["weights"])
        logits_bar_BNV, _ = token_losses_backward(z_loss, label_smoothing, residuals, bars)
        carry = (
            _add_sums(sums, logits_BNV, losses, chunk),
            kernel_bar_EV + jnp.einsum("bne,bnv->ev", chunk["x"], logits_bar_BNV),
        )
        return carry, (logits_bar_BNV @ kernel_EV.T, losses[0], losses[0] - losses[1])

    start = _zero_sums(), jnp.zeros_like(kernel_EV)
    (sums, kernel_bar_EV), (x_bar, weights_bar, losses_CBN) = jax.lax.scan(add, start, chunks)
    return (*sums, losses_CBN), (kernel_bar_EV, {"x": x_bar, "weights": weights_bar})


def _chunk_sums_backward(
    z_loss: float,
    label_smoothing: float,
    bars: tuple[jax.Array, _Chunks],
    cotangents: _SumsAndLosses,
) -> tuple[jax.Array, dict[str, jax.Array | None]]:
    del z_loss, label_smoothing
    kernel_bar_EV, chunk_bars = jax.tree.map(lambda bar: bar * cotangents[0], bars)
    return kernel_bar_EV, {**chunk_bars, "targets": None}


_chunk_sums.defvjp(_chunk_sums_forward, _chunk_sums_backward)
