"""From Task names to open token stores: find the finished ones, build the missing ones.

Builds run in worker processes that import the task modules themselves. What a build produces
does not depend on how many there are.
"""

import contextlib
import dataclasses
import logging
import os
import pathlib
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Unpack

from t5lite.data.stores import beam_build, worker_pool
from t5lite.data.stores.growth import Growth, GrowthReporter
from t5lite.data.stores.plan import MaxExamples, StoreJob, StoreSettings, check_max_examples, plan
from t5lite.data.stores.store import (
    TokenStore,
    TokenStoreWriter,
    is_finished,
    reserve_file_descriptors,
    store_lock,
)
from t5lite.data.stores.worker_pool import error_text, run_jobs
from t5lite.data.tasks import data_status, files_read, seqio_adapter, task_data
from t5lite.data.tasks.labels import exemplar_report
from t5lite.data.tasks.seqio_passes import python_seeds
from t5lite.files.whole_file import FULL_DISK
from t5lite.messages.progress import progress_bar
from t5lite.messages.ranges import Count, NumPasses, Size
from t5lite.messages.value_types import numbers_checked

log = logging.getLogger(__name__)

_SHOWN = 20
_VARYING = {
    "source": "its source gives other examples, or another order",
    "preprocessors": "its preprocessors draw random numbers",
}


@dataclasses.dataclass(frozen=True)
class _Built:
    """How one build ended: with examples, or with an error."""

    job: StoreJob
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
    jobs = plan(task_names, **settings)
    _build_missing(jobs, num_workers=num_workers, progress=progress)
    reserve_file_descriptors(len(jobs))
    stores = [TokenStore.open(job.path) for job in jobs]
    _check_compatible(stores)
    return stores


def open_later_passes(
    stores: Sequence[TokenStore],
    *,
    store_epochs: int,
    num_workers: int | None = None,
    progress: bool = True,
    **settings: Unpack[StoreSettings],
) -> list[list[TokenStore]]:
    """Opens the stores of further passes over those Tasks that draw random numbers.

    Args:
      stores: those of the first pass.
      store_epochs: how many passes there are, the first included.
      num_workers: see `open_stores`.
      progress: see `open_stores`.
      **settings: those that `stores` were opened with.

    Returns:
      For each store those of the further passes, in order; none where every pass is the same.

    Raises:
      ValueError: as `open_stores`.
    """
    jobs = _later_passes(stores, store_epochs, **settings)
    flat = [job for passes in jobs for job in passes]
    _build_missing(flat, num_workers=num_workers, progress=progress)
    reserve_file_descriptors(len(flat))
    return [[TokenStore.open(job.path) for job in passes] for passes in jobs]


def _later_passes(
    stores: Sequence[TokenStore], store_epochs: int, **settings: Unpack[StoreSettings]
) -> list[list[StoreJob]]:
    jobs: list[list[StoreJob]] = [[] for _ in stores]
    unknown = [store.task for store in stores if not store.knows_what_varies]
    if unknown and store_epochs > 1:
        log.warning(
            "STORE_EPOCHS = %d: the stores of %s were built before it was looked whether their "
            "examples vary, so one pass is kept of them; delete those folders to keep more.",
            store_epochs,
            ", ".join(unknown[:5]) + (", ..." if len(unknown) > 5 else ""),
        )
    varying = [index for index, store in enumerate(stores) if store.varying_parts]
    for pass_index in range(1, store_epochs) if varying else ():
        names = [stores[index].task for index in varying]
        planned = plan(names, pass_index=pass_index, **settings)
        for index, job in zip(varying, planned, strict=True):
            jobs[index].append(job)
    return jobs


def find_stores(
    task_names: Sequence[str],
    *,
    split: str,
    cache_dir: str | os.PathLike[str] | None = None,
    task_feature_lengths: Mapping[str, int] | None = None,
    max_store_examples: MaxExamples | None = None,
) -> dict[str, TokenStore]:
    """Opens those token stores of registered Tasks that are there and up to date; builds nothing.

    Arguments and errors are those of `open_stores`.

    Returns:
      Stores by Task name.
    """
    check_max_examples(max_store_examples, task_names)
    forms = sorted({False, any(map(seqio_adapter.is_chat, task_names))})
    finished: dict[str, str] = {}
    for whole in forms:
        jobs = plan(
            task_names,
            split=split,
            cache_dir=cache_dir,
            task_feature_lengths=task_feature_lengths,
            whole_conversations=whole,
            max_store_examples=max_store_examples,
        )
        finished |= {
            name: job.path
            for name, job in zip(task_names, jobs, strict=True)
            if is_finished(job.path)
        }
    reserve_file_descriptors(len(finished))
    return {name: TokenStore.open(path) for name, path in finished.items()}


