"""Choosing which categories and tasks of a collection are held out: by name, or by a seed."""

from __future__ import annotations

import collections
from collections.abc import Collection, Mapping, Sequence

from t5lite.data.sources.local_files import keyed_hash
from t5lite.data.tasks.level_split import TaskRole, levels_of
from t5lite.data.tasks.task_kinds import TaskKind
from t5lite.messages.suggest import did_you_mean

# How many, to be drawn by the seed, or which.
Choice = int | Sequence[str]


def choose_roles(
    kinds: Mapping[str, TaskKind],
    *,
    trainable: Collection[str],
    seed: int,
    categories: Choice = 0,
    tasks: Choice = 0,
) -> dict[str, TaskRole]:
    """What each Task of a collection is for.

    A draw takes the names with the smallest hashes, so it depends on the seed and the names alone,
    and another category in the collection changes at most one of those drawn. Tasks are drawn from
    the categories that are left, and of each category one at least stays to be trained on.

    Args:
      kinds: of each Task.
      trainable: those that have training data; others can only be evaluated.
      seed: of the draws.
      categories: to hold out as a whole.
      tasks: to hold out of the other categories, each with all of its forms.

    Raises:
      ValueError: a name is unknown, there are not as many, or nothing is left to train on.
    """
    trained_in: dict[str, set[str]] = collections.defaultdict(set)
    for name in trainable:
        trained_in[kinds[name].category].add(kinds[name].task)
    held_out = _held_out_categories(categories, kinds, trained_in=trained_in, seed=seed)
    left = {
        category: set(found) for category, found in trained_in.items() if category not in held_out
    }
    held_out_tasks = _held_out_tasks(tasks, kinds, left=left, seed=seed)
    trained = [
        name
        for name in trainable
        if kinds[name].category not in held_out and kinds[name].task not in held_out_tasks
    ]
    levels, with_training = levels_of(kinds, trained=trained), set(trainable)
    return {
        name: TaskRole(
            category=kind.category,
            task=kind.task,
            level=levels[name],
            evaluation_only=name not in with_training,
        )
        for name, kind in kinds.items()
    }


def _held_out_categories(
    wanted: Choice,
    kinds: Mapping[str, TaskKind],
    *,
    trained_in: Mapping[str, set[str]],
    seed: int,
) -> set[str]:
    if not isinstance(wanted, int):
        known = {kind.category for kind in kinds.values()}
        _check_names(wanted, known, flag="--held_out_categories", what="category")
        return set(wanted)
    if wanted and wanted >= len(trained_in):
        raise ValueError(
            f"--held_out_categories {wanted}: the collection has {len(trained_in)} categories with "
            "training data, and one must be left; give fewer"
        )
    drawn = sorted(trained_in, key=lambda name: (keyed_hash("category", str(seed), name), name))
    return set(drawn[:wanted])


def _held_out_tasks(
    wanted: Choice, kinds: Mapping[str, TaskKind], *, left: dict[str, set[str]], seed: int
) -> set[str]:
    if not isinstance(wanted, int):
        known = {kind.task for kind in kinds.values()}
        _check_names(wanted, known, flag="--held_out_tasks", what="task")
        return set(wanted)
    candidates = [(task, category) for category, found in left.items() for task in found]
    candidates.sort(key=lambda one: (keyed_hash("task", str(seed), one[0]), one))
    drawn: set[str] = set()
    for task, category in candidates:
        if len(drawn) < wanted and len(left[category] - drawn) > 1:
            drawn.add(task)
    if len(drawn) < wanted:
        raise ValueError(
            f"--held_out_tasks {wanted}: only {len(drawn)} tasks can be held out so that one is "
            "left to train on in each category that is not held out; give fewer, or fewer "
            "--held_out_categories"
        )
    return drawn


def _check_names(names: Sequence[str], known: Collection[str], *, flag: str, what: str) -> None:
    for name in names:
        if name not in known:
            raise ValueError(
                f"{flag}: {name!r} is no {what} of the collection.{did_you_mean(name, known)}"
            )
