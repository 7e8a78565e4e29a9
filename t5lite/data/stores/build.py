"""From Task names to open token stores: find the finished ones, build the missing ones.

Builds run in worker processes that import the task modules themselves. What a build produces
does not depend on how many there are.
"""

import dataclasses
import hashlib
import logging
import os
import pathlib
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any, Required, TypedDict, Unpack

from t5lite.data.stores import beam_build
from t5lite.data.stores.store import (
    FORMAT_VERSION,
    TokenStore,
    TokenStoreWriter,
    is_finished,
    reserve_file_descriptors,
    store_lock,
)
from t5lite.data.stores.store import files_read as store_files
from t5lite.data.stores.worker_pool import error_text, run_jobs
from t5lite.data.tasks import data_status, environment, files_read, seqio_adapter, task_data
from t5lite.data.tasks.labels import exemplar_report
from t5lite.files.local_paths import local_path
from t5lite.messages.progress import progress_bar

log = logging.getLogger(__name__)

_TRUNCATED_SHOWN = 20


@dataclasses.dataclass(frozen=True)
class _Job:
    """One store to build; travels to a worker process."""

    task: str
    split: str
    path: str
    fingerprint: str
    task_feature_lengths: Mapping[str, int] | None
    task_modules: tuple[str, ...]
    whole_conversations: bool = False


@dataclasses.dataclass(frozen=True)
class _Built:
    """How one build ended: with examples, or with an error."""

    job: _Job
    num_examples: int = 0
    error: str = ""


@dataclasses.dataclass(frozen=True)
class CacheReport:
    """What `cache` did.

    Attributes:
      num_tasks: Tasks in its shard that have data and a store of their own.
      num_built: of these, those built now.
      num_examples_built: the examples of these.
      notes: which Tasks were left out, and why; what became of the exemplars of few-shot examples.
    """

    num_tasks: int
    num_built: int
    num_examples_built: int
    notes: tuple[str, ...] = ()


class StoreSettings(TypedDict, total=False):
    """What says which stores are meant, and how one is built.

    Attributes:
      split: a split that all Tasks have.
      task_modules: task modules to import, here and in workers.
      data_dir: as for `import_tasks`.
      vocabulary: as for `import_tasks`.
      cache_dir: folder of the stores; None for `environment.cache_dir()`.
      task_feature_lengths: given to preprocessors that take `sequence_length`; only Tasks with
        such preprocessors are stored anew for other lengths. Nothing is truncated here.
      whole_conversations: store as much of a conversation as there is room for as one example, for
        models that read and write in one sequence; else one answer.
    """

    split: Required[str]
    task_modules: Sequence[str]
    data_dir: str | None
    vocabulary: str | None
    cache_dir: str | os.PathLike[str] | None
    task_feature_lengths: Mapping[str, int] | None
    whole_conversations: bool


def open_stores(
    task_names: Sequence[str],
    *,
    num_workers: int | None = None,
    progress: bool = True,
    **settings: Unpack[StoreSettings],
) -> list[TokenStore]:
    """Opens the token stores of Tasks, building those that are missing or out of date.

    Args:
      task_names: registered Tasks.
      num_workers: processes to build with, see `run_jobs`.
      progress: whether to show a progress bar on stderr while building.
      **settings: see `StoreSettings`.

    Returns:
      A store for each name, in order.

    Raises:
      ValueError: if a Task cannot be built (named, with its error), the Tasks do not share their
        features and vocabulary, or a store is damaged.
    """
    jobs = _plan(task_names, **settings)
    _build_missing(jobs, num_workers=num_workers, progress=progress)
    reserve_file_descriptors(len(jobs))
    stores = [TokenStore.open(job.path) for job in jobs]
    _check_compatible(stores)
    return stores


