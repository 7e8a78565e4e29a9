"""Compiles a program for a topology, and reads from it what it needs."""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

import jax

from t5lite import memory
from t5lite.planning import collectives, memory_use
from t5lite.planning.collectives import Collective
from t5lite.planning.memory_use import MemoryUse
from t5lite.planning.topology import Topology

log = logging.getLogger(__name__)


class Compiled(NamedTuple):
    """What a program needs.

    Attributes:
      memory: on each device.
      collectives: of one run of it; None where it is too large to be compiled to the end.
      outputs: what it gives, shapes with their shardings; None likewise.
      executable: what can be run where the devices are here; None likewise.
    """

    memory: MemoryUse
    collectives: tuple[Collective, ...] | None
    outputs: Any
    executable: Any


def available(topology: Topology) -> tuple[int, str]:
    """Bytes that each device has, and whose they are, for people."""
    if topology.chip is not None:
        return topology.chip.hbm_bytes, f"each {topology.chip.name} chip"
    num_devices = len(topology.devices)
    whose = f"each of {num_devices} CPU devices, which share what this machine has left"
    return memory.host_free().num_bytes // num_devices, whose


def compile_program(
    topology: Topology,
    function: Any,
    arguments: tuple[Any, ...],
    *,
    mesh: jax.sharding.Mesh,
    name: str,
) -> Compiled:
    """Compiles a jitted function.

    Args:
      topology: the devices.
      function: what `jax.jit` gave.
      arguments: shapes with their shardings in place of arrays.
      mesh: the devices as they are arranged.
      name: the program's, for the log.
    """
    num_bytes, whose = available(topology)
    log.info("compiling %s for %s", name, topology.name)
    lowered = function.lower(*arguments)
    try:
        compiled = lowered.compile()
    except jax.errors.JaxRuntimeError as error:
        use = memory_use.of_refusal(
            error, arguments=memory.tree_bytes(arguments), available=num_bytes, whose=whose
        )
        if use is None:
            raise
        return Compiled(use, None, None, None)
    outputs = jax.tree.map(
        lambda leaf, where: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=where),
        lowered.out_info,
        compiled.output_shardings,
    )
    found = collectives.find(
        compiled.as_text(), mesh.shape, slices=topology.slices_of(mesh.devices)
    )
    use = memory_use.of_compiled(
        compiled, on_tpu=topology.chip is not None, available=num_bytes, whose=whose
    )
    return Compiled(use, tuple(found), outputs, compiled)
