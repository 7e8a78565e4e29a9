"""What a plan says, for people and for programs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from t5lite.memory import readable
from t5lite.messages.tables import format_table
from t5lite.models.flops import StepFlops
from t5lite.planning.collectives import Collective
from t5lite.planning.memory_use import MemoryUse
from t5lite.planning.roofline import Roofline

# Further collectives are in --json.
_MOST_COLLECTIVES = 12


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunTotals:
    """What the whole run takes.

    Attributes:
      steps: how many, at the least where `is_least`.
      is_least: whether rows that are not full make more of them.
      flops: model FLOPs of all steps.
      chip_hours: at the roofline, so at the least; None where the chip is not known.
    """

    steps: int
    is_least: bool
    flops: int
    chip_hours: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What a training step needs of a topology.

    Attributes:
      topology: its name.
      num_devices: how many it has.
      mesh: the sizes of the mesh's axes.
      num_params: parameters of the model.
      num_trained: those of them that are trained.
      batch_size: rows of a global batch.
      num_microbatches: the parts that it is split into.
      capacities: positions of a row, of the encoder (where there is one) and the decoder.
      flops: operations of a step, on all devices together.
      memory: on each device.
      collectives: of a step; None where it was not compiled to the end.
      roofline: the least time; None where the chip is not known or the step does not fit.
      run: the whole run; None where its steps cannot be told without data.
      advice: what to try where it does not fit.
    """

    topology: str
    num_devices: int
    mesh: Mapping[str, int]
    num_params: int
    num_trained: int
    batch_size: int
    num_microbatches: int
    capacities: tuple[int, ...]
    flops: StepFlops
    memory: MemoryUse
    collectives: tuple[Collective, ...] | None
    roofline: Roofline | None
    run: RunTotals | None
    advice: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """All of it in JSON's types, with what is derived."""
        record = dataclasses.asdict(self)
        record["flops"] |= {"model": self.flops.model, "hardware": self.flops.hardware}
        record["memory"] |= {"peak": self.memory.peak, "fits": self.memory.fits}
        if self.roofline:
            record["roofline"] |= {
                "seconds": self.roofline.seconds,
                "bound_by": self.roofline.bound_by,
            }
        for entry, collective in zip(
            record["collectives"] or (), self.collectives or (), strict=True
        ):
            entry["bytes_sent"] = collective.bytes_sent
        return record

    def format(self) -> str:
        """As text."""
        mesh = ", ".join(f"{axis} {size}" for axis, size in self.mesh.items())
        lengths = " + ".join(map(str, self.capacities))
        parts = "" if self.num_microbatches == 1 else f" in {self.num_microbatches} microbatches"
        sections = [
            format_table(
                ("Step", ""),
                [
                    ("devices", f"{self.num_devices} of {self.topology}: {mesh}"),
                    ("parameters", f"{self.num_params:,}, trained {self.num_trained:,}"),
                    ("batch", f"{self.batch_size} rows of {lengths} positions{parts}"),
                    ("model FLOPs", f"{self.flops.model:.4g}"),
                    ("recomputed FLOPs", f"{self.flops.recomputed:.4g}"),
                ],
            ),
            _memory(self.memory),
        ]
        if self.collectives:
            sections.append(_collectives(self.collectives))
        if self.roofline:
            sections.append(_roofline(self.roofline))
        if self.run:
            sections.append(_run(self.run))
        if self.advice:
            sections.append("\n".join(["To make it fit, try:", *(f"  {x}" for x in self.advice)]))
        return "\n\n".join(sections)


def _memory(use: MemoryUse) -> str:
    rows = [("arguments", readable(use.arguments))]
    for name in ("outputs", "temporaries", "program"):
        if (num_bytes := getattr(use, name)) is not None:
            rows.append((name, readable(num_bytes)))
    verdict = "it fits" if use.fits else "it does NOT fit"
    what = "peak, at most"
    if use.refused:
        what, verdict = "needed", f"{verdict}, and the compiler refuses it"
    rows.append((what, f"{readable(use.peak)} of {readable(use.available)}: {verdict}"))
    return format_table(("Memory", f"of {use.whose}"), rows)


def _collectives(found: tuple[Collective, ...]) -> str:
    rows = [
        (
            collective.kind,
            " x ".join(collective.axes),
            f"{collective.group_size}",
            readable(collective.num_bytes),
            f"{collective.times}",
            readable(round(collective.bytes_sent)),
        )
        for collective in found[:_MOST_COLLECTIVES]
    ]
    titles = ("Collectives", "mesh axes", "devices", "array", "times", "sent by each")
    table = format_table(titles, rows, right=(2, 3, 4, 5))
    total = readable(round(sum(collective.bytes_sent for collective in found)))
    rest = len(found) - len(rows)
    more = f", {rest} smaller kinds among them (--json lists all)" if rest > 0 else ""
    return f"{table}\nsent by each device in all: {total}{more}"


def _roofline(roofline: Roofline) -> str:
    return format_table(
        ("Roofline", ""),
        [
            ("computing", _seconds(roofline.compute)),
            ("memory", _seconds(roofline.memory)),
            ("network", _seconds(roofline.network)),
            ("a step, at the least", f"{_seconds(roofline.seconds)}, by {roofline.bound_by}"),
            ("model-FLOPs utilisation, at most", f"{roofline.utilisation:.1%}"),
        ],
    )


def _run(run: RunTotals) -> str:
    least = "at least " if run.is_least else ""
    rows = [("steps", f"{least}{run.steps:,}"), ("model FLOPs", f"{least}{run.flops:.4g}")]
    if run.chip_hours is not None:
        rows.append(("chip-hours", f"at least {run.chip_hours:,.3g}"))
    return format_table(("Run", ""), rows)


def _seconds(seconds: float) -> str:
    return f"{seconds:,.3g} s" if seconds >= 1 else f"{1000 * seconds:,.3g} ms"
