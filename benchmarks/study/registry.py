"""What the study trains and evaluates on, registered with seqio.

`lists_<n>_<seed>` holds the first n training tasks in that seed's order, so a seed's mixtures are
nested; `lists_cot_<n>_<seed>` adds their chains of thought, at half the rate. `new` and `new_cot`
ask the held-out tasks directly and for steps, `trained` and `trained_cot` all training tasks. The
vocabulary of all arms is made of `study_text`, which holds no task that is held out.
"""

import random

from benchmarks.study.design import Arm, arms
from benchmarks.study.list_tasks import HELD_OUT_TASKS, TRAINED_TASKS
from tasks.mini.declare import MiniTask
from tasks.mini.registration import VALIDATION_EXAMPLES, add_task

TRAIN_EXAMPLES = 4000
COT_RATE = 0.5


def task_names(arm: Arm) -> list[str]:
    """The tasks an arm trains on: the first of the training tasks, shuffled by its seed."""
    names = [task.name for task in TRAINED_TASKS]
    random.Random(f"study/{arm.seed}").shuffle(names)
    return names[: arm.size]


def _add(task: MiniTask, form: str, sizes: dict[str, int]) -> str:
    return add_task(task, form, sizes=sizes, suite="study")


def register() -> None:
    import seqio

    evaluated = {"validation": VALIDATION_EXAMPLES}
    mixtures: dict[str, list[tuple[str, float]]] = {}
    for group, tasks, sizes in (
        ("trained", TRAINED_TASKS, {"train": TRAIN_EXAMPLES, **evaluated}),
        ("new", HELD_OUT_TASKS, evaluated),
    ):
        mixtures[group] = [(_add(task, "zero_shot", sizes), 1) for task in tasks]
        mixtures[f"{group}_cot"] = [(_add(task, "cot", sizes), 1) for task in tasks]
    mixtures["study_text"] = mixtures["trained"] + mixtures["trained_cot"]
    for arm in arms():
        names = task_names(arm)
        mixtures[arm.mixture] = [
            *((f"study_{name}", 1) for name in names),
            *((f"study_{name}_cot", COT_RATE) for name in names if arm.cot),
        ]
    for name, members in mixtures.items():
        seqio.MixtureRegistry.add(name, members)


register()
