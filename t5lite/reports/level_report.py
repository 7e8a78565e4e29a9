"""Behind `t5lite tasks split`: a collection split by levels of generalization, and its leaks."""

from __future__ import annotations

import dataclasses
import pathlib
import tempfile
from collections.abc import Collection, Mapping, Sequence

from t5lite.data.contamination.leaks import Leak, find_leaks
from t5lite.data.tasks import data_status, seqio_adapter, task_data
from t5lite.data.tasks.level_choice import Choice, choose_roles
from t5lite.data.tasks.level_split import (
    DROPPED,
    LEVELS,
    TRAIN_ONLY,
    LevelSplit,
    is_split_file,
)
from t5lite.data.tasks.task_kinds import TaskKind, merge_kinds, read_kinds
from t5lite.files import strict_json
from t5lite.files.local_paths import local_path, storage_path, writable_file
from t5lite.files.whole_file import write_whole
from t5lite.messages.progress import progress_bar
from t5lite.messages.tables import format_table
from t5lite.reports import held_out_instances

_SHOWN_LEAKS = 20
_SHOWN_TASKS = 10
# What a split's Tasks are trained on and evaluated on, whatever those of the collection call it.
_TRAINED, _EVALUATED = "train", "validation"
_AT_NONE = (TRAIN_ONLY, DROPPED)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SplitRequest:
    """What is to be split, and how.

    Attributes:
      collection: a Mixture, whose rates training takes, or several Tasks and Mixtures.
      output: the file to write.
      name: what the names of its Tasks and Mixtures begin with; None for the file's.
      seed: of all draws.
      held_out_categories: categories to hold out.
      held_out_tasks: tasks to hold out of other categories.
      held_out_share: share of a trained task's instances to hold out.
      held_out_instances: a file `task<TAB>id` of instances to hold out instead.
      categories: a file of the Tasks' categories (t5lite/data/tasks/task_kinds.py).
      allow_missing: whether to leave out Tasks that have no data.
    """

    collection: tuple[str, ...]
    output: str
    name: str | None = None
    seed: int = 0
    held_out_categories: Choice = 0
    held_out_tasks: Choice = 0
    held_out_share: float = 0.0
    held_out_instances: str | None = None
    categories: str | None = None
    allow_missing: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class LeakCheck:
    """How pairs of trained and evaluated Tasks are compared.

    Attributes:
      n: words of an n-gram.
      above: share of the examples of either from which on a pair is listed.
      drop: what the split does about a listed pair: `train` drops the trained Task, `eval` does
        not evaluate the other; None does nothing.
      output: JSON Lines file for all pairs that share anything.
      num_workers: processes; None for one per core.
    """

    n: int = 13
    above: float = 0.01
    drop: str | None = None
    output: str | None = None
    num_workers: int | None = None


def make_split(
    request: SplitRequest,
    *,
    task_modules: Sequence[str],
    data_dir: str | None = None,
    vocabulary: str | None = None,
    leak_check: LeakCheck | None,
) -> LevelSplit:
    """Splits a collection, prints what lies at each level, and writes the split's file.

    Args:
      request: what to split.
      task_modules: task modules to import first, which the split's file will name.
      data_dir: data root of the task modules.
      vocabulary: vocabulary of the task modules.
      leak_check: how Tasks are compared; None does not compare them.

    Returns:
      The split.

    Raises:
      ValueError: a Task or category is unknown, or nothing is left to train on.
    """
    output = writable_file(local_path(request.output, name="--output"), name="--output")
    if not is_split_file(output.name):
        raise ValueError(
            f"--output {output}: call it {output.name}.json; by that --tasks tells it from a module"
        )
    if leak_check is not None and leak_check.output is not None:
        writable_file(leak_check.output, name="--leaks")
    seqio_adapter.import_tasks(task_modules, data_dir=data_dir, vocabulary=vocabulary)
    split, missing = _choose(request, task_modules)
    # Its Tasks are read as they will be trained on, here and in workers: by way of a file.
    with tempfile.TemporaryDirectory(prefix="t5lite-split-") as folder:
        draft = pathlib.Path(folder) / "draft.json"
        split.write(draft)
        seqio_adapter.import_tasks([str(draft)])
        counts = _count_examples(split)
        split = _without_empty(split, counts)
        _print_levels(split, counts)
        leaks = [] if leak_check is None else _find_leaks(split, leak_check, draft=str(draft))
    if missing:
        print(f"\nleft out for want of data:\n{data_status.table(missing)}")
    if leak_check is not None:
        split = _judge_leaks(split, leaks, leak_check, counts=counts)
    split.write(output)
    evaluated = [
        level
        for level in LEVELS
        if any(_EVALUATED in counts[name] for name in split.tasks_at(level))
    ]
    mixtures = ", ".join(map(split.mixture_name, ("train", *evaluated)))
    print(f"\n{request.output}: give it as --tasks={request.output}; it registers {mixtures}")
    return split


