"""The study's Tasks: records of twelve list tasks, in all forms of Distilling Step-by-Step.

`lists_<seed>_<count>` holds the first `count` training records of a seed, an equal number of each
list task, so a seed's sets are nested. Validation and test are the same of all sets, and hold no
list that any of them trains on.
"""

from __future__ import annotations

import dataclasses
import functools
import random

from benchmarks.distilling.design import CHOOSING_SEED, EXAMPLES, SEEDS, SHARES
from benchmarks.study.list_tasks import TASKS
from tasks.metrics import exact_match
from tasks.mini.declare import Instance, MiniTask
from tasks.mini.instances import training_instances, validation_instances
from tasks.rationale_forms import Record, add_set

# Which word is not of the kind, and whether any is: what a word is must be known, and no order.
LIST_TASKS = tuple(task for task in TASKS if task.name.startswith(("odd_", "any_")))
# Of each list task.
_EVALUATED = {"validation": 12, "test": 24}


@dataclasses.dataclass(frozen=True)
class ListRecords:
    """Reads the records of a seed.

    Attributes:
      seed: which training records there are.
      count: how many, of all list tasks together.
    """

    seed: int
    count: int

    def __call__(self, split: str) -> list[Record]:
        """The records of a split."""
        if split != "train":
            return [record for task in LIST_TASKS for record in _evaluated(task, split)]
        each = self.count // len(LIST_TASKS)
        stream = f"distilling/{self.seed}"
        return [
            record
            for task in LIST_TASKS
            for record in _records(task, training_instances(task, stream=stream, count=each))
        ]


@functools.cache
def _evaluated(task: MiniTask, split: str) -> list[Record]:
    """The first distinct instances are validation's, those behind them the test's."""
    first = _EVALUATED["validation"]
    instances = validation_instances(task, count=sum(_EVALUATED.values()))
    return _records(task, instances[:first] if split == "validation" else instances[first:])


def _records(task: MiniTask, instances: list[Instance]) -> list[Record]:
    records = []
    for index, instance in enumerate(instances):
        template = random.Random(f"{task.name}/{instance.id}").choice(task.templates)
        records.append(
            Record(
                id=f"{task.name}/{index}",
                input=template.format(**instance.fields),
                label=instance.answer,
                rationale=instance.rationale,
            )
        )
    return records


def register() -> None:
    """Registers the sets of all seeds and shares."""
    import seqio

    for seed in (*SEEDS, CHOOSING_SEED):
        for share in SHARES:
            count = round(share * EXAMPLES)
            add_set(
                f"lists_{seed}_{count}",
                ListRecords(seed, count),
                splits=("train", "validation", "test"),
                metrics=(exact_match,),
            )
    # What the vocabulary is made of.
    forms = ("label", "rationale", "single")
    members = [(f"lists_{CHOOSING_SEED}_{EXAMPLES}_{form}", 1.0) for form in forms]
    seqio.MixtureRegistry.add("lists_text", members)


register()