def find_stores(
    task_names: Sequence[str],
    *,
    split: str,
    cache_dir: str | os.PathLike[str] | None = None,
    task_feature_lengths: Mapping[str, int] | None = None,
) -> dict[str, TokenStore]:
    """Opens those token stores of registered Tasks that are there and up to date; builds nothing.

    Arguments and errors are those of `open_stores`.

    Returns:
      Stores by Task name.
    """
    forms = sorted({False, any(map(seqio_adapter.is_chat, task_names))})
    finished: dict[str, str] = {}
    for whole in forms:
        jobs = _plan(
            task_names,
            split=split,
            cache_dir=cache_dir,
            task_feature_lengths=task_feature_lengths,
            whole_conversations=whole,
        )
        finished |= {
            name: job.path
            for name, job in zip(task_names, jobs, strict=True)
            if is_finished(job.path)
        }
    reserve_file_descriptors(len(finished))
    return {name: TokenStore.open(path) for name, path in finished.items()}


def cache(
    name: str,
    *,
    num_workers: int | None = None,
    shard: tuple[int, int] = (0, 1),
    allow_missing: bool = False,
    beam_options: Sequence[str] | None = None,
    progress: bool = True,
    **settings: Unpack[StoreSettings],
) -> CacheReport:
    """Builds the missing stores of a Task or Mixture ahead of a run.

    Args:
      name: a Task or Mixture.
      num_workers: see `open_stores`.
      shard: (k, n) builds the Tasks k, k + n, k + 2n, ... of the sorted names, so that n machines
        with one cache folder build everything once.
      allow_missing: whether to leave out Tasks that have no data.
      beam_options: builds on Apache Beam with these options of it; None builds on this machine.
      progress: see `open_stores`.
      **settings: see `StoreSettings`.

    Raises:
      ValueError: as `open_stores`, a Task has no data, or if the shard is not one of its number.
    """
    index, count = shard
    if not 0 <= index < count:
        raise ValueError(f"--shard {index}/{count}: shards of {count} are 0 to {count - 1}.")
    seqio_adapter.import_tasks(
        settings.get("task_modules", ()),
        data_dir=settings.get("data_dir"),
        vocabulary=settings.get("vocabulary"),
    )
    # What is missing is reported of the whole mixture, whatever the shard.
    present, missing = task_data.present_tasks(
        name, seqio_adapter.resolve(name).task_names, allow_missing=allow_missing
    )
    task_names = sorted({seqio_adapter.stored_task(task) for task in present})[index::count]
    jobs = _plan(task_names, **settings)
    if beam_options is None:
        built = _build_missing(jobs, num_workers=num_workers, progress=progress)
    else:
        built = _build_missing_on_beam(jobs, beam_options)
    notes = [f"left out for want of data:\n{data_status.table(missing)}"] if missing else []
    notes += filter(None, [exemplar_report(TokenStore.open(job.path) for job in jobs)])
    return CacheReport(len(jobs), len(built), sum(built), tuple(notes))


def truncation_report(
    stores: Sequence[TokenStore],
    task_feature_lengths: Mapping[str, int],
    threshold: float = 0.05,
) -> str:
    """Says which Tasks would lose the ends of more than a share of their examples.

    Args:
      stores: open stores.
      task_feature_lengths: the length of each feature, in tokens.
      threshold: share of examples with a feature over its length, in [0, 1].

    Returns:
      A warning with figures for such Tasks, the worst 20 of them; empty if there is none.

    Raises:
      ValueError: if a feature has no length.
    """
    found = []
    for store in stores:
        shares = {f: share_truncated(store, f, task_feature_lengths) for f in store.features}
        feature, share = max(shares.items(), key=lambda item: item[1])
        if share > threshold:
            longest = store.meta["max_lengths"][feature]
            found.append((share, store.task, feature, longest))
    if not found:
        return ""
    lines = [
        f"  {task}: {share:.0%} of examples, {feature} up to {longest} tokens, "
        f"cut to {task_feature_lengths[feature]}"
        for share, task, feature, longest in sorted(found, reverse=True)[:_TRUNCATED_SHOWN]
    ]
    if len(found) > len(lines):
        lines.append(f"  and {len(found) - len(lines):,} more")
    return "\n".join(
        [
            f"{len(found)} of {len(stores)} tasks have more than {threshold:.0%} of their examples "
            "truncated by TASK_FEATURE_LENGTHS:",
            *lines,
        ]
    )


