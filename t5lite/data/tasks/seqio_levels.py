"""Registers the Tasks and Mixtures of a split by levels of generalization."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from t5lite.data.mixing import mixture_rates
from t5lite.data.tasks.level_split import DROPPED, LEVELS, TRAIN_ONLY, LevelSplit, is_trained
from t5lite.data.tasks.seqio_descriptions import task_splits
from t5lite.data.tasks.seqio_library import load_seqio
from t5lite.data.tasks.seqio_selected import Part, select_source

# What a Task is evaluated on, the first that it has, where no instances are held out for it.
_EVALUATED = ("validation", "validate", "valid", "val", "dev", "development", "test", "train")
EVALUATION_SPLIT = "validation"

# Splits are registered once a process.
_registered: dict[str, LevelSplit] = {}


def register(split: LevelSplit, *, place: str) -> list[str]:
    """Adds a split's Tasks and Mixtures to seqio's registries.

    Every Task of the collection that is not dropped gets a counterpart `NAME_<task>` with the split
    `validation`, what it is evaluated on, and `train`, what it or its exemplars may be drawn from.
    Mixtures are `NAME_train`, with the collection's rates, and one for each level,
    `NAME_fully_held_out` and so on; one without Tasks is not registered.

    Args:
      split: the split; the modules of its collection must have been imported.
      place: where it is kept, for errors.

    Returns:
      The names that were registered now; none where the same split was before.

    Raises:
      ValueError: a Task of the split is not registered, or another split has its name.
    """
    if split.name in _registered:
        if _registered[split.name] != split:
            raise ValueError(
                f"{place}: another split called {split.name!r} is in use in this process; start "
                "another, or give one of them another --name"
            )
        return []
    registration = _Registration(split, place)
    registration.add_all()
    _registered[split.name] = split
    return registration.names


class _Registration:
    """Adds one split to the registries."""

    def __init__(self, split: LevelSplit, place: str):
        self._split, self._place = split, place
        self._seqio = load_seqio()
        self.names: list[str] = []
        self._used = [name for name, role in split.roles.items() if role.level != DROPPED]
        known = set(self._seqio.TaskRegistry.names())
        missing = [name for name in self._used if name not in known]
        if missing:
            raise ValueError(
                f"{place}: {len(missing)} of {len(self._used)} Tasks are not registered by "
                f"{', '.join(split.task_modules)}, such as {missing[0]!r}. Are their data under "
                "--data_dir? Without them, make another split with `t5lite tasks split`"
            )

    def add_all(self) -> None:
        for name in self._used:
            self._add_task(name)
        self._add_training()
        for level in LEVELS:
            tasks = [
                self._split.task_name(name)
                for name in self._split.tasks_at(level)
                if EVALUATION_SPLIT in self._task(self._split.task_name(name)).splits
            ]
            self._add_mixture(level, [(task, 1.0) for task in tasks])

    def _task(self, name: str) -> Any:
        return self._seqio.TaskRegistry.get(name)

    def _add_task(self, name: str) -> None:
        """Registers the counterpart of a Task."""
        base = self._task(name)
        parts = self._parts(name, task_splits(base))
        ours = self._split.task_name(name)
        task = self._seqio.TaskRegistry.add(
            ours,
            source=select_source(base.source, parts, task_name=ours),
            preprocessors=base.preprocessors,
            output_features=base.output_features,
            postprocess_fn=base.postprocessor,
            metric_fns=base.metric_fns,
        )
        self.names.append(ours)
        if getattr(base, "example_transform", None) is not None:
            task.example_transform = base.example_transform
        if all(part == Part(split) for split, part in parts.items()):
            task.stored_as = getattr(base, "stored_as", name)

    def _parts(self, name: str, splits: Sequence[str]) -> dict[str, Part]:
        """What the splits of a Task's counterpart are made of."""
        role, train = self._split.roles[name], Part("train")
        trained = is_trained(role) and "train" in splits
        if trained and self._split.holds_out_instances:
            kept, held_out = (
                Part("train", self._split.selection(name, held_out=side)) for side in (False, True)
            )
            is_evaluated = held_out.selection is not None and role.level != TRAIN_ONLY
            return {"train": kept} | ({EVALUATION_SPLIT: held_out} if is_evaluated else {})
        if trained and role.level == TRAIN_ONLY:
            return {"train": train}
        evaluated = next((one for one in _EVALUATED if one in splits), None)
        if evaluated is None:
            raise ValueError(
                f"{self._place}: Task {name!r} has the splits {', '.join(splits)}, none of which "
                f"is one of {', '.join(_EVALUATED)}"
            )
        if evaluated == "train":  # Its only one: trained on it, nothing is left to evaluate.
            return {"train": train} if trained else {EVALUATION_SPLIT: train}
        parts = {EVALUATION_SPLIT: Part(evaluated)}
        return parts | ({"train": train} if "train" in splits else {})

    # ---- Mixtures --------------------------------------------------------------------------------

    def _add_training(self) -> None:
        """Registers NAME_train: the collection without what is not trained on."""
        registry = self._seqio.MixtureRegistry
        trained = {
            name
            for name in self._split.trained_tasks
            if "train" in self._task(self._split.task_name(name)).splits
        }
        if len(self._split.collection) == 1 and self._split.collection[0] in registry.names():
            mixture = registry.get(self._split.collection[0])
            self._add_copy(mixture, self._split.mixture_name("train"), trained)
        else:
            members = []
            for name in self._split.collection:
                if name in registry.names():
                    ours = f"{self._split.mixture_name('train')}_{name}"
                    members += [(ours, 1.0)] * self._add_copy(registry.get(name), ours, trained)
                elif name in trained:
                    members.append((self._split.task_name(name), 1.0))
            self._add_mixture("train", members)

    def _add_copy(self, mixture: Any, name: str, trained: Collection[str]) -> bool:
        """Registers a Mixture of what is trained of another one, at its rates; not an empty one."""
        if mixture_rates.has_own_rates(mixture):
            raise ValueError(
                f"{self._place}: Mixture {mixture.name!r} computes its rates itself, for its own "
                "Tasks; split a Mixture whose rates are listed, or name its Tasks"
            )
        inner = {one.name: one for one in mixture._sub_mixtures}
        members = []
        for member, rate in mixture.rate_per_task_name.items():
            if member in inner:
                ours = f"{name}_{member}"
                if ours in self.names or self._add_copy(inner[member], ours, trained):
                    members.append((ours, rate))
            elif member in trained:
                members.append((self._split.task_name(member), rate))
        if not members:
            return False
        self._seqio.MixtureRegistry.add(name, members)
        self.names.append(name)
        return True

    def _add_mixture(self, level: str, members: list[tuple[str, float]]) -> None:
        if members:
            self._seqio.MixtureRegistry.add(self._split.mixture_name(level), members)
            self.names.append(self._split.mixture_name(level))
