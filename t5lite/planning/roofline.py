"""How long a step takes at the least: what it computes, moves and sends, against what a chip can.

The three overlap at best, so the longest is the bound (the roofline of Williams, Waterman and
Patterson, 2009). A step that runs is slower: nothing reaches all of the three.
"""

from __future__ import annotations

import dataclasses

from t5lite.planning.chips import Chip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Roofline:
    """The least seconds of a step.

    Attributes:
      compute: of its operations, at the chip's peak in bfloat16.
      memory: of the bytes that go to and from memory at the least.
      network: of the bytes that each chip sends, over all its links at once.
      utilisation: model FLOPs a second over the chips' peak, were this the step's time.
    """

    compute: float
    memory: float
    network: float
    utilisation: float

    @property
    def seconds(self) -> float:
        """The bound."""
        return max(self.compute, self.memory, self.network)

    @property
    def bound_by(self) -> str:
        """Which of the three it is."""
        times = {"compute": self.compute, "memory": self.memory, "network": self.network}
        return max(times, key=times.__getitem__)


def roofline(
    chip: Chip,
    *,
    num_chips: int,
    model_flops: int,
    hardware_flops: int,
    moved_bytes: int,
    sent_bytes: float,
) -> Roofline:
    """Bounds a step.

    Args:
      chip: what each device is.
      num_chips: how many there are.
      model_flops: operations that the model needs, of all chips together.
      hardware_flops: operations that are computed, of all chips together.
      moved_bytes: that each chip reads and writes.
      sent_bytes: that each chip sends to others.
    """
    compute = hardware_flops / (num_chips * chip.flops)
    memory, network = moved_bytes / chip.hbm_bandwidth, sent_bytes / chip.ici_bandwidth
    seconds = max(compute, memory, network)
    return Roofline(
        compute=compute,
        memory=memory,
        network=network,
        utilisation=model_flops / (num_chips * chip.flops * seconds),
    )