def share_truncated(store: TokenStore, feature: str, lengths: Mapping[str, int]) -> float:
    """Share of a store's examples, in [0, 1], whose feature `TASK_FEATURE_LENGTHS` cuts.

    Where preprocessors were given the lengths, examples at the limit count: those may be cut ones.

    Raises:
      ValueError: if the feature has no length.
    """
    if not store.meta["max_lengths"][feature]:
        return 0.0
    if feature not in lengths:
        raise ValueError(
            f"TASK_FEATURE_LENGTHS has no length for feature {feature!r} of task {store.task!r}; "
            f"it has {', '.join(lengths) or 'none'}."
        )
    limit = lengths[feature]
    already_cut = store.meta["task_feature_lengths"] is not None
    longest_whole = limit - already_cut
    if store.meta["max_lengths"][feature] <= longest_whole:
        return 0.0
    return float(store.length_counts(feature)[longest_whole + 1 :].sum() / store.num_examples)


# ------------------------------------------------------------------------------------- planning


def _plan(
    task_names: Sequence[str],
    *,
    split: str,
    task_modules: Sequence[str] = (),
    cache_dir: str | os.PathLike[str] | None = None,
    task_feature_lengths: Mapping[str, int] | None = None,
    whole_conversations: bool = False,
    data_dir: str | None = None,
    vocabulary: str | None = None,
) -> list[_Job]:
    seqio_adapter.import_tasks(task_modules, data_dir=data_dir, vocabulary=vocabulary)
    root = (
        local_path(cache_dir, name="--cache_dir").absolute()
        if cache_dir
        else environment.cache_dir()
    )
    jobs = []
    for source in seqio_adapter.task_sources(list(map(seqio_adapter.stored_task, task_names))):
        if split not in source.splits:
            raise ValueError(
                f"Task {source.name!r} has no split {split!r}; it has "
                f"{', '.join(sorted(source.splits))}. Name one with DataConfig.split (--split)."
            )
        lengths = task_feature_lengths if source.uses_lengths else None
        whole = whole_conversations and seqio_adapter.is_chat(source.name)
        parts = [FORMAT_VERSION, source.fingerprint, split, sorted((lengths or {}).items())]
        if whole:
            parts.append("whole conversations")
        digest = hashlib.sha256(repr(tuple(parts)).encode()).hexdigest()
        name = str(root / _as_folder(source.name) / _as_folder(split))
        if not seqio_adapter.declares_files(source.name):
            digest = _follow_files(source.name, name, digest)
        folder = _store_path(name, digest)
        job = _Job(source.name, split, folder, digest, lengths, tuple(task_modules), whole)
        jobs.append(job)
    return jobs


def _follow_files(task: str, name: str, digest: str) -> str:
    """The fingerprint of the store that fits the files as they are now, built or not.

    The first is that of the Task alone. Where files that were read for it have changed since, the
    next is that of their new states too, and so on; so no store is ever changed under a reader.
    """
    while is_finished(path := _store_path(name, digest)):
        changed = files_read.changed_since(store_files(path))
        if not changed:
            return digest
        digest = hashlib.sha256((digest + files_read.digest(changed)).encode()).hexdigest()
        if not is_finished(_store_path(name, digest)):
            log.info("task %s is read anew, for this changed: %s", task, ", ".join(sorted(changed)))
    return digest


def _store_path(name: str, digest: str) -> str:
    return f"{name}-{digest[:16]}"


def _as_folder(name: str) -> str:
    return urllib.parse.quote(name, safe="")


def _check_compatible(stores: Sequence[TokenStore]) -> None:
    for store in stores[1:]:
        for entry in ("features", "vocabularies"):
            if _content(store.meta[entry]) != _content(stores[0].meta[entry]):
                raise ValueError(
                    f"Tasks {stores[0].task!r} and {store.task!r} cannot be mixed: their {entry} "
                    f"are {stores[0].meta[entry]} and {store.meta[entry]}. Register both with "
                    "the same output features."
                )


def _content(entry: Any) -> Any:
    """Vocabulary specs without their paths: one model file may lie in two places."""
    if not isinstance(entry, dict):
        return entry
    return {name: {**spec, "path": ""} for name, spec in entry.items()}


