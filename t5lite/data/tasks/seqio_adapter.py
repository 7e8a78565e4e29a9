"""The one adapter to seqio and TensorFlow: registries, mixtures, examples and evaluation examples.

Nothing outside `tasks/` and the modules seqio_* imports them, and these do so inside functions.
"""

import functools
import inspect
import itertools
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from t5lite.data.mixing import mixture_rates
from t5lite.data.tasks import files_read, seqio_endless, seqio_metrics
from t5lite.data.tasks import seqio_passes as passes
from t5lite.data.tasks.data_status import DataStatus
from t5lite.data.tasks.eval_tasks import EvalExample, EvalTask
from t5lite.data.tasks.labels import Label
from t5lite.data.tasks.seqio_descriptions import (
    TOKEN_FEATURES,
    TaskDescriber,
    TaskSource,
    check_tokens,
    example_features,
    feature_vocabularies,
    take_lengths,
    task_splits,
)
from t5lite.data.tasks.seqio_endless import ending
from t5lite.data.tasks.seqio_files import dataset_files
from t5lite.data.tasks.seqio_library import load_seqio

# Part of the adapter, wherever they are written; task modules take some from here.
from t5lite.data.tasks.seqio_mixtures import MixedTask as MixedTask
from t5lite.data.tasks.seqio_mixtures import rates as rates
from t5lite.data.tasks.seqio_mixtures import resolve as resolve
from t5lite.data.tasks.seqio_mixtures import sub_mixtures as sub_mixtures
from t5lite.data.tasks.seqio_registry import get_task as _get_task
from t5lite.data.tasks.seqio_registry import import_tasks as import_tasks
from t5lite.data.tasks.seqio_registry import provenance as provenance
from t5lite.data.tasks.seqio_registry import registered_names as registered_names
from t5lite.data.tasks.seqio_tfds import explaining
from t5lite.data.tasks.seqio_vocabularies import from_seqio as from_seqio
from t5lite.data.tasks.seqio_vocabularies import output_features as output_features
from t5lite.data.tasks.seqio_vocabularies import to_seqio as to_seqio
from t5lite.data.tasks.task_kinds import TaskKind
from t5lite.data.transforms.transform import ExampleTransform
from t5lite.data.vocabularies.chat_template import ChatTemplate
from t5lite.data.vocabularies.load import same_vocabulary
from t5lite.data.vocabularies.vocabulary import Vocabulary

log = logging.getLogger(__name__)

_EXAMPLES_PER_FETCH = 512
# What preprocessors are given that need `sequence_length`, to look at a Task outside a run.
_UNSAID_LENGTH = 512
# Of a Task that may be endless.
MOST_COUNTED = 100_000
_NO_TOKENS = np.zeros(0, np.int32)
# What people call the split that a model is judged on before the test.
_DEVELOPMENT_SPLITS = frozenset(
    ("validation", "validate", "valid", "val", "dev", "development", "eval", "evaluation")
)


# ------------------------------------------------------------------------------ what a Task is


def token_features(task_name: str) -> dict[str, Vocabulary]:
    """Vocabulary of each output feature of a registered Task that models read.

    Raises:
      ValueError: if there is no such Task, or a feature is not a sequence of token ids.
    """
    return feature_vocabularies(_get_task(task_name))


def task_vocabulary(known: Vocabulary) -> Vocabulary | None:
    """The vocabulary of a registered Task's targets that is this one, with the texts it has there.

    Args:
      known: a vocabulary of which a model folder keeps the ids.
    """
    for task in map(_get_task, registered_names()[0]):
        if "targets" in task.output_features:
            found = from_seqio(task.output_features["targets"].vocabulary)
            if same_vocabulary(found.spec(), known.spec()):
                return found
    return None


def check_features(task_names: Sequence[str], task_feature_lengths: Mapping[str, int]) -> None:
    """Raises ValueError where Tasks have features under these names that no model reads."""
    for name in task_names:
        for feature in task_feature_lengths:
            check_tokens(_get_task(name), feature)


