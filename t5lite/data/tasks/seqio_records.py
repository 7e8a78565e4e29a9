"""What a Task is about, and the records behind its prompts, for who searches Tasks for data.

The source of a Task may say both:

- `task_description() -> str`: what it asks for, in words; it may read its data.
- `records(split) -> Iterator[Mapping[str, Any]]`: the records that its prompts are made of, under
  the names that their data set gives the fields.

Of other Tasks the prompts and targets are the records.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from t5lite.data.tasks import seqio_adapter
from t5lite.data.tasks.seqio_registry import get_task


def task_description(task_name: str) -> str:
    """What a Task asks for, where its source says so; else "".

    Raises:
      ValueError: There is no Task of this name, or its data cannot be read.
    """
    ask = getattr(get_task(task_name).source, "task_description", None)
    return "" if ask is None else ask()


def task_records(
    task_name: str, split: str, *, max_records: int | None = None
) -> Iterator[Mapping[str, Any]]:
    """The records of a split of a Task: what its source says they are, or `inputs` and `targets`.

    Args:
      task_name: A registered Task.
      split: One of its splits.
      max_records: At most so many, the first ones; None for all.

    Raises:
      ValueError: There is no such Task or split, or its data cannot be read.
    """
    source = get_task(task_name).source
    if getattr(source, "records", None) is not None and split in seqio_adapter.splits(task_name):
        yield from itertools.islice(source.records(split), max_records)
        return
    for task in seqio_adapter.load_eval_tasks(
        task_name, split=split, task_feature_lengths={}, max_examples=max_records
    ):
        for example in task.examples:
            yield {"inputs": example.inputs_text, "targets": example.targets_text}
