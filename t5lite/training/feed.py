"""Rows of this host to globally sharded arrays, one batch ahead of the step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import jax
import numpy as np
import numpy.typing as npt

from t5lite import sharding
from t5lite.data.batches import TrainBatch
from t5lite.data.pipeline import TrainData


def feed(
    train_data: TrainData,
    mesh: jax.sharding.Mesh,
    *,
    task_bits: Mapping[str, npt.NDArray[np.int32]] = MappingProxyType({}),
) -> Iterator[tuple[dict[str, Any], TrainBatch]]:
    """Yields `(device_batch, batch)`; the next batch is already on its way to the devices.

    Args:
      train_data: iterates this host's rows, with global statistics and the data state.
      mesh: rows are sharded over its data axes.
      task_bits: features that say of each target position the groups of its Task, by name: the
        groups of each Task `[T]`, as `task_groups.bits_of_tasks` gives them.

    Yields:
      The features as global arrays, and the host batch they came from (its `state` is the data
      state after this batch, whatever was prefetched beyond it).
    """
    ahead: tuple[dict[str, Any], TrainBatch] | None = None
    for batch in train_data:
        bits = {name: bits_T[batch.task_ids] for name, bits_T in task_bits.items()}
        features = batch.features | bits
        with jax.transfer_guard("allow"):  # the one transfer that a step needs
            placed = sharding.put_rows(features, mesh), batch
        if ahead is not None:
            yield ahead
        ahead = placed
    if ahead is not None:
        yield ahead
