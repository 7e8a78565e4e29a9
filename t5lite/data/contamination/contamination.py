"""Which examples of Tasks share an n-gram of words with evaluation sets.

An example's text is its features one after the other (inputs, then targets). It overlaps a set if
they have an n-gram in common; `ngrams` says what a word is.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import itertools
import pathlib
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from t5lite.data.contamination.ngrams import NgramIndex
from t5lite.data.stores.worker_pool import error_text, run_jobs
from t5lite.data.tasks import seqio_adapter
from t5lite.messages.progress import progress_bar

_TEXTS_AT_ONCE = 256
_SHOWN_NGRAMS = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class SetOverlap:
    """An evaluation set.

    Attributes:
      name: its name.
      num_texts: its texts.
      num_short: of these, those of fewer words than an n-gram, with which nothing can overlap.
      num_overlapping: of these, those that share an n-gram with a training example.
      num_examples: training examples that share one with it.
    """

    name: str
    num_texts: int
    num_short: int
    num_overlapping: int
    num_examples: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaskOverlap:
    """A Task.

    Attributes:
      name: its name.
      num_examples: examples read.
      num_overlapping: of these, those that share an n-gram with some evaluation set.
      by_set: those that share one with this set, by its name; sets without any are left out.
      texts_by_set: texts of this set that share one with an example, by its name.
      ngram_by_set: the n-gram of this set that most examples share, by its name.
      ngrams: some n-grams that they share, no two of one passage, those of the most examples
        first, with the number of examples and the sets they are of.
    """

    name: str
    num_examples: int
    num_overlapping: int
    by_set: Mapping[str, int]
    texts_by_set: Mapping[str, int]
    ngram_by_set: Mapping[str, str]
    ngrams: tuple[tuple[str, int, tuple[str, ...]], ...]

    @property
    def share(self) -> float:
        """Share of the examples that overlap, in [0, 1]."""
        return self.num_overlapping / max(self.num_examples, 1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contamination:
    """The overlap of some Tasks with some evaluation sets.

    Attributes:
      n: words of an n-gram.
      tasks: one for each Task, in the order asked.
      sets: one for each evaluation set.
      seconds: how long reading and searching the examples took.
    """

    n: int
    tasks: tuple[TaskOverlap, ...]
    sets: tuple[SetOverlap, ...]
    seconds: float


@dataclasses.dataclass(frozen=True)
class _Job:
    """One Task to read; travels to a worker process."""

    task: str
    split: str
    task_modules: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class _Searched:
    """How one Task ended: with what it shares, or with an error."""

    job: _Job
    overlap: TaskOverlap | None = None
    groups: frozenset[int] = frozenset()
    error: str = ""


def search(
    task_names: Sequence[str],
    against: Mapping[str, Iterable[str]],
    *,
    split: str,
    n: int = 13,
    common_share: float | None = None,
    task_modules: Sequence[str] = (),
    num_workers: int | None = None,
    progress: bool = True,
) -> Contamination:
    """Searches all examples of Tasks for n-grams of evaluation sets.

    The result does not depend on the number of workers. The index, about 40 bytes a word of the
    evaluation sets, is in memory once, whatever that number, but for its vocabulary.

    Args:
      task_names: registered Tasks.
      against: the evaluation sets' texts, by name.
      split: of the Tasks.
      n: words of an n-gram; 13 is what GPT-3 and many after it used.
      common_share: see `NgramIndex.build`.
      task_modules: task modules for workers to import.
      num_workers: processes, see `run_jobs`.
      progress: whether to show a progress bar on stderr.

    Raises:
      ValueError: if `n` is not positive, or a Task cannot be read.
    """
    if n < 1:
        raise ValueError(f"--ngram {n}: an n-gram has at least 1 word")
    index = NgramIndex.build(against, n=n, common_share=common_share)
    started = time.monotonic()
    found: dict[str, _Searched] = {}
    jobs = [_Job(name, split, tuple(task_modules)) for name in task_names]
    died = (
        f"A worker process died while reading {len(jobs)} tasks; was the machine out of "
        "memory? Run again, with a smaller --num_workers."
    )
    count = 0
    with (
        tempfile.TemporaryDirectory(prefix="t5lite-ngrams-") as folder,
        progress_bar(total=len(jobs), desc="searching", unit="task", disable=not progress) as bar,
    ):
        search_task = _Searcher(index, folder)
        for result in run_jobs(search_task, jobs, num_workers=num_workers, died=died):
            if result.overlap is None:
                raise ValueError(f"Cannot read task {result.job.task!r}: {result.error}")
            found[result.job.task] = result
            count += result.overlap.num_examples
            rate = count / max(time.monotonic() - started, 1e-9)
            bar.set_postfix_str(f"{rate:,.0f} examples/s", refresh=False)
            bar.update()
    tasks = tuple(overlap for name in task_names if (overlap := found[name].overlap) is not None)
    groups = frozenset().union(*(result.groups for result in found.values()))
    return Contamination(
        n=n,
        tasks=tasks,
        sets=_count_sets(index, tasks, groups),
        seconds=time.monotonic() - started,
    )


def _count_sets(
    index: NgramIndex, tasks: Sequence[TaskOverlap], groups: Iterable[int]
) -> tuple[SetOverlap, ...]:
    hit_X = np.zeros(len(index.text_start) - 1, bool)
    for group in groups:
        hit_X[index.texts_of(group)] = True
    short_X = np.diff(index.text_start) < index.n
    counts = []
    for number, name in enumerate(index.set_names):
        texts = slice(index.set_start[number], index.set_start[number + 1])
        counts.append(
            SetOverlap(
                name=name,
                num_texts=len(hit_X[texts]),
                num_short=int(short_X[texts].sum()),
                num_overlapping=int(hit_X[texts].sum()),
                num_examples=sum(task.by_set.get(name, 0) for task in tasks),
            )
        )
    return tuple(counts)


# ------------------------------------------------------------------------------------ searching


class _Searcher:
    """Searches one Task after the other; its copies in other processes map one index from files."""

    def __init__(self, index: NgramIndex, folder: str):
        self._index = index
        self._folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        if not any(pathlib.Path(self._folder).iterdir()):
            self._index.save(pathlib.Path(self._folder))
        return _searcher_of, (self._folder,)

    def __call__(self, job: _Job) -> _Searched:
        """What a Task shares; an error comes back as text, to cross processes."""
        try:
            seqio_adapter.import_tasks(job.task_modules)
            return _search_task(job, self._index)
        except Exception as error:
            return _Searched(job, error=error_text(error))


@functools.cache
def _searcher_of(folder: str) -> _Searcher:
    """That of a worker process."""
    return _Searcher(NgramIndex.open(pathlib.Path(folder)), folder)


def _search_task(job: _Job, index: NgramIndex) -> _Searched:
    num_examples = num_overlapping = 0
    by_set: collections.Counter[str] = collections.Counter()
    by_group: collections.Counter[int] = collections.Counter()
    sets_by_group: dict[int, tuple[str, ...]] = {}
    texts = ("\n".join(e.values()) for e in seqio_adapter.iterate_texts(job.task, job.split))
    while batch := list(itertools.islice(texts, _TEXTS_AT_ONCE)):
        num_examples += len(batch)
        for found in map(np.ndarray.tolist, index.find(batch)):
            if not found:
                continue
            num_overlapping += 1
            by_group.update(found)
            sets: set[str] = set()
            for group in found:
                if group not in sets_by_group:
                    sets_by_group[group] = _sets_of(index, group)
                sets.update(sets_by_group[group])
            by_set.update(sets)
    shown = _most_frequent(by_group, index)
    best_by_set: dict[str, int] = {}
    for group in sorted(by_group, key=lambda g: (by_group[g], -index.place[index.group_start[g]])):
        best_by_set |= dict.fromkeys(sets_by_group[group], group)
    names = [name for name in index.set_names if name in by_set]
    best = index.ngrams([best_by_set[name] for name in names])
    overlap = TaskOverlap(
        name=job.task,
        num_examples=num_examples,
        num_overlapping=num_overlapping,
        by_set={name: by_set[name] for name in names},
        texts_by_set=_count_texts(index, by_group),
        ngram_by_set=dict(zip(names, best, strict=True)),
        ngrams=tuple(
            (text, by_group[group], sets_by_group[group])
            for text, group in zip(index.ngrams(shown), shown, strict=True)
        ),
    )
    return _Searched(job, overlap, groups=frozenset(by_group))


def _count_texts(index: NgramIndex, groups: Iterable[int]) -> dict[str, int]:
    """How many texts of each set hold an n-gram of these groups; sets without any left out."""
    texts = [index.texts_of(group) for group in groups]
    hit = np.unique(np.concatenate([np.zeros(0, np.int64), *texts]))
    numbers, counts = np.unique(index.sets_of(hit), return_counts=True)
    return {index.set_names[s]: int(c) for s, c in zip(numbers, counts, strict=True)}


def _most_frequent(by_group: Mapping[int, int], index: NgramIndex) -> list[int]:
    """Some groups with the most examples, each of another passage of the evaluation sets."""
    first = {group: int(index.place[index.group_start[group]]) for group in by_group}
    shown: list[int] = []
    # Ties in the order of the evaluation sets' texts, which no hash decides.
    for group in sorted(by_group, key=lambda g: (-by_group[g], first[g])):
        if all(abs(first[group] - first[other]) >= index.n for other in shown):
            shown.append(group)
        if len(shown) == _SHOWN_NGRAMS:
            break
    return shown


def _sets_of(index: NgramIndex, group: int) -> tuple[str, ...]:
    numbers = np.unique(index.sets_of(index.texts_of(group)))
    return tuple(index.set_names[number] for number in numbers)
