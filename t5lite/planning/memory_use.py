"""What a compiled program holds on each device, and what to change where that is too much."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from t5lite.memory import readable

# How the TPU compiler says what it needs, of a program that is too large.
_IN_ALL = re.compile(r"Used ([\d.]+)([KMGT]?) of [\d.]+\S* hbm")
_OF_TEMPORARIES = re.compile(r"memory required for HLO temporaries \(([\d.]+)([KMGT]?)\)")
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@dataclasses.dataclass(frozen=True, kw_only=True)
class MemoryUse:
    """Bytes on each device.

    Attributes:
      arguments: what the program is given: a train state or parameters, a batch, frozen models.
      outputs: what it gives, but for what takes an argument's place, as a new state does.
      temporaries: activations, gradients and whatever else is there in between; on a TPU those held
        when its memory is fullest, elsewhere all.
      program: the code.
      held: what lies there meanwhile and is no argument: an optimizer's state in an evaluation.
      available: what a device has.
      whose: whose memory that is, for people.
      refused: whether the compiler refuses it as too large; then outputs and code are not known.
    """

    arguments: int
    outputs: int | None = None
    temporaries: int | None = None
    program: int | None = None
    held: int = 0
    available: int
    whose: str
    refused: bool = False

    @property
    def peak(self) -> int:
        """All of it; that arguments and temporaries come and go is known of TPUs alone."""
        parts = (self.arguments, self.outputs, self.temporaries, self.program, self.held)
        return sum(filter(None, parts))

    @property
    def fits(self) -> bool:
        """Whether a device has as much."""
        return not self.refused and self.peak <= self.available


def of_compiled(compiled: Any, *, on_tpu: bool, available: int, whose: str) -> MemoryUse:
    """Asks the compiler of a program that it has compiled.

    The TPU compiler has two counts: `temp_size_in_bytes` is half as large again as what lies in HBM
    where rows are long, and `peak_memory_in_bytes` knows no gaps between buffers, but counts the
    vector memory of small programs. The lesser is nearer. Other compilers' peak is of arguments
    alone.
    """
    found = compiled.memory_analysis()
    arguments = found.argument_size_in_bytes
    outputs = found.output_size_in_bytes - found.alias_size_in_bytes
    temporaries = found.temp_size_in_bytes
    if on_tpu:
        temporaries = min(temporaries, max(found.peak_memory_in_bytes - arguments - outputs, 0))
    return MemoryUse(
        arguments=arguments,
        outputs=outputs,
        temporaries=temporaries,
        program=found.generated_code_size_in_bytes,
        available=available,
        whose=whose,
    )


def of_refusal(error: Exception, *, arguments: int, available: int, whose: str) -> MemoryUse | None:
    """What the TPU compiler says of a program that is too large; None of any other error."""
    in_all, of_temporaries = _IN_ALL.search(str(error)), _OF_TEMPORARIES.search(str(error))
    found = in_all or of_temporaries
    if found is None:
        return None
    needed = int(float(found[1]) * _UNITS[found[2]])
    return MemoryUse(
        arguments=arguments,
        temporaries=max(needed - arguments, 0) if in_all else needed,
        available=available,
        whose=whose,
        refused=True,
    )


def advice(
    use: MemoryUse,
    *,
    mesh: Mapping[str, int],
    batch_size: int,
    num_microbatches: int,
    remat: str,
) -> list[str]:
    """What to try where a step does not fit, the cheapest first; nothing where it fits.

    Args:
      use: the memory.
      mesh: sizes of the axes data, fsdp and tensor.
      batch_size: rows of a global batch.
      num_microbatches: the parts that it is split into.
      remat: `TransformerConfig.remat`.
    """
    if use.fits:
        return []
    tried = []
    if use.arguments < use.available:
        if remat != "full":
            tried.append(
                f"--remat_policy=full (it is {remat}): up to a third more operations, and only one "
                "layer's activations at a time"
            )
        if finer := _microbatches(
            use, batch_size // (mesh["data"] * mesh["fsdp"]), num_microbatches
        ):
            tried.append(
                f"--num_microbatches={finer} (it is {num_microbatches}): so many parts, one after "
                "the other, have less to hold at a time"
            )
    return [*tried, *advice_on_devices(use, mesh), "--sweep, which ranks what fits"]


def advice_on_devices(use: MemoryUse, mesh: Mapping[str, int]) -> list[str]:
    """How other devices, or these in another order, would hold less each.

    Args:
      use: the memory of the program that does not fit.
      mesh: sizes of the axes.
    """
    tried = []
    if mesh["data"] > 1:
        tried.append(
            f"--mesh_fsdp={mesh['data'] * mesh['fsdp']} (it is {mesh['fsdp']}): each device holds "
            "less of the parameters and of what an optimizer keeps of them; all arguments are "
            f"{readable(use.arguments)} of the {readable(use.peak)} that are needed"
        )
    return [*tried, "a larger --topology, or --mesh_tensor to split each layer"]


def _microbatches(use: MemoryUse, rows: int, now: int) -> int | None:
    """The fewest parts that are likely to fit, were all temporaries to shrink with them.

    Args:
      use: the memory.
      rows: of a global batch on each device.
      now: parts it is cut into.

    Returns:
      A divisor of `rows`; where none is enough, the largest; None where there is no larger one.
    """
    finer = [parts for parts in range(now + 1, rows + 1) if rows % parts == 0]
    room = use.available - use.arguments
    enough = [parts for parts in finer if (use.temporaries or 0) * now <= room * parts]
    return next(iter([*enough, *finer[-1:]]), None)