@numbers_checked
def cache(
    name: str,
    *,
    num_workers: Size | None = None,
    shard: tuple[Count, Size] = (0, 1),
    allow_missing: bool = False,
    beam_options: Sequence[str] | None = None,
    store_epochs: NumPasses = 1,
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
      store_epochs: passes to store of Tasks that draw random numbers.
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
    check_max_examples(settings.get("max_store_examples"), present)
    task_names = sorted({seqio_adapter.stored_task(task) for task in present})[index::count]
    jobs = plan(task_names, **settings)

    def build(missing: Sequence[StoreJob]) -> list[int]:
        if beam_options is None:
            return _build_missing(missing, num_workers=num_workers, progress=progress)
        return _build_missing_on_beam(missing, beam_options)

    built = build(jobs)
    stores = [TokenStore.open(job.path) for job in jobs]
    later = _later_passes(stores, store_epochs, **settings)
    built += build([job for passes in later for job in passes])
    notes = [f"left out for want of data:\n{data_status.table(missing)}"] if missing else []
    reports = [exemplar_report(stores), varying_report(stores, store_epochs=store_epochs)]
    notes += filter(None, reports)
    return CacheReport(len(jobs), len(built), sum(built), tuple(notes))


def varying_report(stores: Iterable[TokenStore], *, store_epochs: int) -> str:
    """Says which Tasks draw random numbers, and what their token stores keep of it.

    Args:
      stores: open stores, of the first pass.
      store_epochs: how many passes are kept.

    Returns:
      A line a Task, the first 20 of them; empty if there is none.
    """
    varying = {store.task: store.varying_parts for store in stores if store.varying_parts}
    if not varying:
        return ""
    begin = f"{len(varying)} task(s) give other examples each time they are read"
    if store_epochs > 1:
        kept = f". {store_epochs} passes with other seeds are stored, which epochs use in turn:"
    else:
        kept = (
            ", and one pass is stored, so that all epochs have the same. STORE_EPOCHS = N "
            "(--store_epochs=N) stores N passes with other seeds, which epochs use in turn:"
        )
    lines = [begin + kept]
    for task in list(varying)[:_SHOWN]:
        lines.append(f"  {task}: {', and '.join(_VARYING[part] for part in varying[task])}")
    if len(varying) >= len(lines):
        lines.append(f"  and {len(varying) - len(lines) + 1:,} more")
    return "\n".join(lines)


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
        for share, task, feature, longest in sorted(found, reverse=True)[:_SHOWN]
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


# ------------------------------------------------------------------------------------- building


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


def _build_missing(
    jobs: Sequence[StoreJob], *, num_workers: int | None, progress: bool
) -> list[int]:
    """Builds what is not there; returns the number of examples of each store built."""
    missing = _missing(jobs)
    if not missing:
        return []
    died = (
        f"A worker process died while building {len(missing)} token stores; was the machine out "
        "of memory? What is finished is kept: run again, with a smaller --num_workers."
    )
    counts: list[int] = []
    started = time.monotonic()
    with progress_bar(
        total=len(missing), desc="tokenising", unit="task", disable=not progress
    ) as bar:

        def show(growth: Growth) -> None:
            if growth.warning:
                log.warning("%s", growth.warning)
            bar.set_postfix_str(str(growth))

        for result in run_jobs(_build, missing, num_workers=num_workers, died=died, on_report=show):
            counts.append(_num_examples(result))
            rate = sum(counts) / max(time.monotonic() - started, 1e-9)
            bar.set_postfix_str(f"{rate:,.0f} examples/s", refresh=False)
            bar.update()
    return counts


def _missing(jobs: Sequence[StoreJob]) -> list[StoreJob]:
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


def _build_missing_on_beam(jobs: Sequence[StoreJob], options: Sequence[str]) -> list[int]:
    """As `_build_missing`, on Apache Beam."""
    missing = _missing(jobs)
    if not missing:
        return []
    beam_build.run(missing, _build_or_raise, options=options)
    for job in missing:
        if job.shared is not None:
            job.shared.fetch([job.path])
    absent = [job for job in missing if not is_finished(job.path)]
    if absent:
        raise ValueError(
            f"{len(absent)} of {len(missing)} token stores that Beam built are not here, such as "
            f"{absent[0].path}. Give a --cache_dir that all workers share with this machine."
        )
    return [TokenStore.open(job.path).num_examples for job in missing]


def _build_or_raise(job: StoreJob) -> int:
    return _num_examples(_build(job))


def _build(job: StoreJob) -> _Built:
    """Builds one store, in whatever process; an error comes back as text, to cross processes."""
    try:
        seqio_adapter.import_tasks(job.task_modules)
        with store_lock(job.path):
            with contextlib.nullcontext() if job.shared is None else job.shared.building(job.path):
                if job.shared is not None:
                    job.shared.fetch([job.path])
                if is_finished(job.path):  # Another run was faster.
                    return _Built(job, TokenStore.open(job.path).num_examples)
                num_examples = _write(job)
                if job.shared is not None:
                    job.shared.publish(job.path)
            return _Built(job, num_examples)
    except Exception as error:
        is_full = isinstance(error, OSError) and error.errno in FULL_DISK  # which names no file
        if isinstance(error, OSError) and (error.filename or is_full):
            file = error.filename or job.path
            return _Built(job, error=f"{file}: {error.strerror} (flag --cache_dir)")
        return _Built(job, error=error_text(error))


def _write(job: StoreJob) -> int:
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
        growth = GrowthReporter(job, worker_pool.report)
        with (
            files_read.FilesRead(leave_out=pathlib.Path(job.path).parent.parent) as files,
            python_seeds(job.pass_index),
        ):
            for example, label in seqio_adapter.iterate_labelled(
                job.task,
                job.split,
                task_feature_lengths=job.task_feature_lengths,
                whole_conversations=job.whole_conversations,
                pass_index=job.pass_index,
                max_examples=job.max_examples,
            ):
                writer.append(example, label)
                num_examples += 1
                growth.count(num_examples)
        if not job.pass_index:
            varying = seqio_adapter.varying_parts(
                job.task, job.split, task_feature_lengths=job.task_feature_lengths
            )
            writer.note_varying(varying)
        if seqio_adapter.declares_files(job.task):
            writer.note_origin(parts, files={})
        else:
            parts["files"] = files_read.digest(files.states)[:16]
            writer.note_origin(parts, files=files.states)
    return num_examples
