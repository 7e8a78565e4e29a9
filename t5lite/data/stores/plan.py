"""Which store each Task's examples are in: found by all that they depend on, built or not."""

import dataclasses
import hashlib
import logging
import os
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Required, TypedDict

from t5lite.data.stores.shared_stores import SharedStores
from t5lite.data.stores.store import FORMAT_VERSION, is_finished
from t5lite.data.stores.store import files_read as store_files
from t5lite.data.tasks import environment, files_read, seqio_adapter
from t5lite.files.buckets import is_in_bucket
from t5lite.files.local_paths import storage_path
from t5lite.messages.ranges import NumExamples
from t5lite.messages.suggest import did_you_mean
from t5lite.messages.value_types import check_type

log = logging.getLogger(__name__)

# At most so many examples of every Task, or of those named.
MaxExamples = NumExamples | Mapping[str, NumExamples]


@dataclasses.dataclass(frozen=True)
class StoreJob:
    """One store to find or build; travels to a worker process.

    Attributes:
      task: the Task.
      split: its split.
      path: the store's folder.
      fingerprint: hash of everything the tokens depend on.
      task_feature_lengths: those that its preprocessors ask for; None where they do not.
      task_modules: task modules to import.
      whole_conversations: see `StoreSettings`.
      pass_index: which pass over a Task that draws random numbers.
      max_examples: at most so many examples.
      shared: the stores in the bucket that this is one of; None where they are on this machine.
    """

    task: str
    split: str
    path: str
    fingerprint: str
    task_feature_lengths: Mapping[str, int] | None
    task_modules: tuple[str, ...]
    whole_conversations: bool = False
    pass_index: int = 0
    max_examples: int | None = None
    shared: SharedStores | None = None


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
      max_store_examples: store at most so many examples of every Task, or of those named.
    """

    split: Required[str]
    task_modules: Sequence[str]
    data_dir: str | None
    vocabulary: str | None
    cache_dir: str | os.PathLike[str] | None
    task_feature_lengths: Mapping[str, int] | None
    whole_conversations: bool
    max_store_examples: MaxExamples | None


def plan(
    task_names: Sequence[str],
    *,
    split: str,
    task_modules: Sequence[str] = (),
    cache_dir: str | os.PathLike[str] | None = None,
    task_feature_lengths: Mapping[str, int] | None = None,
    whole_conversations: bool = False,
    data_dir: str | None = None,
    vocabulary: str | None = None,
    max_store_examples: MaxExamples | None = None,
    pass_index: int = 0,
) -> list[StoreJob]:
    """The store of each Task, in order; arguments are those of `StoreSettings`, and the pass.

    Raises:
      ValueError: if a Task is unknown, or lacks the split.
    """
    seqio_adapter.import_tasks(task_modules, data_dir=data_dir, vocabulary=vocabulary)
    root = storage_path(cache_dir or environment.cache_dir(), name="--cache_dir").absolute()
    shared = SharedStores(root) if is_in_bucket(root) else None
    root = root if shared is None else shared.root
    jobs = []
    for source in seqio_adapter.task_sources(list(map(seqio_adapter.stored_task, task_names))):
        if split not in source.splits:
            raise ValueError(
                f"Task {source.name!r} has no split {split!r}; it has "
                f"{', '.join(sorted(source.splits))}. Name one with DataConfig.split (--split)."
            )
        lengths = task_feature_lengths if source.uses_lengths else None
        whole = whole_conversations and seqio_adapter.is_chat(source.name)
        max_examples = _max_examples(max_store_examples, source.name)
        parts = [FORMAT_VERSION, source.fingerprint, split, sorted((lengths or {}).items())]
        if whole:
            parts.append("whole conversations")
        if pass_index:
            parts.append(f"pass {pass_index}")
        if max_examples is not None:
            parts.append(f"first {max_examples} examples")
        digest = hashlib.sha256(repr(tuple(parts)).encode()).hexdigest()
        name = os.path.join(root, _as_folder(source.name), _as_folder(split))
        job = StoreJob(
            source.name,
            split,
            _store_path(name, digest),
            digest,
            lengths,
            tuple(task_modules),
            whole_conversations=whole,
            pass_index=pass_index,
            max_examples=max_examples,
            shared=shared,
        )
        jobs.append(job)
    if shared is not None:
        shared.fetch([job.path for job in jobs])
    return [job if seqio_adapter.declares_files(job.task) else _following(job) for job in jobs]


def check_max_examples(limits: MaxExamples | None, task_names: Sequence[str]) -> None:
    """Checks that a limit names Tasks of a mixture.

    Raises:
      ValueError: if it names others, or is not positive.
    """
    check_type(limits, MaxExamples | None, name="MAX_STORE_EXAMPLES (--max_store_examples)")
    stored = sorted(set(map(seqio_adapter.stored_task, task_names)))
    for name in limits if isinstance(limits, Mapping) else ():
        if name not in stored:
            raise ValueError(
                f"MAX_STORE_EXAMPLES (--max_store_examples) names {name!r}, which is no task with "
                f"a token store of this mixture.{did_you_mean(name, stored)}"
            )


def _max_examples(limits: MaxExamples | None, task: str) -> int | None:
    return limits.get(task) if isinstance(limits, Mapping) else limits


def _following(job: StoreJob) -> StoreJob:
    """The job of the store that fits the files as they are now, built or not.

    The first is that of the Task alone. Where files that were read for it have changed since, the
    next is that of their new states too, and so on; so no store is ever changed under a reader.
    """
    name = job.path.removesuffix(_store_path("", job.fingerprint))
    while is_finished(job.path):
        changed = files_read.changed_since(store_files(job.path))
        if not changed:
            break
        digest = hashlib.sha256((job.fingerprint + files_read.digest(changed)).encode()).hexdigest()
        job = dataclasses.replace(job, path=_store_path(name, digest), fingerprint=digest)
        if job.shared is not None:
            job.shared.fetch([job.path])
        if not is_finished(job.path):
            names = ", ".join(sorted(changed))
            log.info("task %s is read anew, for this changed: %s", job.task, names)
    return job


def _store_path(name: str, digest: str) -> str:
    return f"{name}-{digest[:16]}"


def _as_folder(name: str) -> str:
    """The name as one part of a path; of dots alone it would lead out of the cache."""
    quoted = urllib.parse.quote(name, safe="")
    return quoted if quoted.strip(".") else quoted.replace(".", "%2E")