# ------------------------------------------------------------------------------------- building


def _build_missing(jobs: Sequence[_Job], *, num_workers: int | None, progress: bool) -> list[int]:
    """Builds what is not there; returns the number of examples of each store built."""
    missing = _missing(jobs)
    if not missing:
        return []
    died = (
        f"A worker process died while building {len(missing)} token stores; was the machine out "
        "of memory? What is finished is kept: run again, with a smaller --num_workers."
    )
    built = run_jobs(_build, missing, num_workers=num_workers, died=died)
    counts: list[int] = []
    started = time.monotonic()
    with progress_bar(
        total=len(missing), desc="tokenising", unit="task", disable=not progress
    ) as bar:
        for result in built:
            counts.append(_num_examples(result))
            rate = sum(counts) / max(time.monotonic() - started, 1e-9)
            bar.set_postfix_str(f"{rate:,.0f} examples/s", refresh=False)
            bar.update()
    return counts


def _missing(jobs: Sequence[_Job]) -> list[_Job]:
    """What is not there, each store once."""
    return list({job.path: job for job in jobs if not is_finished(job.path)}.values())


def _num_examples(built: _Built) -> int:
    """The examples of a store that was built; raises ValueError where it was not."""
    if built.error:
        raise ValueError(
            f"Cannot build the token store of task {built.job.task!r}, split "
            f"{built.job.split!r}: {built.error}"
        )
    return built.num_examples


def _build_missing_on_beam(jobs: Sequence[_Job], options: Sequence[str]) -> list[int]:
    """As `_build_missing`, on Apache Beam."""
    missing = _missing(jobs)
    if not missing:
        return []
    beam_build.run(missing, _build_or_raise, options=options)
    absent = [job for job in missing if not is_finished(job.path)]
    if absent:
        raise ValueError(
            f"{len(absent)} of {len(missing)} token stores that Beam built are not here, such as "
            f"{absent[0].path}. Give a --cache_dir that all workers share with this machine."
        )
    return [TokenStore.open(job.path).num_examples for job in missing]


def _build_or_raise(job: _Job) -> int:
    return _num_examples(_build(job))


def _build(job: _Job) -> _Built:
    """Builds one store, in whatever process; an error comes back as text, to cross processes."""
    try:
        seqio_adapter.import_tasks(job.task_modules)
        with store_lock(job.path):
            if is_finished(job.path):  # Another run was faster.
                return _Built(job, TokenStore.open(job.path).num_examples)
            return _Built(job, _write(job))
    except Exception as error:
        if isinstance(error, OSError) and error.filename:  # No space left, or not allowed.
            return _Built(job, error=f"{error.filename}: {error.strerror} (flag --cache_dir)")
        return _Built(job, error=error_text(error))


def _write(job: _Job) -> int:
    features = seqio_adapter.stored_features(
        job.task, job.split, task_feature_lengths=job.task_feature_lengths
    )
    num_examples = 0
    with TokenStoreWriter(
        job.path,
        task=job.task,
        split=job.split,
        fingerprint=job.fingerprint,
        features=tuple(features),
        vocab_size=max(vocabulary.vocab_size for vocabulary in features.values()),
        extra_meta={
            "vocabularies": {name: vocabulary.spec() for name, vocabulary in features.items()},
            "task_feature_lengths": job.task_feature_lengths,
            "is_chat": seqio_adapter.is_chat(job.task),
        },
        has_complements=job.whole_conversations,
    ) as writer:
        parts = seqio_adapter.task_parts(job.task)
        with files_read.FilesRead(leave_out=pathlib.Path(job.path).parent.parent) as files:
            for example, label in seqio_adapter.iterate_labelled(
                job.task,
                job.split,
                task_feature_lengths=job.task_feature_lengths,
                whole_conversations=job.whole_conversations,
            ):
                writer.append(example, label)
                num_examples += 1
        if seqio_adapter.declares_files(job.task):
            writer.note_origin(parts, files={})
        else:
            parts["files"] = files_read.digest(files.states)[:16]
            writer.note_origin(parts, files=files.states)
    return num_examples
