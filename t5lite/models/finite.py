"""Parameters that are no numbers a model can be run with: NaN and infinities, by name."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from t5lite.models.parameters import Params, flatten_names

_SHOWN = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class NonFinite:
    """Numbers of one array that are not finite.

    Attributes:
      name: The array's.
      count: How many.
      size: Of how many.
      index: Of the first.
      value: The first.
    """

    name: str
    count: int
    size: int
    index: tuple[int, ...]
    value: float

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.count:,} of {self.size:,}, the first at {list(self.index)} "
            f"({self.value})"
        )


def find_in_array(name: str, array: np.ndarray) -> NonFinite | None:
    """What of an array in memory is not finite; None if all is."""
    bad = ~np.isfinite(array)
    if not bad.any():
        return None
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(bad)), array.shape))
    return NonFinite(
        name=name,
        count=int(bad.sum()),
        size=array.size,
        index=index,
        value=float(array[index]),
    )


def find(params: Params) -> list[NonFinite]:
    """What of a model's parameters is not finite, wherever they lie; they stay there."""
    flat = flatten_names(params)
    flags = jax.device_get(_all_finite(flat))
    return [_found(name, flat[name]) for name in sorted(flat) if not flags[name]]


def describe(found: list[NonFinite]) -> str:
    """A line each of the first few."""
    lines = [f"  {item}" for item in found[:_SHOWN]]
    if len(found) > _SHOWN:
        lines.append(f"  ... and {len(found) - _SHOWN} more")
    return "\n".join(lines)


@jax.jit
def _all_finite(flat: Mapping[str, Any]) -> dict[str, jax.Array]:
    return {name: jnp.isfinite(leaf).all() for name, leaf in flat.items()}


def _found(name: str, leaf: Any) -> NonFinite:
    bad = ~jnp.isfinite(leaf)
    index = tuple(int(i) for i in np.unravel_index(int(jnp.argmax(bad)), leaf.shape))
    return NonFinite(
        name=name,
        count=int(bad.sum()),
        size=math.prod(leaf.shape),
        index=index,
        value=float(leaf[index]),
    )
