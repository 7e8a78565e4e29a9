"""What a registered Mixture is made of: its leaf Tasks, their rates, the mixtures inside it."""

import dataclasses
from collections.abc import Callable, Collection, Mapping
from typing import Any

from t5lite.data.mixing import mixture_rates
from t5lite.data.mixing.mixture_rates import InnerMixture
from t5lite.data.tasks import seqio_registry
from t5lite.data.tasks.seqio_descriptions import function_name


@dataclasses.dataclass(frozen=True)
class MixedTask:
    """One leaf of a mixture.

    Attributes:
      name: the Task's name.
      rate: its share of the draws, or None where rates depend on numbers of examples (`rates`).
    """

    name: str
    rate: float | None


@dataclasses.dataclass(frozen=True)
class ResolvedMixture:
    """A Task, or a Mixture flattened to its leaf Tasks.

    Attributes:
      name: its name.
      tasks: the leaf Tasks, sorted by name.
    """

    name: str
    tasks: tuple[MixedTask, ...]

    @property
    def task_names(self) -> tuple[str, ...]:
        """Names of the leaf Tasks."""
        return tuple(task.name for task in self.tasks)


def resolve(name: str) -> ResolvedMixture:
    """Flattens a Task or a (nested) Mixture to its leaf Tasks.

    Raises:
      ValueError: if the name is not registered, or a rate is unusable.
    """
    provider = seqio_registry.get(name)
    shares: Mapping[str, float | None]
    if mixture_rates.needs_counts(provider):
        shares = dict.fromkeys(leaf_names(name))
    else:
        shares = rates(name, {})
    tasks = tuple(MixedTask(task, share) for task, share in shares.items())
    return ResolvedMixture(name, tasks)


def leaf_names(name: str) -> list[str]:
    """Names of all Tasks in a mixture, whatever their rates, sorted."""
    return sorted(mixture_rates.leaves(seqio_registry.get(name)))


def sub_mixtures(name: str) -> tuple[str, ...]:
    """Names of all mixtures inside a mixture."""
    return tuple(m.name for m in mixture_rates.sub_mixtures(seqio_registry.get(name)))


def rates(
    name: str,
    num_examples: Mapping[str, int],
    *,
    overrides: Mapping[str, float] | None = None,
    leave_out: Collection[str] = (),
) -> dict[str, float]:
    """Share of the draws of each leaf Task, as `seqio.Mixture.get_rate` weighs them.

    Args:
      name: a Task or Mixture.
      num_examples: number of examples of each leaf Task, which rate functions (for instance
        `seqio.mixing_rate_num_examples`) get, whatever split they ask about, of those Tasks
        that declare no `num_input_examples`.
      overrides: rates of sub-mixtures that replace their own.
      leave_out: leaf Tasks to treat as if no mixture listed them.

    Returns:
      Rates that sum to 1, by Task name, sorted.

    Raises:
      ValueError: if a rate is negative or not a number, all are 0, or a rate function fails.
    """
    found = mixture_rates.weights(
        seqio_registry.get(name), num_examples, overrides=overrides or {}, leave_out=leave_out
    )
    total = sum(found.values())
    if not total > 0:
        raise ValueError(f"Mixture {name!r}: all its rates are 0. Give some Task a positive rate.")
    return {task: found[task] / total for task in sorted(found)}


def weights(name: str, num_examples: Mapping[str, int]) -> dict[str, float]:
    """As `rates`, not normalised: what the task module wrote."""
    return mixture_rates.weights(seqio_registry.get(name), num_examples)


def is_mixture(name: str) -> bool:
    """Whether a name is a Mixture's, or else a Task's.

    Raises:
      ValueError: if it is not registered.
    """
    return hasattr(seqio_registry.get(name), "rate_per_task_name")


def inner_mixtures(name: str, num_examples: Mapping[str, int]) -> list[InnerMixture]:
    """The mixtures inside a mixture, with their shares; arguments as for `rates`."""
    return mixture_rates.inner_mixtures(seqio_registry.get(name), num_examples)


def caps(name: str) -> dict[str, float]:
    """`maximum` of each leaf Task's rate function, where the function has one bound."""
    return mixture_rates.caps(seqio_registry.get(name))


def has_rate_functions(name: str) -> bool:
    """Whether some rate is a function, which may ask for numbers of examples."""
    return mixture_rates.needs_counts(seqio_registry.get(name))


def notes(name: str) -> tuple[str, ...]:
    """What a task module remarks on its Mixture or Task, and what of it has no effect here."""
    provider = seqio_registry.get(name)
    remarks = tuple(getattr(provider, "notes", ()))
    sample_fn = getattr(provider, "_sample_fn", None)
    if sample_fn is None or _samples_by_rate(sample_fn):
        return remarks
    return (*remarks, f"{function_name(sample_fn)} (its sample_fn) is not used: rates alone count")


def _samples_by_rate(sample_fn: Callable[..., Any]) -> bool:
    """Whether a Mixture's `sample_fn` is tf.data's, the default and what rates describe."""
    return function_name(sample_fn) == "sample_from_datasets"
