"""Examples of a Task, as seqio makes them: token ids and texts, in a fixed order.

Where a source gives texts or token ids itself, they are taken from there, without TensorFlow.
"""

import functools
import itertools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from t5lite.data.tasks import files_read
from t5lite.data.tasks import seqio_passes as passes
from t5lite.data.tasks.labels import Label
from t5lite.data.tasks.seqio_descriptions import (
    TOKEN_FEATURES,
    example_features,
    feature_vocabularies,
    take_lengths,
    task_splits,
)
from t5lite.data.tasks.seqio_endless import ending
from t5lite.data.tasks.seqio_files import dataset_files
from t5lite.data.tasks.seqio_library import is_text, load_seqio
from t5lite.data.tasks.seqio_registry import get_task as _get_task

log = logging.getLogger(__name__)

_EXAMPLES_PER_FETCH = 512
# What preprocessors are given that need `sequence_length`, to look at a Task outside a run.
_UNSAID_LENGTH = 512
_NO_TOKENS = np.zeros(0, np.int32)


def is_chat(task_name: str) -> bool:
    """Whether a Task's examples are conversations, whose template writes where they begin and end.

    Its source then has `chat_format` and `token_examples`, as that of tasks/chat.py.
    """
    return hasattr(_get_task(task_name).source, "chat_format")


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
    if is_plain_text(task):
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
    source, dataset = datasets(task, split, task_feature_lengths, pass_index=pass_index)
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
    if is_plain_text(task) or is_chat(task_name):
        return ()

    def rows(dataset: Any, count: int) -> Iterator[Any]:
        for example in _token_rows(task, dataset, max_examples=count):
            yield tuple(ids.tobytes() for ids in example.values())

    made = functools.partial(datasets, task, split, task_feature_lengths)
    return passes.varying_parts(task, split, datasets=made, rows=rows)


def is_plain_text(task: Any) -> bool:
    """Whether a Task's source gives texts (a method `texts`) that it only tokenises and ends.

    Then tf.data, which takes a third of a second to begin, has nothing to add.
    """
    preprocessors = load_seqio().preprocessors
    steps = [preprocessors.tokenize, preprocessors.append_eos]
    return hasattr(task.source, "texts") and list(task.preprocessors) == steps


def _tokenised_texts(task: Any, split: str) -> Iterator[tuple[dict[str, np.ndarray], Label | None]]:
    """What seqio's `tokenize` and `append_eos` make of the source's texts, without TensorFlow."""
    _check_split(task, split)
    encode = encoder(task)
    for texts in task.source.texts(split):
        yield encode(texts), texts.get("label")


def encoder(task: Any) -> Callable[[Mapping[str, str]], dict[str, np.ndarray]]:
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
    if is_plain_text(task):
        _check_split(task, split)
        for texts in task.source.texts(split):
            if question_only and "question" in texts:
                texts = {**texts, "inputs": texts["question"]}
            yield {name: texts[name] for name in feature_vocabularies(task)}
        return
    source, dataset = datasets(task, split, None)
    spec = dataset.element_spec
    vocabularies = example_features(task, spec)
    kept = {name: f"{name}_pretokenized" for name in vocabularies}
    if question_only and "question" in spec:
        kept["inputs"] = "question"
    kept = {name: copy for name, copy in kept.items() if is_text(spec.get(copy))}
    decoded = {n: v for n, v in vocabularies.items() if n not in kept and n in spec}
    wanted = [*kept.values(), *decoded]
    rows = dataset.map(lambda example: {name: example[name] for name in wanted})
    for row in ending(rows.as_numpy_iterator(), task, split, source=source, dataset=dataset):
        yield {
            **{name: row[copy].decode("utf-8", "replace") for name, copy in kept.items()},
            **{name: vocabulary.shown(row[name]) for name, vocabulary in decoded.items()},
        }


def _rows(batch: Any) -> Sequence[np.ndarray]:
    """Token ids of each example of a batch; rows of one known length come as a plain tensor."""
    if not hasattr(batch, "row_splits"):
        return batch.numpy().astype(np.int32)
    return np.split(batch.values.numpy().astype(np.int32), batch.row_splits.numpy()[1:-1])


def datasets(
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
        raise ValueError(explain_split(task, split))


def explain_split(task: Any, split: str) -> str:
    """Says that a Task lacks a split, and which it has."""
    return (
        f"Task {task.name!r} has no split {split!r}; it has {', '.join(sorted(task_splits(task)))}."
    )
