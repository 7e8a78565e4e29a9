"""Many ways to lay out a training step on a topology, ranked by the least time of those that fit.

Of each mesh the setting that recomputes least is tried first. Where it fits, all others of the mesh
are slower; where what holds least does not, none does; else those between are tried in their order.
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from t5lite.memory import readable
from t5lite.mesh import MESH_AXES
from t5lite.messages.progress import Bar, progress_bar
from t5lite.messages.tables import format_table
from t5lite.planning.compiling import available
from t5lite.planning.plans import StepPlan
from t5lite.planning.summary import readable_seconds
from t5lite.planning.topology import Topology

# From the fastest to the one that holds least.
_REMAT = ("none", "dots", "full")
_MICROBATCHES = (1, 2, 4, 8, 16)
_MOST_ROWS = 20
_SLOWER = "recomputes more, or is in more parts, than what fits"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setting:
    """What a sweep varies.

    Attributes:
      mesh: sizes of the mesh's axes.
      remat: `TransformerConfig.remat`.
      num_microbatches: the parts that a batch is split into.
    """

    mesh: Mapping[str, int]
    remat: str
    num_microbatches: int

    def __str__(self) -> str:
        """As in "fsdp 4, tensor 2, remat full, 2 microbatches"."""
        axes = [f"{axis} {size}" for axis, size in self.mesh.items() if size > 1]
        parts = [] if self.num_microbatches == 1 else [f"{self.num_microbatches} microbatches"]
        return ", ".join([*axes, f"remat {self.remat}", *parts])


class Trial(NamedTuple):
    """A step that is built and can be compiled.

    Attributes:
      least_bytes: what each device holds at the least.
      compile: says what it needs.
    """

    least_bytes: int
    compile: Callable[[], StepPlan]


class Ranked(NamedTuple):
    """A setting that fits, and its step."""

    setting: Setting
    step: StepPlan


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sweep:
    """What a sweep found.

    Attributes:
      topology: the devices.
      ranked: settings that fit, the fastest first; on CPUs, which have no roofline, in the order
        of their peaks.
      refused: how many settings are left out, by the reason.
      num_compiled: steps that were compiled.
      num_untried: meshes that the limit left out.
    """

    topology: str
    ranked: tuple[Ranked, ...]
    refused: Mapping[str, int]
    num_compiled: int
    num_untried: int

    @property
    def fits(self) -> bool:
        """Whether anything does."""
        return bool(self.ranked)

    def to_dict(self) -> dict[str, Any]:
        """All of it in JSON's types."""
        rows = [{**dataclasses.asdict(x.setting), **x.step.to_dict()} for x in self.ranked]
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return fields | {"ranked": rows, "refused": dict(self.refused)}

    def rows(self) -> list[tuple[str, ...]]:
        """What a table shows of each, as text, under `TITLES`."""
        return [_row(*one) for one in self.ranked]

    def format(self) -> str:
        """As text."""
        axes = [axis.title() for axis in MESH_AXES]
        titles = ("#", *axes, *TITLES)
        rows = [(f"{i}", *row) for i, row in enumerate(self.rows()[:_MOST_ROWS], start=1)]
        right = [n for n, title in enumerate(titles) if title not in ("Remat", "Bound by")]
        parts = [f"{self.topology}: {self.num_compiled} steps compiled, {len(self.ranked)} fit"]
        if rows:
            parts.append(format_table(titles, rows, right=right, drops_empty=True))
        if self.refused:
            table = [(f"{count}", reason) for reason, count in self.refused.items()]
            parts.append(format_table(("Left out", "why"), table, right=[0]))
        if self.num_untried:
            parts.append(
                f"{self.num_untried} meshes were not tried; a higher --sweep_limit tries more."
            )
        return "\n\n".join(parts)


TITLES = ("Remat", "Microbatches", "Peak", "Sent", "Least step", "Bound by", "MFU, at most")


def run(
    topology: Topology,
    build: Callable[[Setting], Trial],
    *,
    batch_size: int,
    limit: int,
    shown: bool = True,
) -> Sweep:
    """Tries settings until all are judged, or so many steps are compiled.

    Args:
      topology: the devices.
      build: builds a step; raises ValueError where it is refused.
      batch_size: rows of a global batch.
      limit: most steps that are compiled.
      shown: whether to show how far it has come.

    Raises:
      ValueError: everything is refused before it is compiled; with the last reason.
    """
    search = _Search(build, room=available(topology)[0], limit=limit)
    shapes = list(meshes(len(topology.devices)))
    untried = 0
    with progress_bar(total=len(shapes), desc="sweep", unit="meshes", disable=not shown) as bar:
        for mesh in shapes:
            if search.num_compiled < limit and search.try_mesh(mesh, batch_size, bar=bar):
                bar.update()
            else:
                untried += 1
    if not search.num_compiled:
        raise ValueError(f"a sweep of {topology.name} has nothing to compile: {search.last}")
    return Sweep(
        topology=topology.name,
        ranked=tuple(sorted(search.found, key=_cost)),
        refused=dict(search.refused.most_common()),
        num_compiled=search.num_compiled,
        num_untried=untried,
    )


