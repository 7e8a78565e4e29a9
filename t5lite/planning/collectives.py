"""The collectives of a compiled program: how large, over which axes of the mesh, how often.

They are read from XLA's text of the program, where a loop's body stands once: each counts as often
as the loops around it turn, which is known of those that count up to a number, as `lax.scan` does;
others count once. Replica groups number devices by their places in the mesh; where there are
several slices, in one slice's part of it, and hosts send and receive what slices exchange.
"""

from __future__ import annotations

import collections
import dataclasses
import math
import re
from collections.abc import Iterator, Mapping, Sequence

import jax
import numpy as np

KINDS = (
    "all-gather",
    "all-reduce",
    "reduce-scatter",
    "all-to-all",
    "collective-permute",
    "collective-broadcast",
    "ragged-all-to-all",
)

_COMPUTATION = re.compile(r"^(?P<entry>ENTRY )?%(?P<name>[\w.\-]+) \(.*\{$")
_COLLECTIVE = re.compile(
    rf"^\s*(?:ROOT )?%[\w.\-]+ = (?P<type>.*?) (?P<kind>{'|'.join(KINDS)})(?P<start>-start)?\("
)
# What the devices of a slice give their hosts for those of the others.
_BETWEEN_SLICES = re.compile(
    r"^\s*%[\w.\-]+ = \((?P<type>\w+\[[\d,]*\]).* send\(.*"
    r'_xla_megascale_transfer_type="(?P<kind>\w+)"'
)
# A fusion that keeps one part of what it adds up.
_REDUCES_AND_SCATTERS = "all-reduce-scatter"
_WHILE = re.compile(r" while\(.*condition=%(?P<condition>[\w.\-]+), body=%(?P<body>[\w.\-]+)")
_KNOWN_TRIP_COUNT = re.compile(r'"known_trip_count":\{"n":"(\d+)"')
_COMPARED = re.compile(r" compare\(%([\w.\-]+), %([\w.\-]+)\), direction=LT")
_PLACE = re.compile(r" get-tuple-element\(.*index=(\d+)")
_CONSTANT = re.compile(r" constant\((\d+)\)")
_TUPLE = re.compile(r" tuple\((.*?)\)")
_ADDED = re.compile(r" (?:add|copy)\(%(?P<one>[\w.\-]+)(?:, %(?P<other>[\w.\-]+))?\)")
_CALLED = re.compile(r"(?:calls|to_apply)=%([\w.\-]+)")
_BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
_ARRAY = re.compile(r"\b([a-z]+\d*\w*)\[([\d,]*)\]")
_CHANNEL = re.compile(r"channel_id=(\d+)")

