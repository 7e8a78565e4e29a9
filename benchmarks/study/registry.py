"""What the study trains and evaluates on, registered with seqio.

`crossed_<seed>_<n>` holds the first n training tasks of `tasks.mini.crossed` in that seed's order,
so a seed's mixtures are nested. `mini_<seed>_34` holds all that the suite trains on, asked
directly, and `mini_cot_<seed>_34` adds the chains of thought of those that have one, at half the
rate. `new_crossed` and the suite's `mini_new_tasks` are held out. `known_direct` and `known_cot`
ask trained tasks that can be reasoned about, `new_direct` and `new_cot` held-out ones. The
vocabulary of all arms is made of `study_text`, which holds no task that is held out.
"""

import random

from benchmarks.study.design import SEEDS, SIZES
from tasks.mini import crossed, reasoning, suite
from tasks.mini.registration import TRAIN_EXAMPLES, VALIDATION_EXAMPLES, add_task

POOLS = {"crossed": crossed.TRAINED_TASKS, "mini": suite.TRAINED_TASKS}
COT_RATE = 0.5


def order(pool: str, seed: int) -> list[str]:
    """Names of the pool's training tasks, shuffled."""
    names = [task.name for task in POOLS[pool]]
    random.Random(f"{pool}/{seed}").shuffle(names)
    return names


def _reasoned(tasks):
    known = (task for task in tasks if task.has_rationale or task.name in reasoning.RATIONALES)
    return {task.name: reasoning.with_rationale(task) for task in known}


def register() -> None:
    import seqio

    held_out = {"validation": VALIDATION_EXAMPLES}
    sizes = {"train": TRAIN_EXAMPLES["zero_shot"], **held_out}
    for task in crossed.TASKS:
        add_task(task, "zero_shot", sizes=sizes if task.trained else held_out)
    trained, new = _reasoned(suite.TRAINED_TASKS), _reasoned(suite.HELD_OUT_TASKS)
    for name, task in trained.items():
        if name in reasoning.RATIONALES:  # the suite itself registers the others
            add_task(task, "cot", sizes={"train": TRAIN_EXAMPLES["cot"], **held_out})
    for task in new.values():
        add_task(task, "cot", sizes=held_out)

    mixtures = {
        "new_crossed": [(f"mini_{task.name}", 1) for task in crossed.HELD_OUT_TASKS],
        "new_direct": [(f"mini_{name}", 1) for name in new],
        "new_cot": [(f"mini_{name}_cot", 1) for name in new],
        "known_direct": [(f"mini_{name}", 1) for name in trained],
        "known_cot": [(f"mini_{name}_cot", 1) for name in trained],
        "study_text": [
            *((f"mini_{task.name}", 1) for pool in POOLS.values() for task in pool),
            *((f"mini_{name}_cot", 1) for name in trained),
        ],
    }
    for pool in POOLS:
        for seed in SEEDS:
            for size in SIZES[pool]:
                names = order(pool, seed)[:size]
                mixtures[f"{pool}_{seed}_{size}"] = [(f"mini_{name}", 1) for name in names]
    for seed in SEEDS:
        names = order("mini", seed)
        mixtures[f"mini_cot_{seed}_{len(names)}"] = [
            *((f"mini_{name}", 1) for name in names),
            *((f"mini_{name}_cot", COT_RATE) for name in names if name in trained),
        ]
    for name, members in mixtures.items():
        seqio.MixtureRegistry.add(name, members)


register()
