"""Rates of a mixture's leaf Tasks, as `seqio.Mixture.get_rate` weighs them.

seqio computes them one Task at a time, walking the whole mixture for each; here one walk does.
Works on registered Tasks and Mixtures without importing seqio.
"""

import math
import types
from collections.abc import Collection, Mapping
from typing import Any


def weights(
    provider: Any,
    num_examples: Mapping[str, int],
    *,
    overrides: Mapping[str, float] = types.MappingProxyType({}),
    leave_out: Collection[str] = (),
) -> dict[str, float]:
    """Unnormalised rate of each leaf Task by name; a sub-mixture's are scaled to sum to its rate.

    Args:
      provider: a `seqio.Task` or `seqio.Mixture`.
      num_examples: number of examples by leaf Task, for rates that are functions.
      overrides: rates of sub-mixtures that replace their own, wherever they occur.
      leave_out: leaf Tasks to treat as if no mixture listed them.

    Raises:
      ValueError: if a rate is not a finite number of 0 or more, a sub-mixture's rate is a function,
        or a function asks for more than the number of examples.
    """
    if _is_task(provider):
        return {provider.name: 1.0}
    found: dict[str, float] = {}
    for child, rate in _children(provider):
        if child.name in leave_out:
            continue
        rate = overrides.get(child.name, rate)
        if callable(rate):
            rate = _evaluate(provider, child, rate, num_examples)
        weight = float(rate)
        if weight < 0 or not math.isfinite(weight):
            raise ValueError(
                f"Mixture {provider.name!r}: the rate of {child.name!r} is {weight}. "
                "Give a number that is 0 or more."
            )
        inner = weights(child, num_examples, overrides=overrides, leave_out=leave_out)
        # All Tasks of a sub-mixture may have the rate 0.
        total = sum(inner.values()) or 1.0
        for task, share in inner.items():
            found[task] = found.get(task, 0.0) + weight * share / total
    return found


def leaves(provider: Any) -> set[str]:
    """Names of the leaf Tasks."""
    if _is_task(provider):
        return {provider.name}
    return {leaf for child, _ in _children(provider) for leaf in leaves(child)}


def shares_inside(provider: Any, num_examples: Mapping[str, int]) -> dict[str, float]:
    """The share of all draws, in [0, 1], that each mixture inside a mixture gets, by name.

    Args:
      provider: a `seqio.Task` or `seqio.Mixture`.
      num_examples: number of examples by leaf Task, for rates that are functions.
    """
    if _is_task(provider):
        return {}
    rates = [
        (child, float(_evaluate(provider, child, rate, num_examples) if callable(rate) else rate))
        for child, rate in _children(provider)
    ]
    total = sum(rate for _, rate in rates) or 1.0
    found: dict[str, float] = {}
    for child, rate in rates:
        if not _is_task(child):
            share = rate / total
            found[child.name] = found.get(child.name, 0.0) + share
            for name, part in shares_inside(child, num_examples).items():
                found[name] = found.get(name, 0.0) + share * part
    return found


def sub_mixtures(provider: Any) -> tuple[str, ...]:
    """Names of all mixtures inside a mixture, each before those inside it."""
    if _is_task(provider):
        return ()
    found: dict[str, None] = {}
    for child, _ in _children(provider):
        if not _is_task(child):
            found |= dict.fromkeys((child.name, *sub_mixtures(child)))
    return tuple(found)


def needs_counts(provider: Any) -> bool:
    """Whether some rate is a function, which may ask for numbers of examples."""
    if _is_task(provider):
        return False
    return any(callable(rate) or needs_counts(child) for child, rate in _children(provider))


def _is_task(provider: Any) -> bool:
    return hasattr(provider, "output_features") and not hasattr(provider, "rate_per_task_name")


def _children(mixture: Any) -> list[tuple[Any, Any]]:
    """(Task or Mixture, rate) of what a mixture lists; children need not be registered."""
    return [(mixture._task_map[name], rate) for name, rate in mixture.rate_per_task_name.items()]


def _evaluate(mixture: Any, child: Any, rate: Any, num_examples: Mapping[str, int]) -> float:
    if not _is_task(child):
        raise ValueError(
            f"Mixture {mixture.name!r}: the rate of sub-mixture {child.name!r} is a function, "
            "and seqio takes a number there. Give the number."
        )
    return rate(_CountedTask(child, num_examples[child.name]))


class _CountedTask:
    """What a rate function sees of a Task: it looks cached, and its counts are those given."""

    cache_dir = "token store"

    def __init__(self, task: Any, num_examples: int):
        self._task = task
        self._num_examples = num_examples

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)

    def num_input_examples(self, split: str) -> int:
        """Number of examples in the token store."""
        del split
        return self._num_examples

    def get_cached_stats(self, split: str = "train") -> Mapping[str, int]:
        """The same, as seqio's caches give it."""
        del split
        return _Counts(examples=self._num_examples)


class _Counts(dict[str, int]):
    def __missing__(self, key: str) -> int:
        raise ValueError(
            f"A rate function asks for {key!r}, and token stores know 'examples' only. "
            "Write the rates as numbers instead."
        )