def stored_features(
    task_name: str, split: str, *, task_feature_lengths: Mapping[str, int] | None
) -> dict[str, Vocabulary]:
    """Vocabulary of each feature that `iterate_examples` yields, in its order.

    Arguments and errors are those of `iterate_examples`.
    """
    task = _get_task(task_name)
    features = feature_vocabularies(task)
    if "inputs" in task.output_features or _is_plain_text(task) or is_chat(task_name):
        return features
    return example_features(task, _datasets(task, split, task_feature_lengths)[1].element_spec)


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


def splits(task_name: str) -> tuple[str, ...]:
    """Names of a Task's splits.

    Raises:
      ValueError: if there is no Task of this name.
    """
    return task_splits(_get_task(task_name))


def declared_examples(task_name: str, split: str) -> int | None:
    """The `num_input_examples` that a Task is registered with; None where it says nothing.

    It is the number before preprocessing, as whoever wrote the Task believed it to be.

    Raises:
      ValueError: if there is no Task of this name.
    """
    task = _get_task(task_name)
    with explaining(task):
        return mixture_rates.declared_examples(task, split)


def declared_otherwise(counts: Mapping[str, int], *, split: str) -> dict[str, int]:
    """What those Tasks declare that declare another number of examples than was counted."""
    declared = {name: declared_examples(name, split) for name in counts}
    return {n: number for n, number in declared.items() if number not in (None, counts[n])}


def may_be_endless(task_name: str) -> bool:
    """Whether nothing of a Task's source says that it ends, as files do.

    Raises:
      ValueError: if there is no Task of this name.
    """
    return seqio_endless.may_be_endless(_get_task(task_name))


def counted_examples(task_name: str, split: str) -> int:
    """How many examples a Task's source says it has, else how many there are when all are read.

    Of one that may be endless, no more than `MOST_COUNTED` are read.

    Raises:
      ValueError: as `iterate_examples`.
    """
    known = declared_examples(task_name, split)
    if known is None and getattr(_get_task(task_name).source, "counts_when_asked", False):
        known = _get_task(task_name).num_input_examples(split)
    if known is None:
        examples = iterate_examples(
            task_name,
            split,
            task_feature_lengths=None,
            max_examples=MOST_COUNTED if may_be_endless(task_name) else None,
        )
        known = sum(1 for _ in examples)
    return known


def data_status(task_name: str, *, split: str | None = None) -> DataStatus | None:
    """The state of a Task's data, where its source has `data_status`; opens no file.

    Args:
      task_name: a registered Task.
      split: ask of this split alone, where the source tells its splits apart.

    Raises:
      ValueError: if there is no Task of this name.
    """
    ask = getattr(_get_task(task_name).source, "data_status", None)
    if ask is None:
        return None
    knows_splits = split is not None and "split" in inspect.signature(ask).parameters
    return ask(split=split) if knows_splits else ask()


def prompt_setting(task_name: str) -> str:
    """The attribute `prompt_setting` of a Task's source, such as `zs_opt`; "" without one.

    Raises:
      ValueError: if there is no Task of this name.
    """
    return getattr(_get_task(task_name).source, "prompt_setting", "")


def task_kind(task_name: str) -> TaskKind | None:
    """What a Task asks for, where its source has `task_kind`, which may read its data.

    Raises:
      ValueError: if there is no Task of this name, or its data cannot be read.
    """
    ask = getattr(_get_task(task_name).source, "task_kind", None)
    return None if ask is None else ask()


def metric_names(task_name: str) -> tuple[str, ...]:
    """Names of a Task's metrics.

    Raises:
      ValueError: if there is no Task of this name.
    """
    return seqio_metrics.metric_names(_get_task(task_name))


def task_sources(task_names: Sequence[str]) -> list[TaskSource]:
    """Describes registered Tasks; what they share is looked at once.

    Raises:
      ValueError: as `task_source`.
    """
    describer = TaskDescriber()
    return [describer.describe(_get_task(name), provenance=provenance(name)) for name in task_names]


def example_transform(task_name: str) -> ExampleTransform | None:
    """What a Task was registered with to make other examples of its own; see tasks/transformed.py.

    Raises:
      ValueError: if there is no Task of this name.
    """
    return getattr(_get_task(task_name), "example_transform", None)