def meshes(num_devices: int) -> Iterator[dict[str, int]]:
    """All shapes of so many devices: those first that exchange least, as far as one can say."""
    divisors = [n for n in range(1, num_devices + 1) if num_devices % n == 0]
    found = []
    for others in itertools.product(divisors, repeat=len(MESH_AXES) - 1):
        product = math.prod(others)
        if num_devices % product == 0:
            sizes = dict(zip(MESH_AXES, (num_devices // product, *others), strict=True))
            found.append(sizes)
    yield from sorted(found, key=lambda s: (s["tensor"] * s["sequence"], -s["fsdp"]))


class _Search:
    """Judges the settings of one mesh after the other."""

    def __init__(self, build: Callable[[Setting], Trial], *, room: int, limit: int) -> None:
        self.found: list[Ranked] = []
        self.refused: collections.Counter[str] = collections.Counter()
        self.num_compiled = 0
        self.last = ""
        self._build, self._room, self._limit = build, room, limit

    def try_mesh(self, mesh: Mapping[str, int], batch_size: int, *, bar: Bar) -> bool:
        """Finds the fastest setting of a mesh that fits; false where the limit ends it before."""
        fastest, *slower = _settings(mesh, batch_size)
        if (trial := self._built(fastest)) is None:
            self._leave_out(self.last, len(slower) + 1)
        elif trial.least_bytes > self._room:
            self.last = "the state and a batch alone are more than a device has"
            self._leave_out(self.last, len(slower) + 1)
        elif self._fits(fastest, bar):
            self._leave_out(_SLOWER, len(slower))
        elif slower and self.num_compiled >= self._limit:
            return False
        elif slower and self._fits(slower[-1], bar):
            smallest = self.found.pop()
            for place, setting in enumerate(slower[:-1]):
                if self.num_compiled >= self._limit:
                    break
                if self._fits(setting, bar):
                    self._leave_out(_SLOWER, len(slower) - place - 1)
                    return True
            self.found.append(smallest)
        else:
            self._leave_out("holds more than what does not fit", max(len(slower) - 1, 0))
        return True

    def _built(self, setting: Setting) -> Trial | None:
        try:
            return self._build(setting)
        except ValueError as error:
            self.last = re.sub(r" ?\([^)]*\)", "", str(error).partition("\n")[0]).rstrip(":. ")
            return None

    def _fits(self, setting: Setting, bar: Bar) -> bool:
        trial = self._built(setting)
        if trial is None:
            self._leave_out(self.last, 1)
            return False
        bar.set_postfix_str(f"{setting}, {len(self.found)} fit")
        self.num_compiled += 1
        step = trial.compile()
        if step.program.memory.fits:
            self.found.append(Ranked(setting, step))
            return True
        self._leave_out("does not fit", 1)
        return False

    def _leave_out(self, reason: str, count: int) -> None:
        if count:
            self.refused[reason] += count


def _settings(mesh: Mapping[str, int], batch_size: int) -> list[Setting]:
    """Those of a mesh, the fastest first: recomputing costs more than further parts do."""
    rows = batch_size // (mesh["data"] * mesh["fsdp"])
    parts = [n for n in _MICROBATCHES if n <= rows and rows % n == 0] or [1]
    return [Setting(mesh=mesh, remat=remat, num_microbatches=n) for remat in _REMAT for n in parts]


def _cost(one: Ranked) -> float:
    program = one.step.program
    return program.roofline.seconds if program.roofline else program.memory.peak


def _row(setting: Setting, step: StepPlan) -> tuple[str, ...]:
    program = step.program
    bound, sent = program.roofline, sum(x.bytes_sent for x in program.collectives or ())
    return (
        *(f"{size}" for size in setting.mesh.values()),
        setting.remat,
        f"{setting.num_microbatches}",
        readable(program.memory.peak),
        readable(round(sent)),
        readable_seconds(bound.seconds) if bound else "",
        bound.bound_by if bound else "",
        f"{bound.utilisation:.1%}" if bound else "",
    )
