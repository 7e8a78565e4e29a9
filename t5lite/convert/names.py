"""The engine of conversion: walks a family's table of names, either way, losing no tensor.

A row pairs parameters of ours with one tensor of theirs. Our layers are stacked along a leading
axis; theirs are separate, and `{layer}` stands for the number in their names. Between the two lie
`Arrays`, our parameters a layer at a time, each read when it is asked for: a model larger than
memory goes from one format to another one tensor after the other.
"""

import dataclasses
import functools
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from t5lite.convert.layouts import SAME, Layout
from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import Params, flatten_names, param_shapes, unflatten_names

_LAYER = "{layer}"
_STACKED = "/layers/"
_SHOWN_PROBLEMS = 20


@dataclasses.dataclass(frozen=True)
class LazyArray:
    """An array whose shape and type are known and whose numbers are read when asked for.

    Attributes:
      shape: Its shape.
      dtype: Its type.
      read: Reads its numbers.
      origin: The tensor that it is made of, and that tensor's name, where a file has it so.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[], np.ndarray]
    origin: "tuple[str, LazyArray] | None" = None

    @classmethod
    def of(cls, array: np.ndarray) -> "LazyArray":
        """One that is in memory already."""
        return cls(tuple(array.shape), array.dtype, lambda: array)

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def num_bytes(self) -> int:
        """Size in memory."""
        return self.size * self.dtype.itemsize


# A parameter of ours, a layer at a time: its name, and the layer (None where it is not stacked).
Key = tuple[str, int | None]
Arrays = Mapping[Key, LazyArray]


@dataclasses.dataclass(frozen=True)
class Row:
    """Which of our parameters make which tensor of theirs.

    Attributes:
      ours: Our name, e.g. `encoder/layers/mlp/wo/kernel`; several where theirs is fused.
      theirs: Their name, with `{layer}` where ours is stacked.
      layout: How the numbers lie in the one and in the other.
    """

    ours: str | tuple[str, ...]
    theirs: str
    layout: Layout = SAME

    @property
    def names(self) -> tuple[str, ...]:
        """Our names."""
        return (self.ours,) if isinstance(self.ours, str) else self.ours

    @property
    def stacked(self) -> bool:
        """Whether the row stands for one tensor a layer."""
        return _LAYER in self.theirs

    def name_of(self, layer: int | None) -> str:
        """Their name of one layer's tensor."""
        return self.theirs.replace(_LAYER, str(layer))


class Tensors(Mapping[str, LazyArray]):
    """Somebody's tensors by name.

    Args:
      tensors: The tensors.
      source: What an error message calls the place they come from.
    """

    def __init__(self, tensors: Mapping[str, LazyArray], *, source: str):
        self._tensors = dict(tensors)
        self.source = source

    def __getitem__(self, name: str) -> LazyArray:
        return self._tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def without(self, names: Iterable[str]) -> "Tensors":
        """The same tensors, some left out."""
        left_out = set(names)
        kept = {name: tensor for name, tensor in self.items() if name not in left_out}
        return Tensors(kept, source=self.source)

    def renamed(self, rename: Callable[[str], str]) -> "Tensors":
        """The same tensors by other names."""
        return Tensors({rename(name): tensor for name, tensor in self.items()}, source=self.source)

    def count_layers(self, pattern: str) -> int:
        """How many numbers stand for `{layer}` in names that match a row's pattern."""
        before, after = map(re.escape, pattern.split(_LAYER))
        found = (re.fullmatch(f"{before}([0-9]+){after}", name) for name in self)
        return len({match.group(1) for match in found if match})


def to_ours(table: Iterable[Row], tensors: Tensors, *, config: TransformerConfig) -> Arrays:
    """Finds every parameter of a model among external tensors; reads none of them yet.

    Args:
      table: Rows; those whose parameters this config does not have are not looked at.
      tensors: Theirs.
      config: The model.

    Raises:
      ValueError: tensors are missing, left over, or of another shape; the first are
        listed.
    """
    shapes = layer_shapes(config)
    arrays: dict[Key, LazyArray] = {}
    problems: list[str] = []
    wanted: set[str] = set()
    for row, layer in walk_rows(table, shapes):
        name, keys = row.name_of(layer), [(ours, layer) for ours in row.names]
        wanted.add(name)
        tensor = tensors.get(name)
        expected = joined_shape(row.layout, tuple(shapes[key] for key in keys), config)
        if tensor is None:
            problems.append(f"missing {name} (our {', '.join(row.names)})")
        elif tensor.shape != expected:
            problems.append(
                f"{name} is {tensor.shape}, expected {expected} (our {', '.join(row.names)})"
            )
        else:
            for index, key in enumerate(keys):
                read = functools.partial(_read_part, row.layout, tensor, index, config)
                arrays[key] = LazyArray(shapes[key], tensor.dtype, read, (name, tensor))
    problems += [f"unused {name}" for name in sorted(set(tensors) - wanted)]
    if problems:
        shown = problems[:_SHOWN_PROBLEMS]
        shown += [f"and {more} more"] if (more := len(problems) - len(shown)) else []
        raise ValueError(
            f"{tensors.source} does not hold this model's parameters:\n  " + "\n  ".join(shown)
        )
    return arrays