def gives_windows(task_name: str) -> bool:
    """Whether a Task's examples are pieces of texts, so that a full row does not say it was cut.

    Its source then has the attribute `gives_windows`, as that of tasks/documents.py.

    Raises:
      ValueError: if there is no Task of this name.
    """
    return getattr(_get_task(task_name).source, "gives_windows", False)


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
    task_name: str,
    split: str,
    *,
    task_feature_lengths: Mapping[str, int] | None,
    max_examples: int | None = None,
) -> Iterator[dict[str, np.ndarray]]:
    """Yields a Task's examples in a fixed order, tokenised, not truncated.

    As `iterate_labelled`, without the labels.
    """
    for example, _ in iterate_labelled(
        task_name, split, task_feature_lengths=task_feature_lengths, max_examples=max_examples
    ):
        yield example


def iterate_labelled(
    task_name: str,
    split: str,
    *,
    task_feature_lengths: Mapping[str, int] | None,
    whole_conversations: bool = False,
    pass_index: int = 0,
    max_examples: int | None = None,
) -> Iterator[tuple[dict[str, np.ndarray], Label | None]]:
    """Yields a Task's examples in a fixed order, tokenised, not truncated, with their labels.

    Args:
      task_name: a registered Task.
      split: one of its splits.
      task_feature_lengths: given to preprocessors that take `sequence_length`, nothing else.
      whole_conversations: of a Task of conversations, whether an example is as much of one as there
        is room for, the complement `~id` of a target bearing no loss; else it is one answer.
      pass_index: which pass: random numbers, the source's too, are drawn with another seed in each.
      max_examples: at most so many, the first ones; None for all.

    Yields:
      Token ids, int32 `[length]`, by output feature; an optional feature that is missing is empty.
      And how its prompt was made, where the source says it (`label` beside its texts).

    Raises:
      ValueError: if the split is missing or does not end, or the preprocessors give other features
        than the Task declares.
    """
    task = _get_task(task_name)
    if _is_plain_text(task):
        yield from itertools.islice(_tokenised_texts(task, split), max_examples)
        return
    if is_chat(task_name):
        _check_split(task, split)
        for example in itertools.islice(
            task.source.token_examples(
                split, lengths=task_feature_lengths, whole=whole_conversations
            ),
            max_examples,
        ):
            yield {name: np.array(ids, np.int32) for name, ids in example.items()}, None
        return
    source, dataset = _datasets(task, split, task_feature_lengths, pass_index=pass_index)
    examples = _token_rows(task, dataset, max_examples=max_examples)
    if max_examples is None:
        examples = ending(examples, task, split, source=source, dataset=dataset)
    for example in examples:
        yield example, None


def _token_rows(
    task: Any, dataset: Any, *, max_examples: int | None
) -> Iterator[dict[str, np.ndarray]]:
    """Token ids of each example of a `tf.data.Dataset`, by output feature."""
    names = tuple(example_features(task, dataset.element_spec))
    present = [name for name in names if name in dataset.element_spec]
    # Crossing into Python once a batch costs a quarter of crossing once an example.
    rows = dataset.map(lambda example: {name: example[name] for name in present})
    if max_examples is not None:
        rows = rows.take(max_examples)
    for batch in rows.ragged_batch(_EXAMPLES_PER_FETCH):
        columns = [_rows(batch[name]) for name in present]
        for row in zip(*columns, strict=True):
            yield {**dict.fromkeys(names, _NO_TOKENS), **dict(zip(present, row, strict=True))}


def varying_parts(
    task_name: str, split: str, *, task_feature_lengths: Mapping[str, int] | None
) -> tuple[str, ...]:
    """Which parts of a Task give other examples each time it is read, since they draw at random.

    Sources with `texts` or `token_examples` give the same.

    Returns:
      None, one or both of "source" and "preprocessors".

    Raises:
      ValueError: as `iterate_labelled`.
    """
    task = _get_task(task_name)
    if _is_plain_text(task) or is_chat(task_name):
        return ()

    def rows(dataset: Any, count: int) -> Iterator[Any]:
        for example in _token_rows(task, dataset, max_examples=count):
            yield tuple(ids.tobytes() for ids in example.values())

    datasets = functools.partial(_datasets, task, split, task_feature_lengths)
    return passes.varying_parts(task, split, datasets=datasets, rows=rows)


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
    encode = _encoder(task)
    for texts in task.source.texts(split):
        yield encode(texts), texts.get("label")


