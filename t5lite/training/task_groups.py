"""Joint training: some parameters learn from the tokens of some Tasks only.

As in LLaMA-Adapter V2 (arXiv:2304.15010, section 3.3), whose captions and instructions train
parameters of their own in one run. Tokens are told apart, not rows: attention does not cross the
examples of a packed row, so a row may hold several Tasks.

Shapes: R rows, L target positions.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from t5lite.messages.suggest import did_you_mean
from t5lite.training.parameter_groups import compile_pattern

_SETTING = "train.task_groups"
# Of a batch: bit i says that a position is of a Task of group i.
FEATURE = "task_groups"
# The parameters that every Task trains, and what they are trained on.
ALL = "all"
_MOST_GROUPS = 31


@dataclasses.dataclass(frozen=True)
class TaskGroups:
    """Which parameters learn from which Tasks; made by `task_groups`.

    Attributes:
      tasks: a regular expression of Tasks of each group.
      parameters: names of the parameters that are trained, by the number of their group, or `ALL`.
    """

    tasks: tuple[str, ...]
    parameters: Mapping[str, tuple[str, ...]]

    def bits(self, task_names: Sequence[str]) -> npt.NDArray[np.int32]:
        """The groups of each Task `[T]`, as bits.

        Raises:
          ValueError: an expression is found in no Task's name, or a Task trains nothing.
        """
        bits_T = np.zeros(len(task_names), np.int32)
        for group, pattern in enumerate(self.tasks):
            is_in_T = np.array([bool(re.search(pattern, name)) for name in task_names])
            if not is_in_T.any():
                raise ValueError(
                    f"{_SETTING}: {pattern!r} matches no Task of the run."
                    f"{did_you_mean(pattern, task_names)}"
                )
            bits_T |= is_in_T.astype(np.int32) << group
        idle = [name for name, bits in zip(task_names, bits_T, strict=True) if not bits]
        if idle and ALL not in self.parameters:
            raise ValueError(
                f"{_SETTING}: {len(idle)} Tasks train no parameter: {', '.join(idle[:5])}. Name "
                "them in a group, or leave them out of the mixture."
            )
        return bits_T

    def part(self, batch: Mapping[str, jax.Array], group: str) -> dict[str, jax.Array]:
        """A batch whose other Tasks' tokens bear no loss."""
        features = dict(batch)
        bits_RL = features.pop(FEATURE, None)
        if group != ALL:
            assert bits_RL is not None, "a batch says which Tasks it is of"
            is_in_RL = (bits_RL >> int(group)) & 1 == 1
            weights_RL = features["decoder_loss_weights"]
            features["decoder_loss_weights"] = jnp.where(is_in_RL, weights_RL, 0)
        return features


def task_groups(groups: Sequence[tuple[str, str]], names: Sequence[str]) -> TaskGroups:
    """Parts the parameters that are trained.

    Args:
      groups: pairs of two regular expressions, of parameters and of Tasks. The first whose first
        expression is found (`re.search`) in a parameter's name says from which Tasks it learns;
        a parameter of none learns from all.
      names: of the parameters that are trained.

    Raises:
      ValueError: on a bad expression, or one that matches no parameter.
    """
    if len(groups) > _MOST_GROUPS:
        raise ValueError(f"{_SETTING} has {len(groups)} groups; there may be {_MOST_GROUPS}.")
    compiled = [compile_pattern(of, names, setting=_SETTING) for of, _ in groups]
    for _, pattern in groups:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(
                f"{_SETTING}: {pattern!r} is no regular expression: {error}."
            ) from error
    found: dict[str, list[str]] = {}
    for name in names:
        of = next((str(i) for i, one in enumerate(compiled) if one.search(name)), ALL)
        found.setdefault(of, []).append(name)
    if empty := [groups[i][0] for i in range(len(groups)) if str(i) not in found]:
        raise ValueError(
            f"{_SETTING}: {empty[0]!r} matches only parameters that an expression before it "
            "matches. Put it before, or leave it out."
        )
    return TaskGroups(
        tuple(of for _, of in groups), {group: tuple(found[group]) for group in sorted(found)}
    )