_LISTED = re.compile(r"(?:replica_groups|source_target_pairs)=\{(\{[\d,{}]*\})\}")
_IOTA = re.compile(r"replica_groups=\[([\d,]+)\]<=\[([\d,]+)\](?:T\(([\d,]+)\))?")
_NAMED = re.compile(
    r"replica_groups=mesh\[(?P<mesh>[^\]]+)\]"
    r"(?:, device_ids=\(\[(?P<ids>[\d,]+)\](?:T\((?P<order>[\d,]+)\))?\))? \{(?P<axes>[^}]*)\}"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Collective:
    """One kind of exchange, of arrays of one size.

    Attributes:
      kind: as XLA calls it, such as "all-gather".
      axes: the axes of the mesh whose devices exchange.
      group_size: how many devices exchange with one another.
      num_bytes: of the whole array, as each device has it before or after.
      times: how often a run of the program does it.
      between_slices: whether a data centre's network carries it.
    """

    kind: str
    axes: tuple[str, ...]
    group_size: int
    num_bytes: int
    times: int
    between_slices: bool = False

    @property
    def bytes_between_slices(self) -> float:
        """What of `bytes_sent` goes to other slices."""
        return self.bytes_sent if self.between_slices else 0.0

    @property
    def bytes_sent(self) -> float:
        """What each device sends in all, by the ring algorithms, which send the least."""
        share = (self.group_size - 1) / self.group_size
        if self.kind == "all-reduce":
            share *= 2
        elif self.kind in ("collective-permute", "collective-broadcast"):
            share = 1.0
        return share * self.num_bytes * self.times


def find(
    text: str, mesh_shape: Mapping[str, int], *, slices: np.ndarray | None = None
) -> list[Collective]:
    """Finds a program's collectives, the most bytes sent first.

    Args:
      text: what `compiled.as_text()` gives.
      mesh_shape: the mesh's axes with their sizes, in order.
      slices: the slice that each device of the mesh lies in; None for one of all.

    Raises:
      ValueError: the text has groups of devices in a form that is not known here.
    """
    computations, entry = _computations(text)
    mesh = _Mesh.of(mesh_shape, slices)
    # An asynchronous collective of a TPU stands in each part that it was cut into, always with the
    # same channel.
    seen: dict[tuple[str, ...], tuple[Collective, int]] = {}
    for line, times, inside in _lines(computations, entry):
        if match := _COLLECTIVE.match(line):
            collective = _collective(line, match, mesh, inside=inside)
        elif match := _BETWEEN_SLICES.match(line):
            collective = mesh.between_slices(match)
        else:
            continue
        channel = _CHANNEL.search(line)
        place = channel[1] if channel else f"without channel {len(seen)}"
        key = (collective.kind, str(collective.between_slices), place)
        if key not in seen or seen[key][1] < times:
            seen[key] = (collective, times)
    counts: collections.Counter[Collective] = collections.Counter()
    for collective, times in seen.values():
        if collective.group_size > 1:
            counts[collective] += times
    found = [dataclasses.replace(collective, times=n) for collective, n in counts.items()]
    return sorted(found, key=lambda collective: -collective.bytes_sent)


def _computations(text: str) -> tuple[dict[str, list[str]], str]:
    """The lines of each computation by its name, and the name of the one that is run."""
    computations: dict[str, list[str]] = {}
    entry, lines = "", list[str]()
    for line in text.splitlines():
        if header := _COMPUTATION.match(line):
            lines = computations.setdefault(header["name"], [])
            entry = header["name"] if header["entry"] else entry
        else:
            lines.append(line)
    if not entry:
        raise ValueError(_unknown("a program without an ENTRY", text[:200]))
    return computations, entry


def _lines(
    computations: Mapping[str, Sequence[str]], name: str, times: int = 1
) -> Iterator[tuple[str, int, str]]:
    """Every line that runs, how often, and in which computation."""
    for line in computations.get(name, ()):
        yield line, times, name
        if loop := _WHILE.search(line):
            trips = _trip_count(line, *(computations[loop[part]] for part in ("condition", "body")))
            yield from _lines(computations, loop["body"], times * trips)
            continue
        called = _CALLED.findall(line)
        for branches in _BRANCHES.findall(line):
            called += re.findall(r"%([\w.\-]+)", branches)
        for other in called:
            yield from _lines(computations, other, times)


def _trip_count(line: str, condition: Sequence[str], body: Sequence[str]) -> int:
    """How often a loop turns, where it counts from 0 to a constant as those of `lax.scan` do."""
    if known := _KNOWN_TRIP_COUNT.search(line):
        return int(known[1])
    named = _instructions(condition)
    compared = _COMPARED.search(next(iter(row for row in condition if "ROOT" in row), ""))
    if compared is None:
        return 1  # it ends by what it finds, as a search does
    counter, limit = (named.get(name, "") for name in compared.groups())
    place, end = _PLACE.search(counter), _CONSTANT.search(limit)
    if place is None or end is None:
        return 1
    return -(-int(end[1]) // _step(body, int(place[1])))


def _step(body: Sequence[str], place: int) -> int:
    """What a turn of a loop adds to its counter: more than 1 where XLA makes several turns one."""
    named = _instructions(body)
    root = _TUPLE.search(next(iter(row for row in body if "ROOT" in row), ""))
    operands = re.findall(r"%([\w.\-]+)", root[1]) if root else []
    step, name = 0, operands[place] if place < len(operands) else ""
    while match := _ADDED.search(named.get(name, "")):
        added = _CONSTANT.search(named.get(match["other"] or "", ""))
        step, name = step + (int(added[1]) if added else 0), match["one"]
    return max(step, 1)


def _instructions(lines: Sequence[str]) -> dict[str, str]:
    """The instructions of a computation by their names."""
    found = (re.match(r"\s*(?:ROOT )?%([\w.\-]+) = ", line) for line in lines)
    return {match[1]: line for match, line in zip(found, lines, strict=True) if match}


@dataclasses.dataclass(frozen=True)
class _Mesh:
    """The mesh, and which of its devices replica groups number.

    Attributes:
      shape: sizes of its axes.
      members: places in the mesh of the devices of the first slice, or of all.
      others: places of the devices that the first exchanges with where slices do.
    """

    shape: Mapping[str, int]
    members: np.ndarray
    others: np.ndarray

    @classmethod
    def of(cls, shape: Mapping[str, int], slices: np.ndarray | None) -> _Mesh:
        size = math.prod(shape.values())
        by_place = np.zeros(size, int) if slices is None else slices.reshape(-1)
        parts = [np.flatnonzero(by_place == index) for index in np.unique(by_place)]
        return cls(shape, parts[0], np.array([part[0] for part in parts]))

    def axes_of(self, places: np.ndarray) -> tuple[str, ...]:
        """The axes in whose coordinates some devices differ."""
        coordinates = np.stack(np.unravel_index(places, tuple(self.shape.values())), axis=-1)
        differs = (coordinates != coordinates[:1]).any(axis=0)
        return tuple(name for name, varies in zip(self.shape, differs, strict=True) if varies)

    def between_slices(self, match: re.Match[str]) -> Collective:
        return Collective(
            kind=match["kind"].lower().replace("_", "-"),
            axes=self.axes_of(self.others),
            group_size=len(self.others),
            num_bytes=_bytes(match["type"]),
            times=1,
            between_slices=True,
        )


def _collective(line: str, match: re.Match[str], mesh: _Mesh, *, inside: str) -> Collective:
    groups = _groups(line, mesh.members.size)
    # A collective-permute may leave the first device's part where it is.
    group = next((one for one in groups if len(set(one)) > 1), groups[0])
    axes = mesh.axes_of(mesh.members[group])
    size, kind = len(group), match["kind"]
    num_bytes = _bytes(match["type"])
    if kind == "all-reduce" and inside.startswith(_REDUCES_AND_SCATTERS):
        return Collective(
            kind="reduce-scatter", axes=axes, group_size=size, num_bytes=num_bytes, times=1
        )
    if match["start"] and kind == "all-gather":  # the part that a device has stands there too
        num_bytes = num_bytes * size // (size + 1)
    elif match["start"] and kind == "collective-permute":
        num_bytes //= 2
    elif kind == "reduce-scatter":
        num_bytes *= size
    return Collective(kind=kind, axes=axes, group_size=size, num_bytes=num_bytes, times=1)


def _bytes(type_text: str) -> int:
    """Bytes of an array, or of all arrays of a tuple."""
    return sum(
        math.prod(map(int, filter(None, dims.split(",")))) * _itemsize(dtype)
        for dtype, dims in _ARRAY.findall(re.sub(r"\{[^}]*\}", "", type_text))
    )


def _itemsize(dtype: str) -> int:
    if dtype == "pred":
        return 1
    bits = re.search(r"\d+", dtype)
    return max(int(bits[0]) // 8, 1) if bits else 0


def _groups(line: str, num_devices: int) -> np.ndarray:
    """The groups of devices that exchange, [groups, devices of one]."""
    if iota := _IOTA.search(line):
        shape, order = _ints(iota[2]), _ints(iota[3])
        ids = np.arange(math.prod(shape)).reshape(shape)
        return np.transpose(ids, order or None).reshape(_ints(iota[1]))
    if named := _NAMED.search(line):
        return _named_groups(named)
    if listed := _LISTED.search(line):
        return np.array([_ints(group) for group in re.findall(r"\{([\d,]+)\}", listed[1])])
    if "replica_groups={}" in line:
        return np.arange(num_devices)[None]
    raise ValueError(_unknown("replica groups", line.strip()[:300]))


def _named_groups(named: re.Match[str]) -> np.ndarray:
    """Groups that XLA gives by the axes of a mesh of its own."""
    axes = dict(re.findall(r"'(\w+)'=(\d+)", named["mesh"]))
    shape = [int(size) for size in axes.values()]
    ids = np.arange(math.prod(shape))
    if named["ids"]:
        ids = np.transpose(ids.reshape(_ints(named["ids"])), _ints(named["order"] or "") or None)
    chosen = re.findall(r"'(\w+)'", named["axes"])
    if ":" in named["axes"]:
        raise ValueError(_unknown("a part of an axis", named[0]))
    inner = [list(axes).index(name) for name in chosen]
    outer = [dim for dim in range(len(shape)) if dim not in inner]
    size = math.prod(shape[dim] for dim in inner)
    return np.transpose(ids.reshape(shape), [*outer, *inner]).reshape(-1, size)


def _ints(text: str | None) -> list[int]:
    return [int(number) for number in (text or "").split(",") if number]


def _unknown(what: str, found: str) -> str:
    return (
        f"the compiled program has {what} in a form that t5lite does not read (jax "
        f"{jax.__version__}): {found}"
    )
