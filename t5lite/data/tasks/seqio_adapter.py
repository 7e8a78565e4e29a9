"""The one adapter to seqio and TensorFlow: registries, mixtures, examples and evaluation examples.

Nothing outside `tasks/` and the modules seqio_* imports them, and these do so inside functions.
"""

import contextlib
import dataclasses
import os
import types
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from t5lite.data.mixing import mixture_rates
from t5lite.data.tasks import environment, files_read, task_modules
from t5lite.data.tasks.eval_tasks import EvalExample, EvalTask
from t5lite.data.tasks.labels import Label
from t5lite.data.tasks.seqio_descriptions import (
    UNKNOWN_PROVENANCE,
    TaskDescriber,
    TaskSource,
    feature_vocabularies,
    function_name,
)
from t5lite.data.tasks.seqio_files import dataset_files
from t5lite.data.tasks.seqio_library import load_seqio

# What task modules take from here is part of the adapter, wherever it is written.
from t5lite.data.tasks.seqio_vocabularies import from_seqio as from_seqio
from t5lite.data.tasks.seqio_vocabularies import output_features as output_features
from t5lite.data.tasks.seqio_vocabularies import to_seqio as to_seqio
from t5lite.data.tasks.shipped_tasks import shipped_modules
from t5lite.data.transforms.transform import ExampleTransform
from t5lite.data.vocabularies.chat_template import ChatTemplate
from t5lite.data.vocabularies.load import parse_vocabulary
from t5lite.data.vocabularies.vocabulary import Vocabulary
from t5lite.files.local_paths import local_path
from t5lite.messages.suggest import did_you_mean, is_misspelt

# Preprocessors that draw random numbers draw these, so that a store is always the same.
_PREPROCESSING_SEED = 0
_EXAMPLES_PER_FETCH = 512
_NO_TOKENS = np.zeros(0, np.int32)

# seqio's registries are one to a process, and so is this record of where each name was registered.
_provenance: dict[str, str] = {}


# ---------------------------------------------------------------------------------- registries


def import_tasks(
    modules: Sequence[str], *, data_dir: str | None = None, vocabulary: str | None = None
) -> None:
    """Imports task modules, which add Tasks and Mixtures to seqio's registries.

    Args:
      modules: names of modules; the current folder is searched too, last.
      data_dir: sets `T5LITE_DATA_DIR` for them and for worker processes, unless None.
      vocabulary: sets `T5LITE_VOCABULARY` likewise.

    Raises:
      ValueError: if a module cannot be found, or was imported under other settings before.
    """
    if data_dir is not None:
        os.environ[environment.DATA_DIR_VARIABLE] = str(local_path(data_dir, name="--data_dir"))
        environment.data_dir()
    if vocabulary is not None:
        parse_vocabulary(vocabulary)
        os.environ[environment.VOCABULARY_VARIABLE] = vocabulary
    with _recording_provenance():
        task_modules.import_modules(modules)


def registered_names() -> tuple[list[str], list[str]]:
    """Names of all registered Tasks and of all registered Mixtures, sorted."""
    seqio = load_seqio()
    return sorted(seqio.TaskRegistry.names()), sorted(seqio.MixtureRegistry.names())


def registered(name: str) -> Any:
    """The registered Mixture or Task itself, a seqio object.

    Raises:
      ValueError: if there is none, with the nearest names.
    """
    return _get(name)


def provenance(name: str) -> str:
    """`file:line` that registered a Task or Mixture, where a module of `import_tasks` did."""
    return _provenance.get(name, UNKNOWN_PROVENANCE)


@contextlib.contextmanager
def _recording_provenance() -> Iterator[None]:
    """Notes the file and line of every registration made inside.

    seqio has a tracker of its own, called at each registration; it costs milliseconds a Task and
    fails where a frame has no file, so ours stands in for it meanwhile.
    """
    load_seqio()
    from seqio import task_registry_provenance_tracking as tracking

    theirs = tracking.maybe_record_provenance

    def record(frame: types.FrameType, name: str, provider_type: str) -> None:
        theirs(frame, name, provider_type)
        inner: types.FrameType | None = frame
        while inner and "/seqio/" in inner.f_code.co_filename:
            inner = inner.f_back
        outer = inner
        while outer and outer.f_code.co_name != "<module>":
            outer = outer.f_back
        places = [f"{f.f_code.co_filename}:{f.f_lineno}" for f in (outer, inner) if f]
        _provenance[name] = ", through ".join(dict.fromkeys(places))

    tracking.maybe_record_provenance = record
    try:
        yield
    finally:
        tracking.maybe_record_provenance = theirs