def _choose(
    request: SplitRequest, task_modules: Sequence[str]
) -> tuple[LevelSplit, list[data_status.DataStatus]]:
    """The split, as far as names and categories decide it, and Tasks that have no data."""
    leaves = [seqio_adapter.resolve(name).task_names for name in request.collection]
    names = sorted({task for listed in leaves for task in listed})
    present, missing = task_data.present_tasks(
        ", ".join(request.collection), names, allow_missing=request.allow_missing
    )
    kinds = _kinds(present, request.categories)
    roles = choose_roles(
        kinds,
        trainable=[name for name in present if _TRAINED in seqio_adapter.splits(name)],
        seed=request.seed,
        categories=request.held_out_categories,
        tasks=request.held_out_tasks,
    )
    listed = held_out_instances.read(request.held_out_instances, roles)
    split = LevelSplit(
        name=request.name or pathlib.Path(request.output).stem,
        collection=request.collection,
        task_modules=tuple(task_modules),
        seed=request.seed,
        held_out_share=request.held_out_share,
        held_out_instances=held_out_instances.by_task(listed),
        roles=roles,
    )
    held_out_instances.check(listed, split)
    return split, missing


def _kinds(names: Sequence[str], file: str | None) -> dict[str, TaskKind]:
    """The kinds of Tasks: what the file says, else what they say themselves."""
    given = (
        {}
        if file is None
        else read_kinds(storage_path(file, name="--categories"), task_names=names)
    )
    declared: dict[str, TaskKind | None] = {}
    with progress_bar(total=len(names), desc="categories", unit="task", disable=False) as bar:
        for name in names:
            declared[name] = seqio_adapter.task_kind(name)
            bar.update()
    found = merge_kinds(given, declared)
    for name, kind in found.items():
        base = seqio_adapter.stored_task(name)
        if base != name == kind.task:  # It transforms the other's examples.
            found[name] = TaskKind(kind.category, found[base].task if base in found else base)
    return found


# ---- What lies at each level ---------------------------------------------------------------------


def _count_examples(split: LevelSplit) -> dict[str, dict[str, int]]:
    """Examples by Task of the collection and by what they are for, `train` and `validation`."""
    names = [name for level in LEVELS for name in split.tasks_at(level)]
    counts: dict[str, dict[str, int]] = {}
    with progress_bar(total=len(names), desc="counting", unit="task", disable=False) as bar:
        for name in names:
            ours = split.task_name(name)
            counts[name] = {
                part: seqio_adapter.counted_examples(ours, part)
                for part in seqio_adapter.splits(ours)
            }
            bar.update()
    return counts


def _without_empty(split: LevelSplit, counts: Mapping[str, Mapping[str, int]]) -> LevelSplit:
    """The split without what has no example, to train on or to evaluate."""
    untrained = {
        name: "no example to train on"
        for name in split.trained_tasks
        if counts[name].get(_TRAINED) == 0
    }
    unevaluated = {
        name: "no example to evaluate"
        for name, by_part in counts.items()
        if by_part.get(_EVALUATED) == 0 and name not in untrained
    }
    return split.without(untrained).without_evaluating(unevaluated)


def _print_levels(split: LevelSplit, counts: Mapping[str, Mapping[str, int]]) -> None:
    rows = [_row("train", split, split.trained_tasks, counts, _TRAINED)]
    rows += [_row(level, split, split.tasks_at(level), counts, _EVALUATED) for level in LEVELS]
    rows += [_row(at, split, split.tasks_at(at), {}, "") for at in _AT_NONE if split.tasks_at(at)]
    titles = ("level", "categories", "tasks", "forms", "examples")
    print(format_table(titles, rows, right=range(1, len(titles))))
    for level in ("fully_held_out", "partially_supervised"):
        held_out = [split.roles[name] for name in split.tasks_at(level)]
        named = {role.category if level == "fully_held_out" else role.task for role in held_out}
        if named:
            print(f"\n{level}: {', '.join(sorted(named))}")
    for level in _AT_NONE:
        names = split.tasks_at(level)
        for name in names[:_SHOWN_TASKS]:
            print(f"{level} {name}: {split.roles[name].why}")
        if len(names) > _SHOWN_TASKS:
            print(f"and {len(names) - _SHOWN_TASKS:,} more, which the file lists")


