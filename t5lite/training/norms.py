"""Norms of gradients, updates and parameters, of all that are trained and of groups of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import optax
from flax.traverse_util import flatten_dict

from t5lite.training.parameter_groups import compile_pattern

# Names of the parameters of each group, by its regular expression.
NormGroups = Mapping[str, Sequence[str]]


def norm_groups(patterns: Sequence[str], trainable: Any) -> NormGroups:
    """Finds the parameters of groups.

    Args:
      patterns: regular expressions, found (`re.search`) in the names of their parameters.
      trainable: nested dict of the parameters that are trained, or of their shapes.

    Raises:
      ValueError: one is no regular expression, or matches none of them.
    """
    names = list(flatten_dict(trainable, sep="/"))
    compiled = {p: compile_pattern(p, names, setting="train.norm_groups") for p in patterns}
    return {p: [name for name in names if c.search(name)] for p, c in compiled.items()}


def norms(kind: str, tree: Any, groups: NormGroups) -> dict[str, jax.Array]:
    """Global L2 norms, float32 scalars: `<kind>_norm`, and `<kind>_norm/<pattern>` of each group.

    Args:
      kind: "grad", "update" or "param".
      tree: nested dict, one array for each parameter that is trained.
      groups: as `norm_groups` found them.
    """
    flat = flatten_dict(tree, sep="/")
    return {f"{kind}_norm": optax.global_norm(tree)} | {
        f"{kind}_norm/{pattern}": optax.global_norm([flat[name] for name in names])
        for pattern, names in groups.items()
    }
