"""The one adapter to seqio and TensorFlow: registries, mixtures, examples and evaluation examples.

Nothing outside `tasks/` and the modules seqio_* imports them, and these do so inside functions.
"""

import inspect
import itertools
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from t5lite.data.mixing import mixture_rates
from t5lite.data.tasks import seqio_endless, seqio_examples, seqio_metrics
from t5lite.data.tasks.data_status import DataStatus
from t5lite.data.tasks.eval_tasks import EvalExample, EvalTask
from t5lite.data.tasks.seqio_descriptions import (
    TaskDescriber,
    TaskSource,
    check_tokens,
    example_features,
    feature_vocabularies,
    task_splits,
)
from t5lite.data.tasks.seqio_endless import ending
from t5lite.data.tasks.seqio_examples import datasets, encoder, explain_split

# Part of the adapter, wherever they are written; task modules take some from here.
from t5lite.data.tasks.seqio_examples import is_chat as is_chat
from t5lite.data.tasks.seqio_examples import iterate_examples as iterate_examples
from t5lite.data.tasks.seqio_examples import iterate_labelled as iterate_labelled
from t5lite.data.tasks.seqio_examples import iterate_texts as iterate_texts
from t5lite.data.tasks.seqio_examples import varying_parts as varying_parts
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

# Of a Task that may be endless.
MOST_COUNTED = 100_000
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
    if "inputs" in task.output_features or seqio_examples.is_plain_text(task) or is_chat(task_name):
        return features
    return example_features(task, datasets(task, split, task_feature_lengths)[1].element_spec)


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
            f"{explain_split(lacking[0], split)} Name one with --split (EvalConfig.split)."
        )
    for task in lacking:
        log.warning("%s It is left out.", explain_split(task, split))
    return found


def _seqio_rows(task: Any, split: str) -> Iterator[dict[str, Any]]:
    """The examples of a source's texts with all their fields, as tf.data would give them.

    Beginning a tf.data pipeline for each of a suite's Tasks takes longer than reading it.
    """
    encode = encoder(task)
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
        if seqio_examples.is_plain_text(task) and getattr(
            task.source, "texts_have_all_fields", False
        ):
            vocabularies = feature_vocabularies(task)
            rows: Iterator[Any] = itertools.islice(_seqio_rows(task, its_split), max_examples)
        else:
            source, dataset = datasets(task, its_split, task_feature_lengths)
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
