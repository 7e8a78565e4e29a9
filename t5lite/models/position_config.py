"""How a model knows order: `RelativeBias`, `Alibi`, `Rotary` or `Learned`, each with its fields.

A model without any has None in their place. `models/positions.py` computes with them.
Shapes: I pairs of entries that are rotated.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np

from t5lite.messages.ranges import Count, Positive, Range, Size
from t5lite.messages.value_types import check_numbers
from t5lite.models.checks import require
from t5lite.models.rotary_scaling import LongRopeScaling, Scaling, YarnScaling, linear_scaling


@dataclasses.dataclass(frozen=True, kw_only=True)
class RelativeBias:
    """T5's learned bias of each head and bucket of distances (arXiv:1910.10683).

    Attributes:
      num_buckets: Buckets of distances; a multiple of 4.
      max_distance: Distance, in tokens, from which all positions share a bucket.
      per_layer: Whether every layer has a table of its own (umT5), not every stack.
    """

    num_buckets: Size = 32
    max_distance: Size = 128
    per_layer: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError, naming the field, where a value cannot be meant."""
        check_numbers(self, of=RelativeBias)
        # Encoders halve the buckets by direction, and half of those are exact distances.
        wanted = "RelativeBias.num_buckets must be a multiple of 4"
        require(self.num_buckets % 4 == 0, wanted, self.num_buckets)
        half = self.num_buckets // 2
        wanted = f"RelativeBias.max_distance must exceed half of num_buckets ({half})"
        require(self.max_distance > half, wanted, self.max_distance)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Alibi:
    """A bias of each head that falls with the distance, and is not learned (arXiv:2108.12409)."""

    def slopes(self, num_heads: int) -> np.ndarray:
        """By how much a head's bias falls with each token of distance, float32 [num_heads].

        Where their number is no power of two, the heads behind the largest below it have every
        other slope of twice as many. BLOOM's code and MPT's say this differently, and mean it.

        Args:
          num_heads: Heads of a layer.
        """
        power = 2 ** math.floor(math.log2(num_heads))
        share = np.arange(1, 2 * power + 1) / (2 * power)
        share = np.concatenate([share[1::2], share[::2]])[:num_heads]
        return (2.0 ** (-8 * share)).astype(np.float32)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rotary:
    """Rotations of queries and keys (arXiv:2104.09864), the halves of a head against each other.

    Attributes:
      fraction: Share of each head, its first part, that is rotated; GPT-NeoX turns 0.25.
      theta: Base of the wavelengths.
      scaling: How a model reads longer texts than it was trained on; None for not at all.
    """

    fraction: Annotated[float, Range(above=0, most=1)] = 1.0
    theta: Positive = 10000.0
    scaling: Scaling | None = None

    def __post_init__(self) -> None:
        """Raises ValueError, naming the field, where a value cannot be meant."""
        check_numbers(self, of=Rotary)
        wanted = "Rotary.theta must exceed 1 under YarnScaling"
        require(self.theta > 1 or not isinstance(self.scaling, YarnScaling), wanted, self.theta)

    def check_head(self, d_kv: int) -> None:
        """Raises ValueError unless an even number of a head's `d_kv` entries can be rotated."""
        rotated = int(d_kv * self.fraction)
        wanted = f"Rotary.fraction must turn an even number of each head's {d_kv} entries"
        require(rotated >= 2 and rotated % 2 == 0, wanted, self.fraction)
        if isinstance(self.scaling, LongRopeScaling):
            self.scaling.check_pairs(rotated // 2)

    def frequencies(self, d_kv: int) -> tuple[np.ndarray, float]:
        """Radians a position of each pair, float32 [I], and what cosines and sines are scaled by.

        Under a `LengthScaling` they are those of texts of its original length.

        Args:
          d_kv: Width of a head.
        """
        num_pairs = int(d_kv * self.fraction) // 2
        # NumPy's powers are the same on every device.
        exponent_I = np.arange(num_pairs, dtype=np.float32) / np.float32(num_pairs)
        frequency_I = 1.0 / (np.float32(self.theta) ** exponent_I)
        if self.scaling is None:
            return frequency_I, 1.0
        frequency_I, scale = self.scaling.scaled(frequency_I, self.theta)
        return frequency_I.astype(np.float32), scale


@dataclasses.dataclass(frozen=True, kw_only=True)
class Learned:
    """A learned vector for each position, added to the embedded tokens.

    Attributes:
      max_positions: Most positions that the table knows.
      offset: Unused rows in front of it; OPT has 2.
    """

    max_positions: Size
    offset: Count = 0

    def __post_init__(self) -> None:
        """Raises ValueError, naming the field, where a value cannot be meant."""
        check_numbers(self, of=Learned)


Positions = RelativeBias | Alibi | Rotary | Learned

# Fields of TransformerConfig before positions had configs of their own: whose they are now.
FLAT_FIELDS = {
    "relative_attention_num_buckets": (RelativeBias, "num_buckets"),
    "relative_attention_max_distance": (RelativeBias, "max_distance"),
    "relative_bias_per_layer": (RelativeBias, "per_layer"),
    "rotary_fraction": (Rotary, "fraction"),
    "rope_theta": (Rotary, "theta"),
    "rope_scaling_factor": (Rotary, "scaling"),
    "max_positions": (Learned, "max_positions"),
    "position_offset": (Learned, "offset"),
}
FLAT_KINDS = {"relative": RelativeBias, "rotary": Rotary, "learned": Learned, "none": None}


def from_flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """A TransformerConfig's record with its positions as they are written now.

    Args:
      record: As `TransformerConfig.to_dict` gave it, at any time.
    """
    kept = {name: value for name, value in record.items() if name not in FLAT_FIELDS}
    if len(kept) == len(record) and not isinstance(record.get("positions"), str):
        return kept
    kind = FLAT_KINDS[record.get("positions", "relative")]
    flat = {
        name: record[flat_name]
        for flat_name, (owner, name) in FLAT_FIELDS.items()
        if owner is kind and flat_name in record
    }
    if "scaling" in flat:
        flat["scaling"] = linear_scaling(flat["scaling"])
    return kept | {"positions": None if kind is None else kind(**flat)}
