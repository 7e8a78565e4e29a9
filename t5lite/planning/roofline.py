"""How long a program takes at the least, by what it computes, moves and sends, and a chip can.

These overlap at best, so the longest is the bound (the roofline of Williams, Waterman and
Patterson, 2009). What runs is slower: nothing reaches all of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from t5lite.planning.chips import Chip
from t5lite.planning.collectives import Collective


@dataclasses.dataclass(frozen=True, kw_only=True)
class Roofline:
    """The least seconds of a program.

    Attributes:
      compute: of its operations, at the chip's peak in bfloat16.
      memory: of the bytes that go to and from memory at the least.
      network: of the bytes that each chip sends within its slice, over all its links at once.
      between_slices: of those it sends to other slices, over its share of the host's network; 0
        where nothing published says how fast that is.
      utilisation: model FLOPs a second over the chips' peak, were this the program's time.
    """

    compute: float
    memory: float
    network: float
    between_slices: float = 0.0
    utilisation: float

    @property
    def times(self) -> dict[str, float]:
        """All of the bounds, by what they are of."""
        times = {"compute": self.compute, "memory": self.memory, "network": self.network}
        if self.between_slices:
            times["network between slices"] = self.between_slices
        return times

    @property
    def seconds(self) -> float:
        """The bound."""
        return max(self.times.values())

    @property
    def bound_by(self) -> str:
        """Which of them it is."""
        return max(self.times, key=self.times.__getitem__)


def roofline(
    chip: Chip,
    *,
    num_chips: int,
    model_flops: int,
    hardware_flops: int,
    moved_bytes: float,
    found: Sequence[Collective],
) -> Roofline:
    """Bounds a program.

    Args:
      chip: what each device is.
      num_chips: how many there are.
      model_flops: operations that the model needs, of all chips together.
      hardware_flops: operations that are computed, of all chips together.
      moved_bytes: that each chip reads and writes.
      found: the collectives.
    """
    between = sum(collective.bytes_between_slices for collective in found)
    sent = sum(collective.bytes_sent for collective in found) - between
    bound = Roofline(
        compute=hardware_flops / (num_chips * chip.flops),
        memory=moved_bytes / chip.hbm_bandwidth,
        network=sent / chip.ici_bandwidth,
        between_slices=between / chip.network_bandwidth if chip.network_bandwidth else 0.0,
        utilisation=0.0,
    )
    utilisation = model_flops / (num_chips * chip.flops * bound.seconds)
    return dataclasses.replace(bound, utilisation=utilisation)
