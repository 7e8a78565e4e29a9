"""Which model an adapter was trained on: where it lies, and what tells it from any other.

The hash is of names, shapes and numbers, rounded to bfloat16: the same model in another format, on
other devices, or held in bfloat16, is the same. It finds accidents, and is no protection from
somebody who means to deceive.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from t5lite.checkpoints.name_differences import name_differences
from t5lite.messages.value_types import check_fields
from t5lite.models.parameters import flatten_names

_EMBEDDING = "token_embedder/embedding"
_SEEDS = (0x9E3779B1, 0x85EBCA77)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BaseModel:
    """The model that a run's adapters were trained on.

    Attributes:
      path: where it lay: a t5lite model folder, or a checkpoint of any other format.
      step: which checkpoint of a t5lite model folder; None for other formats.
      parameter_hash: of its parameters; see `parameter_hash`.
      dtype: the type in which they were held.
    """

    path: str
    step: int | None
    parameter_hash: str
    dtype: str = "float32"

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> BaseModel:
        """Reads what `dataclasses.asdict` made of one.

        Raises:
          ValueError: a field is missing, unknown, or of another type.
        """
        hints = {"path": str, "step": int | None, "parameter_hash": str, "dtype": str}
        check_fields(record, hints, name="base")
        if record.keys() != hints.keys():
            raise ValueError(f"base must have the fields {', '.join(hints)}, got {dict(record)}")
        return cls(**record)

    def check_shapes(
        self,
        offered: Mapping[str, tuple[int, ...]],
        wanted: Mapping[str, tuple[int, ...]],
        *,
        path: str,
        adapter: str,
    ) -> None:
        """Refuses a model of other parameters than those that an adapter was trained on.

        Args:
          offered: shapes by name, of the model at hand.
          wanted: of the model that it was trained on.
          path: where the model at hand lies.
          adapter: where the adapter lies.

        Raises:
          ValueError: they differ; has words of its own for a vocabulary that was resized.
        """
        if not (problems := name_differences(offered, wanted)):
            return
        rows, wanted_rows = (shapes.get(_EMBEDDING, (0,))[0] for shapes in (offered, wanted))
        resized = {
            name: tuple(wanted_rows if size == rows else size for size in shape)
            for name, shape in offered.items()
        }
        if not name_differences(resized, wanted):
            raise ValueError(
                f"the embedding of the model in {path} has {rows} rows, and the adapter in "
                f"{adapter} was trained on one with {wanted_rows}: its vocabulary was resized "
                "since, or padded in another way. Give the model as it was."
            )
        raise ValueError(
            f"the model in {path} is not the one that the adapter in {adapter} was trained on, "
            f"which then lay in {self.path}. Give that one:\n{problems}"
        )

    def check_hash(self, found: str, *, path: str, adapter: str) -> None:
        """Refuses another model than the one that an adapter was trained on.

        Args:
          found: `parameter_hash` of the model at hand.
          path: where that lies.
          adapter: where the adapter lies.

        Raises:
          ValueError: it is another; names both hashes.
        """
        if found != self.parameter_hash:
            raise ValueError(
                f"the adapter in {adapter} was trained on the model whose parameters have the hash "
                f"{self.parameter_hash} (then in {self.path}), and those of {path} have {found}: "
                "it is another model, which the adapter makes nothing good of. Give the model that "
                "it was trained on."
            )


def parameter_hash(params: Any) -> str:
    """A hash of a model's parameters, the same on any devices and in any format.

    Args:
      params: nested dict of float32 or bfloat16 arrays, which may be sharded.

    Returns:
      64 bits in hexadecimal.
    """
    flat = flatten_names(params)
    return combined({n: tuple(x.shape) for n, x in flat.items()}, jax.device_get(_sums(flat)))


def combined(shapes: Mapping[str, tuple[int, ...]], sums: Mapping[str, Any]) -> str:
    """The hash of parameters whose sums are known; see `array_sums`."""
    digest = hashlib.sha256()
    for name, shape in sorted(shapes.items()):
        digest.update(f"{name} {list(shape)} {[int(s) for s in sums[name]]}\n".encode())
    return digest.hexdigest()[:16]


@jax.jit
def _sums(flat: dict[str, jax.Array]) -> dict[str, jax.Array]:
    return {name: array_sums(x, jnp) for name, x in flat.items()}


def array_sums(x: Any, numpy: Any = np, *, first: int = 0) -> Any:
    """Two sums modulo 2^32 over an array's numbers as bfloat16, each by its place.

    Those of the parts of an array add up to those of the whole.

    Args:
      x: float32 or bfloat16.
      numpy: `jax.numpy` for an array of JAX.
      first: the place of its first number in the whole array.
    """
    if x.dtype == jnp.bfloat16:
        bits = x.view(numpy.uint16).astype(numpy.uint32)
    else:
        bits = x.astype(numpy.float32).view(numpy.uint32)
        # To the nearest, and the even one of two; by integers, as every device does it alike.
        bits = (bits + ((bits >> 16) & 1) + 0x7FFF) >> 16
    place = numpy.zeros((), numpy.uint32) + numpy.uint32(first % 2**32)
    for dim, size in enumerate(x.shape):
        stride = math.prod(x.shape[dim + 1 :]) % 2**32
        along = numpy.arange(size, dtype=numpy.uint32) * numpy.uint32(stride)
        place = place + along.reshape((1,) * dim + (size,) + (1,) * (x.ndim - dim - 1))
    sums = []
    for seed in _SEEDS:
        # A factor for each place (murmur3's mixing), odd, so that no change of a number is lost.
        factor = (place + numpy.uint32(seed)) * numpy.uint32(0x85EBCA6B)
        factor = (factor ^ (factor >> 13)) * numpy.uint32(0xC2B2AE35)
        factor = (factor ^ (factor >> 16)) | numpy.uint32(1)
        sums.append(numpy.sum((bits + numpy.uint32(1)) * factor, dtype=numpy.uint32))
    return numpy.stack(sums)