def to_theirs(table: Iterable[Row], arrays: Arrays, *, config: TransformerConfig) -> Tensors:
    """Every parameter under its external name; the inverse of `to_ours`, to the bit.

    Tensors come in the table's order, all layers of a row one after the other.

    Raises:
      ValueError: a parameter has no row in the table.
    """
    shapes = layer_shapes(config)
    assert shapes.keys() == arrays.keys(), shapes.keys() ^ arrays.keys()
    theirs: dict[str, LazyArray] = {}
    for row, layer in walk_rows(table, shapes):
        parts = tuple(arrays[ours, layer] for ours in row.names)
        shape = joined_shape(row.layout, tuple(part.shape for part in parts), config)
        dtype = np.result_type(*(part.dtype for part in parts))
        read = functools.partial(_read_joined, row.layout, parts, config)
        theirs[row.name_of(layer)] = LazyArray(shape, dtype, read)
    return Tensors(theirs, source="the model")


def wanted_names(table: Iterable[Row], config: TransformerConfig) -> set[str]:
    """Their names of everything that a model has."""
    return {row.name_of(layer) for row, layer in walk_rows(table, layer_shapes(config))}


def walk_rows(
    table: Iterable[Row], shapes: Mapping[Key, tuple[int, ...]]
) -> Iterator[tuple[Row, int | None]]:
    """Every (row, layer) that a model of these parameters has, in the table's order.

    Raises:
      ValueError: parameters that no row names.
    """
    num_layers: dict[str, int] = {}
    for name, layer in shapes:
        num_layers[name] = num_layers.get(name, 0) + (layer is not None)
    placed: set[str] = set()
    found = []
    for row in table:
        held = [name for name in row.names if name in num_layers]
        if held:
            assert len(held) == len(row.names), f"{row} is only half in the model: {held}"
            placed.update(held)
            count = num_layers[held[0]]
            assert row.stacked == bool(count), row
            found += [(row, layer) for layer in (range(count) if count else (None,))]
    unmapped = sorted(num_layers.keys() - placed)
    if unmapped:
        raise ValueError(f"the format has no place for the parameters {', '.join(unmapped)}")
    return iter(found)


@functools.lru_cache(maxsize=256)
def joined_shape(
    layout: Layout, shapes: tuple[tuple[int, ...], ...], config: TransformerConfig
) -> tuple[int, ...]:
    """The shape that joining arrays of these gives, found by joining stand-ins of one byte each."""
    stand_ins = tuple(np.broadcast_to(np.False_, shape) for shape in shapes)
    return tuple(layout.join(stand_ins, config).shape)


def layer_shapes(config: TransformerConfig) -> dict[Key, tuple[int, ...]]:
    """Shape of every parameter of a model, a layer at a time."""
    shapes: dict[Key, tuple[int, ...]] = {}
    for name, struct in flatten_names(param_shapes(config)).items():
        if _STACKED in name:
            shapes |= {(name, layer): struct.shape[1:] for layer in range(struct.shape[0])}
        else:
            shapes[name, None] = struct.shape
    return shapes


def stack(arrays: Arrays) -> Params:
    """Reads a whole model: a nested dict of float32 arrays, layers stacked."""
    return unflatten_names({name: array.read() for name, array in parameters(arrays).items()})


def parameters(arrays: Arrays) -> dict[str, LazyArray]:
    """Whole parameters by name, float32, layers stacked; each is read when it is asked for."""
    whole = {}
    for name, parts in layers_by_name(arrays).items():
        shape = (len(parts), *parts[0].shape) if _STACKED in name else parts[0].shape
        read = functools.partial(_read_stacked, parts, shape)
        whole[name] = LazyArray(shape, np.dtype(np.float32), read)
    return whole


def layers_by_name(arrays: Arrays) -> dict[str, list[LazyArray]]:
    """Every parameter's layers in order; one array where it is not stacked."""
    found: dict[str, dict[int, LazyArray]] = {}
    for (name, layer), array in arrays.items():
        found.setdefault(name, {})[layer or 0] = array
    return {name: [parts[layer] for layer in sorted(parts)] for name, parts in found.items()}


def unstack(params: Params) -> Arrays:
    """The inverse of `stack`; nothing is copied but what an array is asked for."""
    arrays: dict[Key, LazyArray] = {}
    for name, leaf in flatten_names(params).items():
        if _STACKED in name:
            for layer in range(leaf.shape[0]):
                arrays[name, layer] = LazyArray(
                    tuple(leaf.shape[1:]),
                    np.dtype(leaf.dtype),
                    functools.partial(_index, leaf, layer),
                )
        else:
            arrays[name, None] = LazyArray(
                tuple(leaf.shape), np.dtype(leaf.dtype), functools.partial(np.asarray, leaf)
            )
    return arrays


def _read_part(
    layout: Layout, tensor: LazyArray, index: int, config: TransformerConfig
) -> np.ndarray:
    return layout.split(tensor.read(), config)[index]


def _read_joined(
    layout: Layout, parts: tuple[LazyArray, ...], config: TransformerConfig
) -> np.ndarray:
    return layout.join(tuple(part.read() for part in parts), config)


def _read_stacked(parts: Sequence[LazyArray], shape: tuple[int, ...]) -> np.ndarray:
    value = np.empty(shape, np.float32)
    places = value if len(shape) > len(parts[0].shape) else value[None]
    for place, part in zip(places, parts, strict=True):
        place[...] = part.read()
    return value


def _index(leaf: Any, layer: int) -> np.ndarray:
    return np.asarray(leaf[layer])
