"""Rates of a mixture's leaf Tasks, as `seqio.Mixture.get_rate` weighs them.

seqio computes them one Task at a time, walking the whole mixture for each; here one walk does.
Works on registered Tasks and Mixtures without importing seqio.
"""

import collections
import dataclasses
import functools
import math
import types
from collections.abc import Collection, Mapping
from typing import Any

from t5lite.messages.ranges import NotNegative
from t5lite.messages.value_types import check_type


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
      num_examples: number of examples by leaf Task, for rates that are functions. They see it where
        a Task neither declares its `num_input_examples` nor is cached by seqio.
      overrides: rates of sub-mixtures that replace their own, wherever they occur.
      leave_out: leaf Tasks to treat as if no mixture listed them.

    Raises:
      ValueError: if a rate is not a finite number of 0 or more, a sub-mixture's rate is a function,
        or a function fails.
    """
    if _is_task(provider):
        return {provider.name: 1.0}
    return _Weigher(num_examples, overrides, leave_out).weigh(provider)[0]


class _Weigher:
    """Weighs a mixture and those inside it, each once."""

    def __init__(
        self,
        num_examples: Mapping[str, int],
        overrides: Mapping[str, float],
        leave_out: Collection[str],
    ):
        self._num_examples = num_examples
        self._overrides = overrides
        self._leave_out = leave_out
        self._weighed: dict[int, tuple[dict[str, float], float]] = {}

    def weigh(self, mixture: Any) -> tuple[dict[str, float], float]:
        """The rates of a mixture's leaf Tasks, and the sum of what it lists."""
        if id(mixture) not in self._weighed:
            weigh = self._ask if has_own_rates(mixture) else self._walk
            self._weighed[id(mixture)] = weigh(mixture)
        return self._weighed[id(mixture)]

    def _walk(self, mixture: Any) -> tuple[dict[str, float], float]:
        inside = collections.defaultdict(list)
        for inner in mixture._sub_mixtures:
            inside[inner.name].append(inner)
        tasks = {task.name for task in mixture._tasks} - set(self._leave_out)
        found: dict[str, float] = {}
        listed = 0.0
        for name in mixture.rate_per_task_name:
            rate = self._rate(mixture, name)
            inner_totals = []
            for inner in inside[name]:
                inner_rates, inner_total = self.weigh(inner)
                inner_totals.append(inner_total)
                for task, inner_rate in inner_rates.items():
                    # All that a sub-mixture lists may have the rate 0.
                    weight = rate * inner_rate / (inner_total or 1.0)
                    found[task] = found.get(task, 0.0) + weight
            if name in tasks:
                found[name] = found.get(name, 0.0) + rate
            listed += rate if name in tasks or any(inner_totals) else 0.0
        for name in inside:
            # A Task further inside, of a mixture's name: in seqio it gets that rate too.
            if name in found and name not in tasks:
                found[name] += self._rate(mixture, name)
        # They differ where names meet, or a mixture is listed twice: seqio sums what is listed.
        total = sum(found.values())
        return found, total if math.isclose(total, listed) else listed

    def _ask(self, mixture: Any) -> tuple[dict[str, float], float]:
        """The rates that a class of mixtures of the user's own computes."""
        replaced = sorted({inner.name for inner in mixture._sub_mixtures} & set(self._overrides))
        if replaced:
            raise ValueError(
                f"Mixture {mixture.name!r} computes its rates itself, so that no rate can be given "
                f"for {', '.join(replaced)} inside it (DataConfig.mixture_rates)."
            )
        tasks = [task for task in mixture.tasks if task.name not in self._leave_out]
        found = {task.name: float(mixture.get_rate(task)) for task in tasks}
        for task, rate in found.items():
            check_type(rate, NotNegative, name=f"Mixture {mixture.name!r}: get_rate of {task!r}")
        is_whole = len(tasks) == len(mixture.tasks)
        return found, float(mixture.total_rate) if is_whole else sum(found.values())

    def _rate(self, mixture: Any, name: str) -> float:
        """What a mixture lists for a name; 0 for a Task that is left out."""
        if name in self._leave_out:
            return 0.0
        rate = self._overrides.get(name, mixture.rate_per_task_name[name])
        if callable(rate):
            rate = self._evaluate(mixture, name, rate)
        try:
            weight = float(rate)
        except (TypeError, ValueError, OverflowError):
            weight = rate
        check_type(weight, NotNegative, name=f"Mixture {mixture.name!r}: the rate of {name!r}")
        return weight

    def _evaluate(self, mixture: Any, name: str, rate: Any) -> Any:
        if any(inner.name == name for inner in mixture._sub_mixtures):
            raise ValueError(
                f"Mixture {mixture.name!r}: the rate of sub-mixture {name!r} is a function, "
                "and seqio takes a number there. Give the number."
            )
        try:
            return rate(_CountedTask(mixture._task_map[name], self._num_examples))
        except Exception as error:
            raise ValueError(
                f"Mixture {mixture.name!r}: the rate of {name!r} is a function, and it fails: "
                f"{type(error).__name__}: {error} Mend it, or write the rate as a number."
            ) from error


