"""Rows of this host to globally sharded arrays, one batch ahead of the step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax

from t5lite import sharding
from t5lite.data.pipeline import TrainBatch, TrainData


def feed(
    train_data: TrainData, mesh: jax.sharding.Mesh
) -> Iterator[tuple[dict[str, Any], TrainBatch]]:
    """Yields `(device_batch, batch)`; the next batch is already on its way to the devices.

    Args:
      train_data: iterates this host's rows, with global statistics and the data state.
      mesh: rows are sharded over its data axes.

    Yields:
      The features as global arrays, and the host batch they came from (its `state` is the data
      state after this batch, whatever was prefetched beyond it).
    """
    ahead: tuple[dict[str, Any], TrainBatch] | None = None
    for batch in train_data:
        with jax.transfer_guard("allow"):  # the one transfer that a step needs
            placed = sharding.put_rows(batch.features, mesh), batch
        if ahead is not None:
            yield ahead
        ahead = placed
    if ahead is not None:
        yield ahead
