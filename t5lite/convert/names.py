"""The engine of conversion: walks a family's table of names, either way, losing no tensor.

A row pairs one of our parameters with one of theirs. Our layers are stacked along a leading axis;
theirs are separate, and `{layer}` stands for the number in their names.
"""

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

import jax
import numpy as np

from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import Params, flatten_names, param_shapes, unflatten_names

_LAYER = "{layer}"


@dataclasses.dataclass(frozen=True)
class Row:
    """One pair of names.

    Attributes:
      ours: Our name, e.g. `encoder/layers/mlp/wo/kernel`.
      theirs: Their name, with `{layer}` where ours is stacked.
      transpose: Whether their matrix is ours transposed.
    """

    ours: str
    theirs: str
    transpose: bool = False

    @property
    def stacked(self) -> bool:
        """Whether the row stands for one tensor a layer."""
        return _LAYER in self.theirs

    def names(self, num_layers: int) -> list[str]:
        """Their names, in the order of layers; one name if not stacked."""
        if not self.stacked:
            return [self.theirs]
        return [self.theirs.replace(_LAYER, str(i)) for i in range(num_layers)]


class Tensors(Mapping[str, np.ndarray]):
    """Tensors by name, each read when it is asked for, so that a large model is never held twice.

    Args:
      loaders: A function a name, which reads that tensor.
      source: What an error message calls the place they come from.
    """

    def __init__(self, loaders: Mapping[str, Callable[[], np.ndarray]], *, source: str):
        self._loaders = dict(loaders)
        self.source = source

    def __getitem__(self, name: str) -> np.ndarray:
        return self._loaders[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaders)

    def __len__(self) -> int:
        return len(self._loaders)

    def without(self, names: Iterable[str]) -> "Tensors":
        """The same tensors, some left out."""
        left_out = set(names)
        kept = {name: fn for name, fn in self._loaders.items() if name not in left_out}
        return Tensors(kept, source=self.source)

    def count_layers(self, pattern: str) -> int:
        """How many numbers stand for `{layer}` in names that match a row's pattern."""
        before, after = map(re.escape, pattern.split(_LAYER))
        found = (re.fullmatch(f"{before}([0-9]+){after}", name) for name in self)
        return len({match.group(1) for match in found if match})


def to_ours(table: Iterable[Row], tensors: Tensors, *, config: TransformerConfig) -> Params:
    """Reads every parameter of a model out of foreign tensors.

    Args:
      table: Rows; those whose parameter this config does not have are not looked at.
      tensors: Theirs.
      config: The model.

    Returns:
      Nested dict of float32 NumPy arrays.

    Raises:
      ValueError: tensors are missing, left over, or of another shape; all are listed.
    """
    rows = {row.ours: row for row in table}
    shapes = flatten_names(param_shapes(config))
    flat: dict[str, np.ndarray] = {}
    problems: list[str] = []
    wanted: set[str] = set()
    for ours, struct in shapes.items():
        names = rows[ours].names(struct.shape[0])
        wanted.update(names)
        absent = [name for name in names if name not in tensors]
        problems += [f"missing {name} (our {ours})" for name in absent]
        if not absent:
            flat[ours] = _read(rows[ours], names, tensors, struct, problems)
    problems += [f"unused {name}" for name in sorted(set(tensors) - wanted)]
    if problems:
        raise ValueError(
            f"{tensors.source} does not hold this model's parameters:\n  " + "\n  ".join(problems)
        )
    return unflatten_names(flat)


def to_theirs(table: Iterable[Row], params: Params) -> dict[str, np.ndarray]:
    """Writes every parameter under its foreign name; the inverse of `to_ours`, to the bit.

    Raises:
      ValueError: a parameter has no row in the table.
    """
    rows = {row.ours: row for row in table}
    theirs: dict[str, np.ndarray] = {}
    for ours, leaf in flatten_names(params).items():
        if ours not in rows:
            raise ValueError(f"the format has no place for the parameter {ours}")
        row = rows[ours]
        value = np.asarray(leaf)
        names = row.names(value.shape[0])
        layers = list(value) if row.stacked else [value]
        for name, layer in zip(names, layers, strict=True):
            theirs[name] = np.ascontiguousarray(layer.T if row.transpose else layer)
    return theirs


def _read(
    row: Row,
    names: list[str],
    tensors: Tensors,
    struct: jax.ShapeDtypeStruct,
    problems: list[str],
) -> np.ndarray:
    """One of our parameters, its layers read one by one into place."""
    value = np.empty(struct.shape, np.float32)
    places = value if row.stacked else value[None]
    for place, name in zip(places, names, strict=True):
        tensor = tensors[name]
        if row.transpose:
            tensor = tensor.T
        if tensor.shape != place.shape:
            theirs = tensor.shape[::-1] if row.transpose else tensor.shape
            expected = place.shape[::-1] if row.transpose else place.shape
            problems.append(f"{name} is {theirs}, expected {expected} (our {row.ours})")
        else:
            place[...] = tensor
    return value