def _get(name: str) -> Any:
    """The registered Mixture or Task.

    Raises:
      ValueError: if there is none, with the nearest names.
    """
    seqio = load_seqio()
    for registry in (seqio.MixtureRegistry, seqio.TaskRegistry):
        if name in registry.names():
            return registry.get(name)
    raise ValueError(_explain_unknown(name))


def _explain_unknown(name: str) -> str:
    """Why there is no Task or Mixture of this name, with the module or the name to give."""
    seqio = load_seqio()
    known = [*seqio.MixtureRegistry.names(), *seqio.TaskRegistry.names()]
    imported = task_modules.imported_modules()
    message = f"No Task or Mixture {name!r} (--mixture, gin macro MIXTURE_OR_TASK_NAME) is known."
    absent = [module for module in shipped_modules() if module.module not in imported]
    for module in absent:
        if module.may_register(name):
            near = did_you_mean(name, module.mixtures) if name not in module.mixtures else ""
            return (
                f"{message} {module.module} registers such names: import it with "
                f"--tasks={module.module} (gin macro TASK_MODULES).{near}"
            )
    if imported:
        near = did_you_mean(name, known) if known else " They register nothing."
        return f"{message} Modules imported: {', '.join(imported)}.{near}"
    names = [*known, *(mixture for module in absent for mixture in module.mixtures)]
    # Most likely it is a name of the user's own, and far from all of ours.
    near = did_you_mean(name, names) if is_misspelt(name, names) else ""
    return (
        f"{message} No task module was imported: give --tasks=MODULE (gin macro TASK_MODULES), "
        f"yours or one of {', '.join(module.module for module in absent)}."
        f"{near} `t5lite tasks list` shows all of ours."
    )


def _get_task(name: str) -> Any:
    task = _get(name)
    if not isinstance(task, load_seqio().Task):
        raise ValueError(f"{name!r} is a Mixture, and a Task is needed here.")
    return task


# ------------------------------------------------------------------------------------ mixtures


@dataclasses.dataclass(frozen=True)
class MixedTask:
    """One leaf of a mixture.

    Attributes:
      name: the Task's name.
      rate: its share of the draws, or None where rates depend on numbers of examples (`rates`).
    """

    name: str
    rate: float | None


@dataclasses.dataclass(frozen=True)
class ResolvedMixture:
    """A Task, or a Mixture flattened to its leaf Tasks.

    Attributes:
      name: its name.
      tasks: the leaf Tasks, sorted by name.
    """

    name: str
    tasks: tuple[MixedTask, ...]

    @property
    def task_names(self) -> tuple[str, ...]:
        """Names of the leaf Tasks."""
        return tuple(task.name for task in self.tasks)


def resolve(name: str) -> ResolvedMixture:
    """Flattens a Task or a (nested) Mixture to its leaf Tasks.

    Raises:
      ValueError: if the name is not registered, or a rate is unusable.
    """
    provider = _get(name)
    shares: Mapping[str, float | None]
    if mixture_rates.needs_counts(provider):
        shares = dict.fromkeys(sorted(mixture_rates.leaves(provider)))
    else:
        shares = rates(name, {})
    tasks = tuple(MixedTask(task, share) for task, share in shares.items())
    return ResolvedMixture(name, tasks)


def sub_mixtures(name: str) -> tuple[str, ...]:
    """Names of all mixtures inside a mixture."""
    return mixture_rates.sub_mixtures(_get(name))