def _encoder(task: Any) -> Callable[[Mapping[str, str]], dict[str, np.ndarray]]:
    """Makes token ids of an example's texts, by output feature."""
    features = {
        name: (vocabulary, [vocabulary.eos_id] if task.output_features[name].add_eos else [])
        for name, vocabulary in feature_vocabularies(task).items()
    }
    return lambda texts: {
        name: np.array(vocabulary.encode(texts[name]) + end, np.int32)
        for name, (vocabulary, end) in features.items()
    }


def iterate_texts(
    task_name: str, split: str, *, question_only: bool = False
) -> Iterator[dict[str, str]]:
    """Yields the texts of a Task's examples, in the order of `iterate_examples`.

    They are the source's own where it gives texts, else those that seqio's `tokenize` keeps beside
    the tokens, else the tokens decoded.

    Args:
      task_name: a registered Task.
      split: one of its splits.
      question_only: whether inputs that have parts (prompt_parts.py) are given without description
        and demonstrations.

    Yields:
      Text by output feature.

    Raises:
      ValueError: as `iterate_examples`.
    """
    task = _get_task(task_name)
    if _is_plain_text(task):
        _check_split(task, split)
        for texts in task.source.texts(split):
            if question_only and "question" in texts:
                texts = {**texts, "inputs": texts["question"]}
            yield {name: texts[name] for name in feature_vocabularies(task)}
        return
    source, dataset = _datasets(task, split, None)
    spec = dataset.element_spec
    vocabularies = example_features(task, spec)
    kept = {name: f"{name}_pretokenized" for name in vocabularies}
    if question_only and "question" in spec:
        kept["inputs"] = "question"
    kept = {name: copy for name, copy in kept.items() if _is_text(spec.get(copy))}
    decoded = {n: v for n, v in vocabularies.items() if n not in kept and n in spec}
    wanted = [*kept.values(), *decoded]
    rows = dataset.map(lambda example: {name: example[name] for name in wanted})
    for row in ending(rows.as_numpy_iterator(), task, split, source=source, dataset=dataset):
        yield {
            **{name: row[copy].decode("utf-8", "replace") for name, copy in kept.items()},
            **{name: vocabulary.shown(row[name]) for name, vocabulary in decoded.items()},
        }


def _is_text(spec: Any) -> bool:
    return spec is not None and spec.dtype.name == "string" and spec.shape.rank == 0


def _rows(batch: Any) -> Sequence[np.ndarray]:
    """Token ids of each example of a batch; rows of one known length come as a plain tensor."""
    if not hasattr(batch, "row_splits"):
        return batch.numpy().astype(np.int32)
    return np.split(batch.values.numpy().astype(np.int32), batch.row_splits.numpy()[1:-1])


def _datasets(
    task: Any, split: str, lengths: Mapping[str, int] | None, *, pass_index: int = 0
) -> tuple[Any, Any]:
    """What the Task's source gives, and its examples, as `seqio.Task.get_dataset` builds them.

    The order is fixed.
    """
    _check_split(task, split)
    seed = passes.preprocessing_seed(pass_index)
    with passes.tensorflow_seed(pass_index):
        source = passes.source_dataset(task, split, pass_index=pass_index)
        if files_read.is_recording():
            files_read.note_files(dataset_files(source))
        dataset = task.preprocess_precache(source, seed=seed)
        dataset = _postcached(task, dataset, lengths, seed=seed)
    spec = dataset.element_spec
    for name in feature_vocabularies(task):
        feature = task.output_features[name]
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
    return source, dataset


def _postcached(task: Any, dataset: Any, lengths: Mapping[str, int] | None, *, seed: int) -> Any:
    """What preprocessors make, which ask for lengths even where nobody has any to give."""

    def run(given: Mapping[str, int] | None) -> Any:
        return task.preprocess_postcache(dataset, sequence_length=given, seed=seed)

    try:
        return run(lengths)
    except (KeyError, TypeError):
        if lengths or not take_lengths(task.preprocessors):
            raise
    log.warning(
        "task %s: its preprocessors ask how long examples may be, and are told %d tokens",
        *(task.name, _UNSAID_LENGTH),
    )
    return run(dict.fromkeys(TOKEN_FEATURES, _UNSAID_LENGTH))


def _check_split(task: Any, split: str) -> None:
    if split not in task_splits(task):
        raise ValueError(_explain_split(task, split))


