"""What a chip can do at most, by its makers' figures.

Source: Austin et al., "How to Scale Your Model" (Google DeepMind, 2025), part 2, "How to Think
About TPUs", its two tables and, of the data centre's network, its footnotes; Google Cloud's
documentation has the same network of v5e and v6e (6.4 and 25.6 Tbit/s for each 256 chips), and the
memory of v5p, 95 GiB.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable

import jax

_GIB = 1 << 30


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chip:
    """One chip, which is one device of JAX.

    Attributes:
      name: as topologies call it.
      flops: peak operations a second, in bfloat16.
      hbm_bytes: size of its memory.
      hbm_bandwidth: bytes a second to and from it.
      link_bandwidth: bytes a second that one link to a neighbour sends.
      network_bandwidth: bytes a second that its share of its host's network sends to other slices;
        None where none is published.
      dimensions: of the torus; there are two links in each.
      pod_chips: the most chips that such links connect.
    """

    name: str
    flops: float
    hbm_bytes: int
    hbm_bandwidth: float
    link_bandwidth: float
    network_bandwidth: float | None
    dimensions: int
    pod_chips: int

    @property
    def ici_bandwidth(self) -> float:
        """Bytes a second that all its links send together."""
        return 2 * self.dimensions * self.link_bandwidth


CHIPS = {
    chip.name: chip
    for chip in (
        Chip(
            name="v4",
            flops=2.75e14,
            hbm_bytes=32 * _GIB,
            hbm_bandwidth=1.2e12,
            link_bandwidth=4.5e10,
            network_bandwidth=None,
            dimensions=3,
            pod_chips=16 * 16 * 16,
        ),
        Chip(
            name="v5e",
            flops=1.97e14,
            hbm_bytes=16 * _GIB,
            hbm_bandwidth=8.1e11,
            link_bandwidth=5e10,
            network_bandwidth=3.125e9,
            dimensions=2,
            pod_chips=16 * 16,
        ),
        Chip(
            name="v5p",
            flops=4.59e14,
            hbm_bytes=95 * _GIB,
            hbm_bandwidth=2.8e12,
            link_bandwidth=1e11,
            network_bandwidth=6.25e9,
            dimensions=3,
            pod_chips=16 * 20 * 28,
        ),
        Chip(
            name="v6e",
            flops=9.2e14,
            hbm_bytes=32 * _GIB,
            hbm_bandwidth=1.6e12,
            link_bandwidth=1e11,
            network_bandwidth=12.5e9,
            dimensions=2,
            pod_chips=16 * 16,
        ),
    )
}

# What JAX calls the devices of these chips.
_TPU_KINDS = {
    "TPU v4": "v4",
    "TPU v5 lite": "v5e",
    "TPU v5e": "v5e",
    "TPU v5": "v5p",
    "TPU v5p": "v5p",
    "TPU v6 lite": "v6e",
    "TPU v6e": "v6e",
}
# Of others, operations a second in bfloat16. A TPU7x has 2,307 TFLOPs (Google Cloud, "TPU7x
# (Ironwood)") and is two devices. GPUs as in NVIDIA's data sheets, half of what these say of sparse
# matrices; the first pattern that fits holds.
_DEVICE_FLOPS = (
    (r"TPU7x", 2.307e15 / 2),
    (r"NVIDIA A10\b", 1.25e14),
    (r"NVIDIA A40\b", 1.497e14),
    (r"NVIDIA A100\b", 3.12e14),
    (r"NVIDIA L4\b", 1.21e14),
    (r"NVIDIA L40\b", 1.8105e14),
    (r"NVIDIA L40S\b", 3.6205e14),
    (r"NVIDIA H[12]00 NVL", 8.355e14),
    (r"NVIDIA H100 PCIe", 7.56e14),
    (r"NVIDIA G?H[12]00\b", 9.895e14),
    (r"NVIDIA B200\b", 2.25e15),
)


def peak_flops(device_kind: str) -> float | None:
    """Peak operations a second of a device, in bfloat16; None where none is known here.

    Args:
      device_kind: as JAX calls it, such as "TPU v5 lite" or "NVIDIA A100-SXM4-80GB".
    """
    if device_kind in _TPU_KINDS:
        return CHIPS[_TPU_KINDS[device_kind]].flops
    if "MIG" in device_kind:  # a part of a GPU
        return None
    return next((flops for kind, flops in _DEVICE_FLOPS if re.match(kind, device_kind)), None)


def seconds_at_peak(flops: float, devices: Iterable[jax.Device]) -> float | None:
    """How long devices take together for so many operations at their peak, if that is known."""
    peaks = [peak_flops(device.device_kind) for device in devices]
    return None if None in peaks else flops / sum(filter(None, peaks))