def rates(
    name: str,
    num_examples: Mapping[str, int],
    *,
    overrides: Mapping[str, float] | None = None,
    leave_out: Collection[str] = (),
) -> dict[str, float]:
    """Share of the draws of each leaf Task, as `seqio.Mixture.get_rate` weighs them.

    Args:
      name: a Task or Mixture.
      num_examples: number of examples of each leaf Task, which rate functions (for instance
        `seqio.mixing_rate_num_examples`) get, whatever split they ask about.
      overrides: rates of sub-mixtures that replace their own.
      leave_out: leaf Tasks to treat as if no mixture listed them.

    Returns:
      Rates that sum to 1, by Task name, sorted.

    Raises:
      ValueError: if a rate is negative or not a number, all are 0, or a rate function asks for
        more than the number of examples.
    """
    weights = mixture_rates.weights(
        _get(name), num_examples, overrides=overrides or {}, leave_out=leave_out
    )
    total = sum(weights.values())
    if not total > 0:
        raise ValueError(f"Mixture {name!r}: all its rates are 0. Give some Task a positive rate.")
    return {task: weights[task] / total for task in sorted(weights)}


# ------------------------------------------------------------------------------ what a Task is


def token_features(task_name: str) -> dict[str, Vocabulary]:
    """Vocabulary of each output feature of a registered Task, in its (sorted) order.

    Raises:
      ValueError: if there is no such Task, or a feature is not a sequence of token ids.
    """
    return feature_vocabularies(_get_task(task_name))


def task_source(task_name: str) -> TaskSource:
    """Describes a registered Task.

    Raises:
      ValueError: if there is none of this name, or t5lite cannot train on its features.
    """
    return task_sources([task_name])[0]


def declares_files(task_name: str) -> bool:
    """Whether a Task's source says itself which files it depends on, by `fingerprint_parts`."""
    return hasattr(_get_task(task_name).source, "fingerprint_parts")


def task_parts(task_name: str) -> dict[str, str]:
    """A hash of each part of a Task, to say later which has changed.

    Raises:
      ValueError: as `task_source`.
    """
    return TaskDescriber().parts(_get_task(task_name))


def metric_names(task_name: str) -> tuple[str, ...]:
    """Names of a Task's metric functions; seqio takes its time to list them.

    Raises:
      ValueError: if there is no Task of this name.
    """
    return tuple(map(function_name, _get_task(task_name).metric_fns))


def task_sources(task_names: Sequence[str]) -> list[TaskSource]:
    """Describes registered Tasks; what they share is looked at once.

    Raises:
      ValueError: as `task_source`.
    """
    describer = TaskDescriber()
    return [
        describer.describe(_get_task(name), provenance=_provenance.get(name)) for name in task_names
    ]


def example_transform(task_name: str) -> ExampleTransform | None:
    """What a Task was registered with to make other examples of its own; see tasks/transformed.py.

    Raises:
      ValueError: if there is no Task of this name.
    """
    return getattr(_get_task(task_name), "example_transform", None)


def stored_task(task_name: str) -> str:
    """The Task in whose token store a Task's examples are: itself, or the one it transforms.

    Raises:
      ValueError: if there is no Task of this name.
    """
    return getattr(_get_task(task_name), "stored_as", task_name)


# --------------------------------------------------------------------------------- conversations


def is_chat(task_name: str) -> bool:
    """Whether a Task's examples are conversations, whose template writes where they begin and end.

    Its source then has `chat_format` and `token_examples`, as that of tasks/chat.py.
    """
    return hasattr(_get_task(task_name).source, "chat_format")


def chat_template(task_names: Sequence[str]) -> ChatTemplate | None:
    """The template that Tasks of conversations are written with; None where there are none.

    Raises:
      ValueError: they differ, and a model is asked in one way.
    """
    found = {
        name: _get_task(name).source.chat_format.template for name in task_names if is_chat(name)
    }
    if not found:
        return None
    first, *others = found
    for name in others:
        if found[name] != found[first]:
            raise ValueError(
                f"Tasks {first!r} and {name!r} write conversations with different chat templates, "
                "and a model answers in one way; give both the same chat_template"
            )
    return found[first]


# ------------------------------------------------------------------------------------- examples


def iterate_examples(
    task_name: str, split: str, *, task_feature_lengths: Mapping[str, int] | None
) -> Iterator[dict[str, np.ndarray]]:
    """Yields a Task's examples in a fixed order, tokenised, not truncated.

    As `iterate_labelled`, without the labels.
    """
    for example, _ in iterate_labelled(task_name, split, task_feature_lengths=task_feature_lengths):
        yield example


