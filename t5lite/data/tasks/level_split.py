"""A split of a collection by levels of generalization, as it is kept in a file.

The levels are those of OPT-IML (Iyer et al. 2022, arXiv 2212.12017): fully held-out tasks are of a
category that is not trained on; partially supervised ones are of a trained category and are not
trained on themselves; fully supervised are the trained ones, evaluated on instances held out of
training. The file lists every Task, so that another run on another machine uses the same split.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
import re
import typing
from collections.abc import Iterable, Mapping
from typing import Final, Literal

from t5lite.data.tasks.instance_selection import InstanceSelection
from t5lite.data.tasks.task_kinds import TaskKind
from t5lite.files.json_files import read_object, write_object
from t5lite.files.local_paths import local_path
from t5lite.messages.value_types import check_type, dataclass_of

Level = Literal["fully_held_out", "partially_supervised", "fully_supervised"]
LEVELS: tuple[Level, ...] = typing.get_args(Level)
# Trained on like fully supervised Tasks, and not evaluated.
TRAIN_ONLY: Final = "train_only"
# Neither trained on nor evaluated.
DROPPED: Final = "dropped"

SUFFIX = ".json"
_FORMAT = "t5lite generalization levels 1"


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaskRole:
    """What one Task is for.

    Attributes:
      category: its kind of skill.
      task: the task that it is a form of.
      level: the level that it is evaluated at, if it is; fully supervised Tasks are trained on, or
        have no training data while another form of their task is.
      why: why it is not evaluated; empty for others.
      evaluation_only: whether it has no training data.
    """

    category: str
    task: str
    level: Level | Literal["train_only", "dropped"]
    why: str = ""
    evaluation_only: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class LevelSplit:
    """A collection's Tasks by level, and which instances of trained ones are held out.

    Attributes:
      name: what the names of its Tasks and Mixtures begin with.
      collection: a Mixture, whose rates training takes; or several Tasks and Mixtures.
      task_modules: modules that register them.
      seed: of the draw of instances.
      held_out_share: share of a trained task's instances to hold out of its training; with 0 and no
        `held_out_instances` trained Tasks are evaluated on their own validation or test split.
      held_out_instances: ids to hold out instead of drawing, by task.
      roles: of every Task of the collection, by its name.
    """

    name: str
    collection: tuple[str, ...]
    task_modules: tuple[str, ...]
    seed: int
    held_out_share: float
    held_out_instances: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    roles: Mapping[str, TaskRole]

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\w+", self.name, re.ASCII):
            raise ValueError(
                f"a split is called {self.name!r}; its name begins names of Tasks, so it must be "
                "of letters, digits and _. Give --name"
            )
        if not 0 <= self.held_out_share < 1:
            raise ValueError(
                f"split {self.name!r}: held_out_share {self.held_out_share} is no share of 0 or "
                "more and less than 1"
            )
        if nested := [module for module in self.task_modules if is_split_file(module)]:
            raise ValueError(
                f"split {self.name!r}: {nested[0]} among its task_modules is a split itself; split "
                "the whole collection at once, by the modules that register it"
            )
        self._check_levels()

    def _check_levels(self) -> None:
        """Refuses what contradicts itself, as a file that somebody edited may."""
        level_of: dict[str, str] = {}
        trained = {role.category for role in self.roles.values() if is_trained(role)}
        seen = {role.task for role in self.roles.values() if is_trained(role)}
        for name, role in self.roles.items():
            where = f"split {self.name!r}, Task {name!r}"
            if role.level == DROPPED:
                continue
            level = "fully_supervised" if is_trained(role) else role.level
            other = level_of.setdefault(role.task, level)
            if level != other:
                raise ValueError(
                    f"{where}: {level}, and another form of the task {role.task!r} is "
                    f"{other}; all forms of a task stand at one level"
                )
            if level == "fully_supervised" and role.task not in seen:
                raise ValueError(
                    f"{where}: fully_supervised, and no form of the task {role.task!r} is trained "
                    "on; call it partially_supervised or fully_held_out"
                )
            if role.level == "fully_held_out" and role.category in trained:
                raise ValueError(
                    f"{where}: fully_held_out, and other Tasks of its category {role.category!r} "
                    "are trained on; hold them out too, or call it partially_supervised"
                )
            if role.level == "partially_supervised" and role.category not in trained:
                raise ValueError(
                    f"{where}: partially_supervised, and no Task of its category "
                    f"{role.category!r} is trained on; call it fully_held_out"
                )
        if not trained:
            raise ValueError(f"split {self.name!r}: no Task is left to train on")

    @property
    def holds_out_instances(self) -> bool:
        """Whether instances of trained Tasks are held out of their training split."""
        return self.held_out_share > 0 or bool(self.held_out_instances)

    @property
    def trained_tasks(self) -> tuple[str, ...]:
        """Names of the collection's Tasks that are trained on, in order."""
        return tuple(name for name, role in self.roles.items() if is_trained(role))

    def tasks_at(self, level: str) -> tuple[str, ...]:
        """Names of the collection's Tasks at a level, or of those that are at none, in order."""
        return tuple(name for name, role in self.roles.items() if role.level == level)

    def selection(self, name: str, *, held_out: bool) -> InstanceSelection | None:
        """One side of the instances of a trained Task; None where none of them is held out."""
        task = self.roles[name].task
        ids = self.held_out_instances.get(task) if self.held_out_instances else None
        if ids is None and (self.held_out_instances or not self.held_out_share):
            return None
        return InstanceSelection(
            task=task,
            seed=self.seed,
            share=self.held_out_share,
            ids=None if ids is None else frozenset(ids),
            held_out=held_out,
        )

    def task_name(self, name: str) -> str:
        """What the split calls a Task of the collection."""
        return f"{self.name}_{name}"

    def mixture_name(self, level: str) -> str:
        """The Mixture of the Tasks at a level; of `train` for those to train on."""
        return f"{self.name}_{level}"

    def without(self, dropped: Mapping[str, str]) -> LevelSplit:
        """The split without some Tasks; levels of others follow from what is still trained.

        Args:
          dropped: why each is dropped, by its name.

        Raises:
          ValueError: nothing is left to train on.
        """
        kept = {name: role for name, role in self.roles.items() if name not in dropped}
        kinds = {name: TaskKind(role.category, role.task) for name, role in kept.items()}
        levels = levels_of(kinds, trained=[name for name in kept if is_trained(kept[name])])
        roles = dict(self.roles)
        for name, role in self.roles.items():
            if name in dropped:
                roles[name] = dataclasses.replace(role, level=DROPPED, why=dropped[name])
            elif role.level in LEVELS:
                roles[name] = dataclasses.replace(role, level=levels[name])
        return dataclasses.replace(self, roles=roles)

    def without_evaluating(self, names: Mapping[str, str]) -> LevelSplit:
        """The split that does not evaluate some Tasks: of no use are then those not trained on.

        Args:
          names: why each is not evaluated, by its name.
        """
        roles = {
            name: dataclasses.replace(role, level=TRAIN_ONLY, why=names[name])
            if name in names and is_trained(role)
            else role
            for name, role in self.roles.items()
        }
        dropped = {n: why for n, why in names.items() if not is_trained(self.roles[n])}
        return dataclasses.replace(self, roles=roles).without(dropped)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Writes the split's file as a whole or not at all."""
        record = {"format": _FORMAT, **dataclasses.asdict(self)}
        record["tasks"] = {
            name: {key: value for key, value in role.items() if value}
            for name, role in record.pop("roles").items()
        }
        write_object(pathlib.Path(path), record, ensure_ascii=False)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> LevelSplit:
        """Reads the file of a split.

        Raises:
          ValueError: there is none, or it holds something else; names the file and the field.
        """
        path = local_path(path, name="--tasks")
        if not path.is_file():
            raise ValueError(
                f"--tasks={path}: no such file, seen from {pathlib.Path.cwd()}; `t5lite tasks "
                "split` writes one"
            )
        state = path.stat()
        return _read(path.absolute(), state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=4)
