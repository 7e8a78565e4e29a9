"""Behind `t5lite tasks contamination`: does a mixture hold what it will be evaluated on?"""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from t5lite.data.contamination import contamination, evaluation_texts
from t5lite.data.contamination.contamination import Contamination, TaskOverlap
from t5lite.data.tasks import data_status, seqio_adapter, task_data
from t5lite.data.tasks.data_status import DataStatus
from t5lite.files import strict_json
from t5lite.files.local_paths import storage_path
from t5lite.files.whole_file import write_whole
from t5lite.messages.tables import format_table

_SHOWN_TASKS = 20


def report(
    name: str,
    *,
    against: Sequence[str] = (),
    against_tasks: Sequence[str] = (),
    n: int = 13,
    split: str = "train",
    task_modules: Sequence[str] = (),
    data_dir: str | None = None,
    vocabulary: str | None = None,
    allow_missing: bool = False,
    num_workers: int | None = None,
    output: str | None = None,
    fail_above: float | None = None,
) -> bool:
    """Prints, and writes where asked, which Tasks share n-grams with evaluation sets.

    Args:
      name: a Task or Mixture.
      against: evaluation sets as files or folders (t5lite/data/contamination/evaluation_texts.py).
      against_tasks: evaluation sets as `NAME:SPLIT` of registered Tasks or Mixtures.
      n: words of an n-gram.
      split: of the Mixture's Tasks.
      task_modules: task modules to import first.
      data_dir: data root of the task modules.
      vocabulary: vocabulary of the task modules.
      allow_missing: whether to leave out Tasks that have no data.
      num_workers: processes; None for one per core.
      output: JSON Lines file to write: a line a Task, a set, and the whole.
      fail_above: share of overlapping examples that no Task may exceed.

    Returns:
      Whether every Task keeps to `fail_above`; True if that is not given.

    Raises:
      ValueError: if nothing is given to compare with, or a name, file or Task cannot be read.
    """
    if not against and not against_tasks:
        raise ValueError("give --against=FILE_OR_FOLDER or --against_tasks=NAME:SPLIT")
    seqio_adapter.import_tasks(task_modules, data_dir=data_dir, vocabulary=vocabulary)
    files = evaluation_texts.evaluation_sets(against)
    sets = {name: evaluation_texts.read_texts(paths) for name, paths in files.items()}
    task_names, missing = _present_tasks(name, split, allow_missing=allow_missing)
    for pair in against_tasks:
        sets[pair], missing_there = _task_texts(pair, allow_missing=allow_missing)
        missing += missing_there
    lacking = [task for task in task_names if split not in seqio_adapter.splits(task)]
    if lacking:
        raise ValueError(
            f"{len(lacking)} of {len(task_names)} tasks have no split {split!r}, such as "
            f"{lacking[0]!r}; name a split with --split"
        )
    found = contamination.search(
        task_names, sets, split=split, n=n, task_modules=task_modules, num_workers=num_workers
    )
    _print(name, split, found)
    if missing:
        print(f"\nleft out for want of data:\n{data_status.table(missing)}")
    if output is not None:
        _write(storage_path(output, name="--output"), found)
        print(f"\nreport: {output}")
    worst = max(task.share for task in found.tasks)
    if fail_above is None or worst <= fail_above:
        return True
    print(f"\nthe largest share is {worst:.4%}, above --fail_above {fail_above}")
    return False


def _present_tasks(
    name: str, split: str, *, allow_missing: bool
) -> tuple[list[str], list[DataStatus]]:
    """The leaf Tasks that have data of a split, and the state of the others'."""
    return task_data.present_tasks(
        name, seqio_adapter.resolve(name).task_names, allow_missing=allow_missing, split=split
    )


def _task_texts(pair: str, *, allow_missing: bool) -> tuple[Iterator[str], list[DataStatus]]:
    """What the examples of `NAME:SPLIT` ask, with the targets; and which Tasks have no data."""
    name, _, split = pair.partition(":")
    if not split:
        raise ValueError(f"--against_tasks {pair}: give NAME:SPLIT, such as {name}:validation")
    task_names, missing = _present_tasks(name, split, allow_missing=allow_missing)
    examples = itertools.chain.from_iterable(
        seqio_adapter.iterate_texts(task, split, question_only=True) for task in task_names
    )
    return ("\n".join(example.values()) for example in examples), missing


def _print(name: str, split: str, found: Contamination) -> None:
    examples = sum(task.num_examples for task in found.tasks)
    overlapping = sum(task.num_overlapping for task in found.tasks)
    hit = [task for task in found.tasks if task.num_overlapping]
    print(
        f"{name}, split {split}: {overlapping:,} of {examples:,} examples "
        f"({overlapping / max(examples, 1):.3%}), in {len(hit):,} of {len(found.tasks):,} tasks, "
        f"share {found.n} words in a row with an evaluation set"
    )
    print(f"{examples / max(found.seconds, 1e-9):,.0f} examples/s\n")
    rows = [
        (
            one.name,
            f"{one.num_texts:,}",
            f"{one.num_short:,}",
            f"{one.num_overlapping:,}",
            f"{one.num_overlapping / max(one.num_texts, 1):.2%}",
            f"{one.num_examples:,}",
        )
        for one in found.sets
    ]
    titles = ("evaluation set", "texts", "too short", "overlapping", "share", "training examples")
    print(format_table(titles, rows, right=range(1, 6)))
    if hit:
        print("\n" + _worst_tasks(hit, [one.name for one in found.sets]))


def _worst_tasks(hit: Sequence[TaskOverlap], set_names: Sequence[str]) -> str:
    worst = sorted(hit, key=lambda task: (-task.share, task.name))[:_SHOWN_TASKS]
    rows = [
        (
            task.name,
            f"{task.num_examples:,}",
            f"{task.num_overlapping:,}",
            f"{task.share:.2%}",
            *(f"{task.by_set.get(name, 0):,}" for name in set_names),
        )
        for task in worst
    ]
    titles = ("task", "examples", "overlapping", "share", *set_names)
    lines = [format_table(titles, rows, right=range(1, len(titles)))]
    if len(worst) < len(hit):
        lines.append(f"and {len(hit) - len(worst):,} tasks of smaller shares")
    lines.append("")
    for task in worst:
        text, count, sets = task.ngrams[0]
        lines.append(f"{task.name}, {count:,} example(s), {', '.join(sets)}: {text}")
    return "\n".join(lines)


def _write(path: pathlib.Path, found: Contamination) -> None:
    """Writes the report as a whole or not at all."""
    records: list[dict[str, Any]] = [
        {"kind": "task", **dataclasses.asdict(task), "share": task.share} for task in found.tasks
    ]
    records += [{"kind": "set", **dataclasses.asdict(one)} for one in found.sets]
    total = {
        "num_examples": sum(task.num_examples for task in found.tasks),
        "num_overlapping": sum(task.num_overlapping for task in found.tasks),
    }
    records.append({"kind": "total", "n": found.n, **total})
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (strict_json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    write_whole(path, "".join(lines))
