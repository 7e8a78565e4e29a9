"""Tables of learned positions, interpolated where a run's texts are longer than the checkpoint's.

Shapes: N positions of the run, O of the checkpoint, D d_model.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from t5lite.models.config import TransformerConfig
from t5lite.models.position_config import Learned

_TABLE = "position_embedder/embedding"


def is_table(name: str) -> bool:
    """Whether a parameter is a table of learned positions."""
    return name.endswith(_TABLE)


def check(model: TransformerConfig, checkpoint: TransformerConfig) -> None:
    """Refuses to interpolate what is no table, or becomes no longer.

    Args:
      model: the run's.
      checkpoint: the checkpoint's.

    Raises:
      ValueError: one of them has other positions, or the run has no more of them.
    """
    if model.max_positions is None or checkpoint.max_positions is None:
        raise ValueError(
            "initial_checkpoint.interpolate_positions = True is for tables of learned positions; "
            f"TransformerConfig.positions is {checkpoint.positions} in the checkpoint and "
            f"{model.positions} in this run. Leave it out; rotary positions have Rotary.scaling."
        )
    if model.max_positions <= checkpoint.max_positions:
        raise ValueError(
            "initial_checkpoint.interpolate_positions = True makes a table of more positions, and "
            f"Learned.max_positions is {model.max_positions} in this run, "
            f"{checkpoint.max_positions} in the checkpoint. Leave it out, or raise the former."
        )


def rows_before(checkpoint: TransformerConfig) -> int:
    """Rows of a table of the checkpoint, unused ones in front included."""
    assert isinstance(checkpoint.positions, Learned)
    return checkpoint.positions.offset + checkpoint.positions.max_positions


@functools.partial(jax.jit, static_argnames=("num_rows", "offset"))
def interpolated(table: jax.Array, *, num_rows: int, offset: int) -> jax.Array:
    """Rows between those of a table, linearly; the first position and the last stay where they are.

    As `torch.nn.functional.interpolate(mode="linear", align_corners=True)` over the positions.

    Args:
      table: [offset + O, D].
      num_rows: offset + N.
      offset: rows in front that are no positions, and stay as they are.

    Returns:
      [offset + N, D] of the table's type.
    """
    table_OD = table[offset:].astype(jnp.float32)
    last = len(table_OD) - 1
    # Its numbers, in 64 bits, do not depend on the device.
    place_N = np.linspace(0, last, num_rows - offset)
    below_N = np.minimum(place_N.astype(np.int32), max(last - 1, 0))
    share_N1 = (place_N - below_N).astype(np.float32)[:, None]
    above_N = np.minimum(below_N + 1, last)
    table_ND = table_OD[below_N] * (1 - share_N1) + table_OD[above_N] * share_N1
    return jnp.concatenate([table[:offset], table_ND.astype(table.dtype)])
