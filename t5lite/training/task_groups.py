"""Tokens of some Tasks apart from others': for an objective, or for parameters that learn of them.

The latter is joint training, as in LLaMA-Adapter V2 (arXiv:2304.15010, section 3.3), whose captions
and instructions train parameters of their own in one run. Tokens are told apart, not rows:
attention does not cross the examples of a packed row, so a row may hold several Tasks.

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
from t5lite.training.objective import TASKS_FEATURE, Objective
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
        bits_T = bits_of_tasks([(_SETTING, of) for of in self.tasks], task_names)
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


def bits_of_tasks(
    patterns: Sequence[tuple[str, str]], task_names: Sequence[str]
) -> npt.NDArray[np.int32]:
    """Which regular expressions are found in each Task's name.

    Args:
      patterns: pairs of the setting that holds it and the expression.
      task_names: all Tasks of the run.

    Returns:
      int32 `[T]`; bit i is of the i-th expression.

    Raises:
      ValueError: an expression is none, or is found in no Task's name.
    """
    bits_T = np.zeros(len(task_names), np.int32)
    for group, (setting, pattern) in enumerate(patterns):
        _check_expression(setting, pattern)
        is_in_T = np.array([bool(re.search(pattern, name)) for name in task_names])
        if not is_in_T.any():
            raise ValueError(
                f"{setting}: {pattern!r} matches no Task of the run."
                f"{did_you_mean(pattern, task_names)}"
            )
        bits_T |= is_in_T.astype(np.int32) << group
    return bits_T


def bits_for_objective(objective: Objective, task_names: Sequence[str]) -> npt.NDArray[np.int32]:
    """Which of the Tasks that an objective tells apart each Task of the run is, as bits `[T]`.

    Raises:
      ValueError: as `bits_of_tasks`, or a Task is of none or of several.
    """
    patterns = objective.tasks_told_apart
    bits_T = bits_of_tasks(tuple(patterns.items()), task_names)
    for name, bits in zip(task_names, bits_T, strict=True):
        if int(bits).bit_count() != 1:
            found = [s for i, s in enumerate(patterns) if bits >> i & 1] or ["none"]
            settings = ", ".join(f"{setting} = {of!r}" for setting, of in patterns.items())
            raise ValueError(
                f"{settings}: each Task of the run must match exactly one, and {name} matches "
                f"{' and '.join(found)}. Change them, or the mixture."
            )
    return bits_T


def task_features(
    groups: TaskGroups, objective: Objective, task_names: Sequence[str]
) -> dict[str, npt.NDArray[np.int32]]:
    """What batches say of the Tasks of their tokens, for `feed`: bits `[T]`, by feature.

    Raises:
      ValueError: as `TaskGroups.bits` and `bits_for_objective`.
    """
    features = {}
    if groups.tasks:
        features[FEATURE] = groups.bits(task_names)
    if objective.tasks_told_apart:
        features[TASKS_FEATURE] = bits_for_objective(objective, task_names)
    return features


def _check_expression(setting: str, pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{setting}: {pattern!r} is no regular expression: {error}.") from error


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
        _check_expression(_SETTING, pattern)
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
