"""What a chip can do at most, by its makers' figures.

Source: Austin et al., "How to Scale Your Model" (Google DeepMind, 2025), part 2, "How to Think
About TPUs", its two tables and, of the data centre's network, its footnotes; Google Cloud's
documentation has the same network of v5e and v6e (6.4 and 25.6 Tbit/s for each 256 chips), and the
memory of v5p, 95 GiB.
"""

from __future__ import annotations

import dataclasses

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