def _explain_split(task: Any, split: str) -> str:
    return (
        f"Task {task.name!r} has no split {split!r}; it has {', '.join(sorted(task_splits(task)))}."
    )


def _evaluated_splits(tasks: Sequence[Any], split: str) -> dict[str, str]:
    """The split of each Task that is meant; Tasks that have none are left out, as seqio does.

    Raises:
      ValueError: if no Task has one.
    """
    found = {}
    for task in tasks:
        others = [name for name in task_splits(task) if name in _DEVELOPMENT_SPLITS]
        if split in task_splits(task):
            found[task.name] = split
        elif split in _DEVELOPMENT_SPLITS and len(others) == 1:
            found[task.name] = others[0]
            log.warning(
                "task %s has no split %r: its split %r is taken", task.name, split, others[0]
            )
    lacking = [task for task in tasks if task.name not in found]
    if lacking and not found:
        raise ValueError(
            f"{_explain_split(lacking[0], split)} Name one with --split (EvalConfig.split)."
        )
    for task in lacking:
        log.warning("%s It is left out.", _explain_split(task, split))
    return found


def _seqio_rows(task: Any, split: str) -> Iterator[dict[str, Any]]:
    """The examples of a source's texts with all their fields, as tf.data would give them.

    Beginning a tf.data pipeline for each of a suite's Tasks takes longer than reading it.
    """
    encode = _encoder(task)
    for texts in task.source.texts(split):
        row: dict[str, Any] = {
            name: value.encode("utf-8")
            if isinstance(value, str)
            else np.array([text.encode("utf-8") for text in value], object)
            for name, value in texts.items()
            if name != "label"
        }
        tokens = encode(texts)
        yield {**row, **{f"{name}_pretokenized": row[name] for name in tokens}, **tokens}


def load_eval_tasks(
    name: str,
    *,
    split: str,
    task_feature_lengths: Mapping[str, int],
    max_examples: int | None = None,
    leave_out: Collection[str] = (),
) -> list[EvalTask]:
    """Examples of a Task, or of each leaf Task of a Mixture, with the Tasks' own metrics.

    Args:
      name: a Task or Mixture.
      split: the split to evaluate. A Task that has none of this name is left out, with a warning,
        as by `seqio.Evaluator`; for "validation" its "validate", "dev" and the like are taken.
      task_feature_lengths: features are cut to these lengths, as `seqio.Evaluator` does.
      max_examples: at most so many of each Task, the first ones; None for all.
      leave_out: Tasks of the Mixture that are not wanted.

    Raises:
      ValueError: if no Task has the split.
    """
    import tensorflow_datasets as tfds

    leaves = [leaf for leaf in resolve(name).task_names if leaf not in leave_out]
    tasks = {leaf: _get_task(leaf) for leaf in leaves}
    eval_tasks = []
    for leaf, its_split in _evaluated_splits([*tasks.values()], split).items():
        task, chat = tasks[leaf], is_chat(leaf)
        check_features([leaf], task_feature_lengths)
        lengths = {n: k for n, k in task_feature_lengths.items() if n in task.output_features}
        if _is_plain_text(task) and getattr(task.source, "texts_have_all_fields", False):
            vocabularies = feature_vocabularies(task)
            rows: Iterator[Any] = itertools.islice(_seqio_rows(task, its_split), max_examples)
        else:
            source, dataset = _datasets(task, its_split, task_feature_lengths)
            vocabularies = example_features(task, dataset.element_spec)
            wanted = dataset if max_examples is None else dataset.take(max_examples)
            rows = iter(tfds.as_numpy(wanted))
            if max_examples is None:
                rows = ending(rows, task, its_split, source=source, dataset=dataset)
        examples = [EvalExample.cut(raw, vocabularies, lengths, is_chat=chat) for raw in rows]
        metrics, unusable = seqio_metrics.task_metrics(task)
        eval_tasks.append(
            EvalTask(
                name=leaf,
                split=its_split,
                examples=examples,
                vocabulary=vocabularies["targets"],
                postprocess_fn=task.postprocessor,
                metrics=metrics,
                unusable_metrics=unusable,
                end_ids=task.source.chat_format.end_ids() if chat else (),
            )
        )
    return eval_tasks