def leaves(provider: Any) -> set[str]:
    """Names of the leaf Tasks."""
    if _is_task(provider):
        return {provider.name}
    return {task.name for task in provider.tasks}


@dataclasses.dataclass(frozen=True)
class InnerMixture:
    """A mixture inside a mixture.

    Attributes:
      name: its name.
      share: of all draws, in [0, 1].
      num_tasks: how many leaf Tasks it has.
    """

    name: str
    share: float
    num_tasks: int


def inner_mixtures(provider: Any, num_examples: Mapping[str, int]) -> list[InnerMixture]:
    """The mixtures inside a mixture, each before those inside it.

    Args:
      provider: a `seqio.Task` or `seqio.Mixture`.
      num_examples: as for `weights`.
    """
    weigher = _Weigher(num_examples, {}, ())
    shares: dict[str, float] = {}

    def walk(mixture: Any, share: float) -> None:
        total = weigher.weigh(mixture)[1] or 1.0
        for inner in mixture._sub_mixtures:
            part = share * weigher._rate(mixture, inner.name) / total
            shares[inner.name] = shares.get(inner.name, 0.0) + part
            walk(inner, part)

    if not _is_task(provider):
        walk(provider, 1.0)
    return [
        InnerMixture(mixture.name, shares[mixture.name], len(mixture.tasks))
        for mixture in sub_mixtures(provider)
    ]


def sub_mixtures(provider: Any) -> tuple[Any, ...]:
    """All mixtures inside a mixture, each before those inside it."""
    if _is_task(provider):
        return ()
    found: dict[str, Any] = {}
    for inner in provider._sub_mixtures:
        for mixture in (inner, *sub_mixtures(inner)):
            found.setdefault(mixture.name, mixture)
    return tuple(found.values())


def needs_counts(provider: Any) -> bool:
    """Whether some rate is a function, which may ask for numbers of examples."""
    return any(
        callable(rate)
        for mixture in _with_inner(provider)
        for rate in mixture.rate_per_task_name.values()
    )


def caps(provider: Any) -> dict[str, float]:
    """`maximum` of each leaf Task's rate function, where the function has one bound."""
    return {
        name: rate.keywords["maximum"]
        for mixture in _with_inner(provider)
        for name, rate in mixture.rate_per_task_name.items()
        if isinstance(rate, functools.partial) and rate.keywords.get("maximum")
    }


def declared_examples(task: Any, split: str) -> int | None:
    """The `num_input_examples` that a seqio Task is registered with; None where it says nothing.

    A source that counts its examples when it is asked (`counts_when_asked`) declares none: so does
    the token store, and need not read them again.
    """
    if getattr(task.source, "counts_when_asked", False):
        return None
    try:
        number = task.num_input_examples(split)
    except KeyError:  # It declares those of other splits.
        return None
    # TFDS: infinity, where it does not know.
    return None if number is None or math.isinf(number) else int(number)


def _with_inner(provider: Any) -> tuple[Any, ...]:
    return () if _is_task(provider) else (provider, *sub_mixtures(provider))


def _is_task(provider: Any) -> bool:
    return hasattr(provider, "output_features") and not hasattr(provider, "rate_per_task_name")


def has_own_rates(mixture: Any) -> bool:
    """Whether the mixture is of a class that computes rates in another way than seqio's."""
    return not type(mixture).get_rate.__module__.startswith("seqio.")


class _CountedTask:
    """What a rate function sees of a Task: where that does not know its size, the store does."""

    def __init__(self, task: Any, num_examples: Mapping[str, int]):
        self._task = task
        self._counts = num_examples

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)

    def num_input_examples(self, split: str) -> int:
        """What the Task declares, else the number of examples in the token store."""
        declared = declared_examples(self._task, split)
        return self._counts[self._task.name] if declared is None else declared

    def get_cached_stats(self, split: str = "train") -> Mapping[str, int]:
        """Those of seqio's cache where there is one, else the number of examples in the store."""
        if self._task.cache_dir:
            return self._task.get_cached_stats(split)
        return _Counts(examples=self._counts[self._task.name])


class _Counts(dict[str, int]):
    def __missing__(self, key: str) -> int:
        raise ValueError(f"token stores know 'examples' only, not {key!r}.")
