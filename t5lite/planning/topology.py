"""Devices to compile for that are not here: chips of a TPU slice, or as many CPUs as asked for."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import math
import os
import re
from typing import NamedTuple

import jax
import numpy as np

from t5lite.messages.suggest import did_you_mean
from t5lite.planning.chips import CHIPS, Chip

_NAME = re.compile(
    r"(?:(?P<slices>[1-9]\d{0,2})x)?(?P<kind>[a-z]\w*):(?P<sizes>[1-9]\d{0,4}(?:x[1-9]\d{0,4}){0,2})",
    re.ASCII,
)
_MOST_CPUS = 1024
# Without them libtpu looks for the machine's own TPUs, and complains at length that there are none.
_COMPILING_ONLY = {
    "TPU_SKIP_MDS_QUERY": "1",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",  # no device is held, so no lock is needed
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_ACCELERATOR_TYPE": "v5litepod-16",
    "TPU_MIN_LOG_LEVEL": "3",
    "TPU_STDERR_LOG_LEVEL": "3",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Topology:
    """Devices that a program is compiled for.

    Attributes:
      name: such as "v5e:4x4", "2xv5e:16x16" or "cpu:8".
      devices: of JAX; one a chip.
      chip: what each of them is; None for CPUs, of which nothing is published.
    """

    name: str
    devices: tuple[jax.Device, ...]
    chip: Chip | None

    def slices_of(self, devices: np.ndarray) -> np.ndarray:
        """The slice that each of some of its devices lies in, an array of their shape."""
        return np.vectorize(lambda device: getattr(device, "slice_index", 0) or 0)(devices)


class Shape(NamedTuple):
    """What the name of a topology says.

    Attributes:
      kind: of device, such as "v5e".
      sizes: how many there are along each dimension of a slice.
      num_slices: how many slices, which a data centre's network connects.
    """

    kind: str
    sizes: tuple[int, ...]
    num_slices: int


def check_name(name: str) -> Shape:
    """Reads the name of a topology; touches no device.

    Raises:
      ValueError: it is none, or of a chip that is not known, or larger than there are.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise ValueError(
            f"--topology={name} is no topology: give a TPU slice by its chip and shape, such as "
            "v5e:4x4 or v5p:4x4x8, several of them as 2xv5e:16x16, or CPUs, such as cpu:8."
        )
    kind, sizes = match["kind"], tuple(map(int, match["sizes"].split("x")))
    shape = Shape(kind, sizes, int(match["slices"] or 1))
    if kind == "cpu":
        if len(sizes) != 1 or sizes[0] > _MOST_CPUS or match["slices"]:
            raise ValueError(
                f"--topology={name}: give one number of CPUs, up to {_MOST_CPUS}; --num_slices "
                "parts them."
            )
        return shape
    if kind not in CHIPS:
        raise ValueError(
            f"--topology={name}: {kind} is no chip that is known here.{did_you_mean(kind, CHIPS)} "
            f"There are {', '.join(CHIPS)} and cpu."
        )
    chip = CHIPS[kind]
    if len(sizes) != chip.dimensions or math.prod(sizes) > chip.pod_chips:
        example = "x".join(["4"] * chip.dimensions)
        raise ValueError(
            f"--topology={name}: slices of {kind} have {chip.dimensions} dimensions and at most "
            f"{chip.pod_chips} chips; {kind}:{example} is one."
        )
    return shape


def open_topology(name: str) -> Topology:
    """Gives the devices of a topology, to be called before JAX has looked for devices.

    Raises:
      ValueError: the name is none, libtpu is not installed or refuses the shape, or JAX has already
        begun with fewer CPUs.
    """
    kind, sizes, num_slices = check_name(name)
    with contextlib.suppress(RuntimeError):  # nothing here is computed on accelerators
        jax.config.update("jax_platforms", "cpu")
    if kind == "cpu":
        return Topology(name=name, devices=_cpus(sizes[0]), chip=None)
    if importlib.util.find_spec("libtpu") is None:
        raise ValueError(
            f"--topology={name} needs the compiler for TPUs, libtpu, which is not installed: "
            'pip install "t5lite[tpu]". No TPU is needed. cpu:N needs nothing further.'
        )
    for variable, value in _COMPILING_ONLY.items():
        os.environ.setdefault(variable, value)
    from jax.experimental import topologies

    options: dict[str, object] = {}
    if kind == "v4":  # of which JAX would else take each half for a device
        options["chip_config_name"] = "megacore"
    if math.prod(sizes) == 1:
        options["chips_per_host_bounds"] = (1, 1, 1)
    if num_slices > 1:
        options["num_slices"] = num_slices
    try:
        found = topologies.get_topology_desc(
            name.removeprefix(f"{num_slices}x"), platform="tpu", **options
        )
    except jax.errors.JaxRuntimeError as error:
        raise ValueError(f"--topology={name} is refused by libtpu: {error}") from error
    return Topology(name=name, devices=tuple(found.devices), chip=CHIPS[kind])


def _cpus(num_devices: int) -> tuple[jax.Device, ...]:
    with contextlib.suppress(RuntimeError):  # JAX has begun, perhaps with enough of them
        jax.config.update("jax_num_cpu_devices", num_devices)
    devices = jax.devices("cpu")
    if len(devices) < num_devices:
        raise ValueError(
            f"--topology=cpu:{num_devices}: JAX has begun in this process with {len(devices)} "
            "CPU devices. Plan in a process of its own."
        )
    return tuple(devices[:num_devices])