def iterate_labelled(
    task_name: str,
    split: str,
    *,
    task_feature_lengths: Mapping[str, int] | None,
    whole_conversations: bool = False,
) -> Iterator[tuple[dict[str, np.ndarray], Label | None]]:
    """Yields a Task's examples in a fixed order, tokenised, not truncated, with their labels.

    Args:
      task_name: a registered Task.
      split: one of its splits.
      task_feature_lengths: given to preprocessors that take `sequence_length`, nothing else.
      whole_conversations: of a Task of conversations, whether an example is as much of one as there
        is room for, the complement `~id` of a target bearing no loss; else it is one answer.

    Yields:
      Token ids, int32 `[length]`, by output feature; an optional feature that is missing is empty.
      And how its prompt was made, where the source says it (`label` beside its texts).

    Raises:
      ValueError: if the split is missing, or the preprocessors give other features than the Task
        declares.
    """
    task = _get_task(task_name)
    if _is_plain_text(task):
        yield from _tokenised_texts(task, split)
        return
    if is_chat(task_name):
        _check_split(task, split)
        for example in task.source.token_examples(
            split, lengths=task_feature_lengths, whole=whole_conversations
        ):
            yield {name: np.array(ids, np.int32) for name, ids in example.items()}, None
        return
    dataset = _preprocessed(task, split, task_feature_lengths)
    names = tuple(feature_vocabularies(task))
    present = [name for name in names if name in dataset.element_spec]
    # Crossing into Python once a batch costs a quarter of crossing once an example.
    batches = dataset.map(lambda example: {name: example[name] for name in present}).ragged_batch(
        _EXAMPLES_PER_FETCH
    )
    for batch in batches:
        columns = [_rows(batch[name]) for name in present]
        for row in zip(*columns, strict=True):
            yield {**dict.fromkeys(names, _NO_TOKENS), **dict(zip(present, row, strict=True))}, None


def _is_plain_text(task: Any) -> bool:
    """Whether a Task's source gives texts (a method `texts`) that it only tokenises and ends.

    Then tf.data, which takes a third of a second to begin, has nothing to add.
    """
    preprocessors = load_seqio().preprocessors
    steps = [preprocessors.tokenize, preprocessors.append_eos]
    return hasattr(task.source, "texts") and list(task.preprocessors) == steps


def _tokenised_texts(task: Any, split: str) -> Iterator[tuple[dict[str, np.ndarray], Label | None]]:
    """What seqio's `tokenize` and `append_eos` make of the source's texts, without TensorFlow."""
    _check_split(task, split)
    features = {
        name: (vocabulary, [vocabulary.eos_id] if task.output_features[name].add_eos else [])
        for name, vocabulary in feature_vocabularies(task).items()
    }
    for texts in task.source.texts(split):
        example = {
            name: np.array(vocabulary.encode(texts[name]) + end, np.int32)
            for name, (vocabulary, end) in features.items()
        }
        yield example, texts.get("label")


def iterate_texts(task_name: str, split: str) -> Iterator[dict[str, str]]:
    """Yields the texts of a Task's examples, in the order of `iterate_examples`.

    They are the source's own where it gives texts, else those that seqio's `tokenize` keeps beside
    the tokens, else the tokens decoded.

    Args:
      task_name: a registered Task.
      split: one of its splits.

    Yields:
      Text by output feature.

    Raises:
      ValueError: as `iterate_examples`.
    """
    task = _get_task(task_name)
    if _is_plain_text(task):
        _check_split(task, split)
        for texts in task.source.texts(split):
            yield {name: texts[name] for name in task.output_features}
        return
    dataset = _preprocessed(task, split, None)
    spec = dataset.element_spec
    kept = {name: f"{name}_pretokenized" for name in task.output_features}
    kept = {name: copy for name, copy in kept.items() if _is_text(spec.get(copy))}
    decoded = {n: v for n, v in feature_vocabularies(task).items() if n not in kept and n in spec}
    wanted = [*kept.values(), *decoded]
    rows = dataset.map(lambda example: {name: example[name] for name in wanted})
    for row in rows.as_numpy_iterator():
        yield {
            **{name: row[copy].decode("utf-8", "replace") for name, copy in kept.items()},
            **{name: vocabulary.decode(row[name]) for name, vocabulary in decoded.items()},
        }


def _is_text(spec: Any) -> bool:
    return spec is not None and spec.dtype.name == "string" and spec.shape.rank == 0


