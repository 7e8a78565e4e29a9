"""Streams of instances: deterministic, and split by what they say.

An instance belongs to training or to validation by a hash of its task and fields, so that no
training stream, however long, can ever produce an instance that is evaluated on.
"""

import hashlib
import random

from .declare import Instance, MiniTask

SPLITS = ("train", "validation")
_VALIDATION_SHARE = 5  # one instance in this many is kept for validation
_MAX_DRAWS = 1000  # in a row without a new instance of the split: its space is used up


def split_of(task: MiniTask, instance: Instance) -> str:
    """The one split that may hold this instance: `"train"` or `"validation"`."""
    content = repr((task.name, sorted(instance.fields.items())))
    digest = hashlib.blake2b(content.encode(), digest_size=8).digest()
    return SPLITS[int.from_bytes(digest, "little") % _VALIDATION_SHARE == 0]


def draw_instance(task: MiniTask, split: str, rng: random.Random) -> Instance:
    """The next instance of a split from a random stream.

    Raises:
        ValueError: if the task makes no instance of that split.
    """
    for _ in range(_MAX_DRAWS):
        instance = task.make(rng)
        if split_of(task, instance) == split:
            return instance
    raise ValueError(
        f"tasks/mini task {task.name!r}: {_MAX_DRAWS} draws gave no {split} instance; "
        "let its `make` draw from more distinct instances"
    )


def training_instances(task: MiniTask, *, stream: str, count: int) -> list[Instance]:
    """`count` training instances; repeats are possible where a task has few.

    Args:
        task: the task.
        stream: names the random stream; another name gives another sample.
        count: how many. A longer list begins with the shorter one.
    """
    rng = random.Random(f"{task.name}/train/{stream}")
    return [draw_instance(task, "train", rng) for _ in range(count)]


def validation_instances(task: MiniTask, *, count: int) -> list[Instance]:
    """The first `count` distinct validation instances: the same for every form and template.

    Raises:
        ValueError: if the task has fewer than `count` of them.
    """
    rng = random.Random(f"{task.name}/validation")
    found: dict[tuple[str, ...], Instance] = {}
    misses = 0
    while len(found) < count:
        instance = draw_instance(task, "validation", rng)
        new = found.setdefault(tuple(instance.fields.values()), instance) is instance
        misses = 0 if new else misses + 1
        if misses > _MAX_DRAWS:
            raise ValueError(
                f"tasks/mini task {task.name!r}: only {len(found)} distinct validation "
                f"instances, {count} wanted; let its `make` draw from more, or ask for fewer"
            )
    return list(found.values())