def _row(
    title: str,
    split: LevelSplit,
    names: Sequence[str],
    counts: Mapping[str, Mapping[str, int]],
    part: str,
) -> tuple[str, ...]:
    used = [name for name in names if part in counts.get(name, {part: 0})]
    roles = [split.roles[name] for name in used]
    numbers = (
        len({role.category for role in roles}),
        len({role.task for role in roles}),
        len(used),
        sum(counts.get(name, {}).get(part, 0) for name in used),
    )
    return title, *(f"{number:,}" for number in numbers)


# ---- Leaks ---------------------------------------------------------------------------------------


def _find_leaks(split: LevelSplit, check: LeakCheck, *, draft: str) -> list[Leak]:
    def with_part(names: Collection[str], part: str) -> list[str]:
        ours = map(split.task_name, names)
        return [name for name in ours if part in seqio_adapter.splits(name)]

    evaluated = [name for level in LEVELS for name in split.tasks_at(level)]
    leaks = find_leaks(
        with_part(split.trained_tasks, _TRAINED),
        with_part(evaluated, _EVALUATED),
        n=check.n,
        task_modules=[draft],
        num_workers=check.num_workers,
    )
    begin = len(split.task_name(""))
    return [
        dataclasses.replace(leak, trained=leak.trained[begin:], evaluated=leak.evaluated[begin:])
        for leak in leaks
    ]


def _judge_leaks(
    split: LevelSplit,
    leaks: Sequence[Leak],
    check: LeakCheck,
    *,
    counts: Mapping[str, Mapping[str, int]],
) -> LevelSplit:
    """Prints the pairs above the limit, and drops a Task of each where that is asked for."""
    listed = [leak for leak in leaks if max(leak.share, leak.share_of_training) > check.above]
    print(
        f"\n{len(leaks):,} pairs of a trained and an evaluated Task share {check.n} words in a row "
        f"besides instructions; {len(listed):,} of them in more than {check.above:.2%} of the "
        "examples of either"
    )
    if check.output is not None:
        lines = (
            strict_json.dumps(
                {**dataclasses.asdict(leak), "level": split.roles[leak.evaluated].level},
                ensure_ascii=False,
            )
            for leak in leaks
        )
        write_whole(
            storage_path(check.output, name="--output"), "".join(f"{line}\n" for line in lines)
        )
        print(f"all pairs: {check.output}")
    if not listed:
        return split
    print(_leak_table(split, listed))
    if check.drop is None:
        print(
            "\nThey remain in the split: look at their words, and drop them with "
            "--drop_leaks=train or --drop_leaks=eval where they are leaks"
        )
        return split
    # The worst pair of each Task has the last word.
    reasons = {
        leak.trained if check.drop == "train" else leak.evaluated: (
            f"{leak.share:.2%} of the examples of {leak.evaluated} share words with those of "
            f"{leak.trained}: {leak.ngram}"
        )
        for leak in reversed(listed)
    }
    split = split.without(reasons) if check.drop == "train" else split.without_evaluating(reasons)
    print("\nWithout them:")
    _print_levels(split, counts)
    return split


def _leak_table(split: LevelSplit, listed: Sequence[Leak]) -> str:
    rows = [
        (
            leak.trained,
            leak.evaluated,
            split.roles[leak.evaluated].level,
            f"{leak.share:.2%}",
            f"{leak.num_found:,}",
            f"{leak.share_of_training:.2%}",
            f"{leak.num_overlapping:,}",
        )
        for leak in listed[:_SHOWN_LEAKS]
    ]
    titles = ("trained", "evaluated", "level", "of evaluated", "", "of trained", "")
    lines = [format_table(titles, rows, right=range(3, len(titles))), ""]
    lines += [f"{leak.trained}, {leak.evaluated}: {leak.ngram}" for leak in listed[:_SHOWN_LEAKS]]
    if len(listed) > _SHOWN_LEAKS:
        lines.append(f"and {len(listed) - _SHOWN_LEAKS:,} pairs of smaller shares")
    return "\n".join(lines)
