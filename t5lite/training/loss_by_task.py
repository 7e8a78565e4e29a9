"""The loss of each task: summed on the devices from one line of figures to the next.

A packed row holds examples of several tasks, so sums go by target positions. They cost two small
arrays, however many tasks and steps there are, and are fetched when they are written.

Shape legend: B rows, T target positions, K tasks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from t5lite import sharding
from t5lite.training.objective import Mean


class LossByTask:
    """Losses since the last line, by task."""

    def __init__(
        self,
        task_names: Sequence[str],
        mesh: jax.sharding.Mesh,
        *,
        saved: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        """Starts at nothing, or at what `state` gave; sums of tasks that are no more are lost."""
        self._names, self._mesh = tuple(task_names), mesh
        self._add = jax.jit(_added, donate_argnums=0, out_shardings=sharding.replicated(mesh))
        self._sums_2K = self._put(
            np.transpose([(saved or {}).get(name, (0.0, 0.0)) for name in task_names])
        )

    def add(self, losses_BT: Mean, task_ids_BT: npt.NDArray[np.int32]) -> None:
        """Adds those of a step, which may be still being computed.

        Args:
          losses_BT: losses of positions times weights, and weights, as the step gives them.
          task_ids_BT: this process's rows of the tasks that positions are of.
        """
        task_ids = sharding.put_rows({"task_ids": task_ids_BT}, self._mesh)["task_ids"]
        self._sums_2K = self._add(self._sums_2K, losses_BT, task_ids)

    def take(self) -> jax.Array:
        """Gives the sums of losses and weights so far, [2, K], and begins anew."""
        taken = self._sums_2K
        self._sums_2K = self._put(np.zeros(taken.shape))
        return taken

    def values(self, sums_2K: npt.NDArray[np.float32]) -> dict[str, float]:
        """Means of the tasks that were drawn, by their names among the figures of a step."""
        return {
            f"loss_by_task/{self._names[task]}": float(sums_2K[0, task] / sums_2K[1, task])
            for task in np.flatnonzero(sums_2K[1])
        }

    def state(self) -> dict[str, list[float]]:
        """What is summed and not yet taken, in JSON's types: a run that resumes goes on with it."""
        sums_2K = np.asarray(jax.device_get(self._sums_2K))
        return {self._names[task]: sums_2K[:, task].tolist() for task in np.flatnonzero(sums_2K[1])}

    def _put(self, sums_2K: npt.ArrayLike) -> jax.Array:
        return jax.device_put(np.asarray(sums_2K, np.float32), sharding.replicated(self._mesh))


def _added(sums_2K: jax.Array, losses_BT: Mean, task_ids_BT: jax.Array) -> jax.Array:
    losses_K, weights_K = (
        jnp.zeros(sums_2K.shape[1]).at[task_ids_BT].add(x_BT) for x_BT in losses_BT
    )
    return sums_2K + jnp.stack([losses_K, weights_K])
