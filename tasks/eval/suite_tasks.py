"""How the Tasks of the suites are registered: what each reads, and how it is judged.

Nothing is read at registration. No Task has a training split: the suites are held out.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from t5lite.data.tasks import environment
from t5lite.data.tasks.data_status import DataStatus, State
from t5lite.data.tasks.prompt_parts import options_of, texts_of

from ..metrics import ClosedTarget, answer_accuracy
from ..python_tasks import Example, MetricFn, add_python_task

# What asks for a chain of thought (Kojima et al. 2022, arXiv 2205.11916).
STEP_BY_STEP = "Let's think step by step."

AnswerRule = Callable[[str], str | None]


@dataclasses.dataclass(frozen=True)
class SuiteTask:
    """A Task of a suite; called with a split, it reads the split's examples.

    Attributes:
      name: its name in seqio's registry.
      mixture: the name of the Mixture that it belongs to; its own where it is alone.
      splits: its splits.
      files: `files(root, split)` are the files of a split, under a data root.
      read: `read(root, split)` gives the split's examples.
      rule: takes the answer out of what a model wrote.
      metrics: what judges the answers.
      other_mixtures: names of further Mixtures that it belongs to.
    """

    name: str
    mixture: str
    splits: tuple[str, ...]
    files: Callable[[pathlib.Path, str], Sequence[pathlib.Path]]
    read: Callable[[pathlib.Path, str], list[Example]]
    rule: AnswerRule
    metrics: Sequence[MetricFn] = (answer_accuracy,)
    other_mixtures: tuple[str, ...] = ()

    def __call__(self, split: str) -> list[Example]:
        """The split's examples, of the files under the data root."""
        return self.read(environment.data_dir(), split)

    def data_status(self, *, split: str | None = None, verify: bool = False) -> DataStatus:
        """Whether the files of a split are there; what else is missing is named.

        Args:
          split: ask of this one alone; where it is None, or none of the Task's, any counts.
          verify: whether to read them; otherwise no file is opened.
        """
        root = environment.data_dir()
        splits = (split,) if split in self.splits else self.splits
        missing = {
            split: next((path for path in self.files(root, split) if not path.is_file()), None)
            for split in splits
        }
        present = [split for split, path in missing.items() if path is None]
        why = "; ".join(f"no {path} (split {split})" for split, path in missing.items() if path)
        state: State = "present" if present else "missing"
        if verify:
            try:
                for split in present:
                    self.read(root, split)
            except ValueError as error:
                state, why = "broken", str(error)
        where = self.files(root, present[0] if present else splits[0])[0]
        return DataStatus(self.name, self.mixture, state, where=str(where), why=why)

    def fingerprint_parts(self) -> list[Any]:
        """What makes the examples, and the state of the files that they are made of."""
        root = environment.data_dir()
        files = {path for split in self.splits for path in self.files(root, split)}
        return [self.name, self.read, *sorted(files)]


def add_suites(tasks: Iterable[SuiteTask]) -> None:
    """Registers seqio Tasks, and their Mixtures, in which all Tasks have the same rate."""
    import seqio

    mixtures: dict[str, list[str]] = {}
    for task in tasks:
        add_python_task(
            task.name,
            task,
            splits=task.splits,
            metrics=task.metrics,
            postprocess=task.rule,
            reference=closed_target,
        )
        for name in (task.mixture, *task.other_mixtures):
            mixtures.setdefault(name, []).append(task.name)
    for name, members in mixtures.items():
        if members == [name]:
            continue  # The Task itself.
        seqio.MixtureRegistry.add(name, members, default_rate=1.0)


def closed_target(example: Mapping[str, Any]) -> ClosedTarget | list[str] | str:
    """What metrics compare with: where there are options, how many is said too."""
    references = list(texts_of(example, "references"))
    if len(references) > 1:
        return references
    num_choices = len(options_of(example))
    return ClosedTarget(references[0], num_choices) if num_choices else references[0]