def _rows(batch: Any) -> Sequence[np.ndarray]:
    """Token ids of each example of a batch; rows of one known length come as a plain tensor."""
    if not hasattr(batch, "row_splits"):
        return batch.numpy().astype(np.int32)
    return np.split(batch.values.numpy().astype(np.int32), batch.row_splits.numpy()[1:-1])


def _preprocessed(task: Any, split: str, lengths: Mapping[str, int] | None) -> Any:
    """The Task's `tf.data.Dataset`, as `seqio.Task.get_dataset` builds it, in a fixed order.

    That method hands one seed to the source and to the preprocessors, and refuses any seed for a
    source function that takes none. Here only the preprocessors get it, since nothing is shuffled.
    """
    _check_split(task, split)
    dataset = task.source.get_dataset(split=split, shuffle=False, seed=None)
    if files_read.is_recording():
        files_read.note_files(dataset_files(dataset))
    dataset = task.preprocess_precache(dataset, seed=_PREPROCESSING_SEED)
    dataset = task.preprocess_postcache(dataset, sequence_length=lengths, seed=_PREPROCESSING_SEED)
    spec = dataset.element_spec
    for name, feature in task.output_features.items():
        if name not in spec:
            if feature.required:
                raise ValueError(
                    f"Task {task.name!r}: its preprocessors give no feature {name!r}, only "
                    f"{', '.join(sorted(spec))}."
                )
        elif spec[name].dtype != feature.dtype or spec[name].shape.rank != feature.rank:
            raise ValueError(
                f"Task {task.name!r}: its preprocessors give {name!r} as {spec[name].dtype.name} "
                f"of rank {spec[name].shape.rank}, its output feature says {feature.dtype.name} "
                f"of rank {feature.rank}. Does it lack seqio.preprocessors.tokenize?"
            )
    return dataset


def _check_split(task: Any, split: str) -> None:
    if split not in task.splits:
        raise ValueError(
            f"Task {task.name!r} has no split {split!r}; it has {', '.join(sorted(task.splits))}."
        )


def load_eval_tasks(
    name: str,
    *,
    split: str,
    task_feature_lengths: Mapping[str, int],
    max_examples: int | None = None,
) -> list[EvalTask]:
    """Examples of a Task, or of each leaf Task of a Mixture, with the Tasks' own metrics.

    Args:
      name: a Task or Mixture.
      split: a split that all of them have.
      task_feature_lengths: features are cut to these lengths, as `seqio.Evaluator` does.
      max_examples: at most so many of each Task, the first ones; None for all.

    Raises:
      ValueError: if a Task lacks the split, or has a kind of metric that t5lite cannot compute.
    """
    import tensorflow_datasets as tfds

    tasks = [_get_task(leaf) for leaf in resolve(name).task_names]
    for task in tasks:
        _check_split(task, split)
        _check_metrics(task)
    eval_tasks = []
    for task in tasks:
        vocabularies = feature_vocabularies(task)
        chat = is_chat(task.name)
        dataset = _preprocessed(task, split, task_feature_lengths)
        if max_examples is not None:
            dataset = dataset.take(max_examples)
        eval_tasks.append(
            EvalTask(
                name=task.name,
                examples=[
                    EvalExample.cut(raw, vocabularies, task_feature_lengths, is_chat=chat)
                    for raw in tfds.as_numpy(dataset)
                ],
                vocabulary=vocabularies["targets"],
                postprocess_fn=task.postprocessor,
                predict_metric_fns=tuple(task.predict_metric_fns),
                score_metric_fns=tuple(task.score_metric_fns),
                end_ids=task.source.chat_format.end_ids() if chat else (),
            )
        )
    return eval_tasks


def _check_metrics(task: Any) -> None:
    if "targets" not in task.output_features:
        raise ValueError(
            f"Task {task.name!r} has no output feature 'targets' to evaluate against; it has "
            f"{', '.join(task.output_features)}."
        )
    unusable = [
        *map(function_name, task.predict_with_aux_metric_fns),
        *(type(metric).__name__ for metric in task._metric_objs_constructor_args),
    ]
    if unusable:
        raise ValueError(
            f"Task {task.name!r} has metrics that t5lite cannot compute: {', '.join(unusable)}. "
            "It computes metric_fns of (targets, predictions) and of (targets, scores)."
        )
