"""Trainable and frozen parameters: two trees before the gradient is taken.

A frozen parameter has no gradient and no optimizer state, and may be held in bfloat16.
"""

import dataclasses
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from flax.traverse_util import flatten_dict, unflatten_dict

from t5lite.messages.suggest import did_you_mean

# Nested dicts whose leaves are arrays, shapes or tuples of logical axis names.
Tree = Any
ParameterGroups = Sequence[tuple[str, float]]
FrozenDtype = Literal["float32", "bfloat16"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Partition:
    """A model's parameters in two parts.

    Attributes:
      multipliers: by the name of each trainable parameter, what multiplies its updates.
      frozen: names of the frozen parameters.
      frozen_dtype: the type in which frozen parameters are held.
    """

    multipliers: Mapping[str, float]
    frozen: Sequence[str] = ()
    frozen_dtype: FrozenDtype = "float32"

    def split(self, tree: Tree) -> tuple[Tree, Tree]:
        """Gives the trainable and the frozen part of a nested dict of all parameters."""
        return split_names(tree, self.multipliers)

    def cast_frozen(self, params: Tree) -> Tree:
        """Gives all parameters, the frozen ones in `frozen_dtype`."""
        trainable, frozen = self.split(params)
        cast = {n: x.astype(self.frozen_dtype) for n, x in flatten_dict(frozen, sep="/").items()}
        return merge(trainable, unflatten_dict(cast, sep="/"))

    def check_frozen_dtype(self, *, has_frozen_models: bool) -> None:
        """Raises ValueError where `frozen_dtype` says how to hold what there is not."""
        if self.frozen_dtype != "float32" and not (self.frozen or has_frozen_models):
            raise ValueError(
                f"train.frozen_dtype = {self.frozen_dtype!r} has no effect, for nothing is frozen. "
                'Freeze parameters, as with train.parameter_groups = (("^encoder/", 0),), or leave '
                "it out."
            )


def split_names(tree: Tree, names: Collection[str]) -> tuple[Tree, Tree]:
    """Gives the part of a nested dict that has these names, and the other; `merge` joins them."""
    flat = flatten_dict(tree, sep="/")
    return (
        unflatten_dict({name: flat[name] for name in names}, sep="/"),
        unflatten_dict({name: x for name, x in flat.items() if name not in names}, sep="/"),
    )


def merge(trainable: Tree, frozen: Tree) -> Tree:
    """Gives the nested dict of all parameters; the inverse of `Partition.split`."""
    return unflatten_dict(flatten_dict(trainable, sep="/") | flatten_dict(frozen, sep="/"), sep="/")


def partition_parameters(
    shapes: Tree,
    groups: ParameterGroups = (),
    *,
    frozen_dtype: FrozenDtype = "float32",
    adapter: Collection[str] = (),
) -> Partition:
    """Decides which parameters are trained.

    Args:
      shapes: nested dict of the parameters, or of their shapes.
      groups: pairs of a regular expression and a multiplier. The first expression found
        (`re.search`) in a parameter's name, such as "encoder/layers/mlp/wo/kernel", multiplies its
        updates, weight decay included; 0 freezes it. Parameters that no expression matches have
        multiplier 1.
      frozen_dtype: the type in which frozen parameters are held.
      adapter: names of the parameters that are adapters', where a model has any: all others are
        frozen, and groups are of these alone.

    Raises:
      ValueError: on a bad expression or multiplier, an expression that matches no parameter, or if
        everything is frozen.
    """
    names = list(flatten_dict(shapes, sep="/"))
    base = dict.fromkeys((name for name in names if adapter and name not in adapter), 0.0)
    multipliers = base | _multipliers([name for name in names if name not in base], groups)
    trainable = {name: m for name, m in multipliers.items() if m > 0}
    if not trainable:
        raise ValueError(
            "train.parameter_groups freezes every parameter: nothing is left to train."
        )
    frozen = tuple(name for name in names if name not in trainable)
    return Partition(multipliers=trainable, frozen=frozen, frozen_dtype=frozen_dtype)


def _multipliers(names: Sequence[str], groups: ParameterGroups) -> dict[str, float]:
    """Gives every parameter the multiplier of the first group that it belongs to."""
    compiled = []
    for pattern, multiplier in groups:
        expression = compile_pattern(pattern, names, setting="train.parameter_groups")
        if not multiplier >= 0:
            raise ValueError(
                f"train.parameter_groups: {pattern!r} has multiplier {multiplier};"
                " give a positive number, or 0 to freeze."
            )
        compiled.append((expression, float(multiplier)))
    return {
        name: next((m for expression, m in compiled if expression.search(name)), 1.0)
        for name in names
    }


def compile_pattern(pattern: str, names: Sequence[str], *, setting: str) -> re.Pattern[str]:
    """Compiles the regular expression of a group of parameters.

    Args:
      pattern: the expression.
      names: of the parameters, in some of which it has to be found.
      setting: that gave it, for messages.

    Raises:
      ValueError: it is none, or is found in no name.
    """
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{setting}: {pattern!r} is no regular expression: {error}.") from error
    if not any(expression.search(name) for name in names):
        raise ValueError(
            f"{setting}: {pattern!r} matches no parameter.{did_you_mean(pattern, names)}"
        )
    return expression