def _read(path: pathlib.Path, mtime_ns: int, size: int) -> LevelSplit:
    """Reads a file that worker processes ask for again with every Task."""
    del mtime_ns, size  # Only part of the cache's key.
    record = read_object(path)
    if record.pop("format", None) != _FORMAT:
        raise ValueError(
            f'{path} is no split by levels that this version reads (its "format" is not '
            f"{_FORMAT!r}); `t5lite tasks split` writes one"
        )
    tasks = record.pop("tasks", None)
    check_type(tasks, Mapping[str, dict], name=f"{path}, field 'tasks'")
    roles = {
        name: dataclass_of(TaskRole, role, name=f"{path}, task {name!r}")
        for name, role in tasks.items()
    }
    try:
        return dataclass_of(LevelSplit, {**record, "roles": roles}, name=str(path))
    except ValueError as error:
        raise ValueError(f"{path}: {error}" if str(path) not in str(error) else error) from None


def is_trained(role: TaskRole) -> bool:
    """Whether a Task is trained on."""
    return role.level in ("fully_supervised", TRAIN_ONLY) and not role.evaluation_only


def levels_of(kinds: Mapping[str, TaskKind], *, trained: Iterable[str]) -> dict[str, Level]:
    """The level of each Task, as it follows from which are trained on.

    A form of a task of which another form is trained on is as little unseen as that.

    Args:
      kinds: of each Task.
      trained: names of those trained on.
    """
    names = set(trained)
    tasks = {kinds[name].task for name in names}
    categories = {kinds[name].category for name in names}
    return {
        name: "fully_supervised"
        if kind.task in tasks
        else "partially_supervised"
        if kind.category in categories
        else "fully_held_out"
        for name, kind in kinds.items()
    }


def is_split_file(module: str) -> bool:
    """Whether what --tasks names is the file of a split, rather than a module."""
    return module.endswith(SUFFIX)
