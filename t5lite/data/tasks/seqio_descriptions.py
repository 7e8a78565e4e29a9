"""What a seqio Task is: its features, its preprocessors, and a fingerprint of all it depends on."""

import dataclasses
import functools
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from t5lite.data.tasks import environment, seqio_tfds
from t5lite.data.tasks.fingerprint import NOT_MINE, Memo, fingerprint
from t5lite.data.tasks.seqio_vocabularies import from_seqio
from t5lite.data.vocabularies.id_vocabularies import ClassVocabulary
from t5lite.data.vocabularies.vocabulary import Vocabulary

_DIGITS = 16
_PLAIN = (str, bytes, bool, int, float, tuple, list, dict)

# The features that models read; a Task may have others, for its metrics.
TOKEN_FEATURES = ("inputs", "targets")

UNKNOWN_PROVENANCE = "unknown: registered outside the modules of --tasks"


@dataclasses.dataclass(frozen=True)
class TaskSource:
    """What a Task is made of.

    Attributes:
      name: its name.
      provenance: `file:line` in the task module, and in the function that it registered
        the Task through, if any.
      splits: names of its splits.
      features: vocabulary of each output feature that models read.
      preprocessors: names of its preprocessors.
      uses_lengths: whether a preprocessor takes `sequence_length`; its examples depend on it then.
      fingerprint: hash of source, preprocessors with what is bound to them, and features.
    """

    name: str
    provenance: str
    splits: tuple[str, ...]
    features: Mapping[str, Vocabulary]
    preprocessors: tuple[str, ...]
    uses_lengths: bool
    fingerprint: str


@dataclasses.dataclass(frozen=True)
class _Features:
    """What output features are.

    Attributes:
      vocabularies: by feature that models read.
      settings: all that matters of them for a fingerprint.
    """

    vocabularies: Mapping[str, Vocabulary]
    settings: Sequence[Any]


@dataclasses.dataclass(frozen=True)
class _Preprocessors:
    """What preprocessors are.

    Attributes:
      functions: themselves.
      names: their names.
      use_lengths: whether one takes `sequence_length`.
    """

    functions: Sequence[Callable[..., Any]]
    names: tuple[str, ...]
    use_lengths: bool


class TaskDescriber:
    """Describes Tasks, of which thousands may have the same features and preprocessors."""

    def __init__(self) -> None:
        self._memo: Memo = {}
        self._features: dict[tuple[Any, ...], _Features] = {}
        self._preprocessors: dict[tuple[int, ...], _Preprocessors] = {}

    def describe(self, task: Any, *, provenance: str = UNKNOWN_PROVENANCE) -> TaskSource:
        """Describes a seqio Task, which must stay alive as long as this does.

        Args:
          task: the Task.
          provenance: where it was registered, as far as that is known.

        Raises:
          ValueError: if t5lite cannot train on its features.
        """
        features = self._features_of(task)
        preprocessors = self._preprocessors_of(task)
        return TaskSource(
            name=task.name,
            provenance=_where_written(task) if provenance == UNKNOWN_PROVENANCE else provenance,
            splits=task_splits(task),
            features=features.vocabularies,
            preprocessors=preprocessors.names,
            uses_lengths=preprocessors.use_lengths,
            fingerprint=fingerprint(
                task.source,
                preprocessors.functions,
                features.settings,
                describe=_describe_for_fingerprint,
                memo=self._memo,
            ),
        )

    def parts(self, task: Any) -> dict[str, str]:
        """Hashes of what `TaskSource.fingerprint` is made of: source, preprocessors, features."""
        parts = {
            "source": task.source,
            "preprocessors": self._preprocessors_of(task).functions,
            "features": self._features_of(task).settings,
        }
        return {
            name: fingerprint(part, describe=_describe_for_fingerprint)[:_DIGITS]
            for name, part in parts.items()
        }

    def _features_of(self, task: Any) -> _Features:
        declared = task.output_features
        key = tuple(
            (name, id(f.vocabulary), f.add_eos, f.required, f.rank, f.dtype)
            for name, f in declared.items()
        )
        if key not in self._features:
            vocabularies = feature_vocabularies(task)
            self._features[key] = _Features(
                vocabularies,
                settings=[
                    (name, f.vocabulary, f.add_eos, f.required, f.dtype.name)
                    for name, f in declared.items()
                ]
                # `inputs` are then what preprocessors make of that name (`example_features`).
                + [("inputs", "made")] * ("inputs" not in declared),
            )
        return self._features[key]

    def _preprocessors_of(self, task: Any) -> _Preprocessors:
        functions = task.preprocessors
        key = tuple(map(id, functions))
        if key not in self._preprocessors:
            self._preprocessors[key] = _Preprocessors(
                functions,
                names=tuple(map(function_name, functions)),
                use_lengths=take_lengths(functions),
            )
        return self._preprocessors[key]


def take_lengths(preprocessors: Sequence[Callable[..., Any]]) -> bool:
    """Whether one of them takes `sequence_length`."""
    return any("sequence_length" in inspect.signature(f).parameters for f in preprocessors)


def task_splits(task: Any) -> tuple[str, ...]:
    """Names of a seqio Task's splits.

    Raises:
      ValueError: its source asks TFDS for them, and that does not find the data set.
    """
    with seqio_tfds.explaining(task):
        return tuple(task.splits)


def feature_vocabularies(task: Any) -> dict[str, Vocabulary]:
    """Vocabulary of each output feature of a seqio Task that models read.

    Inputs that are no sequence of token ids are left out, as a language model reads none.

    Raises:
      ValueError: if there are no targets, or they are not a sequence of token ids.
    """
    if "targets" not in task.output_features:
        raise ValueError(
            f"Task {task.name!r} has no output feature 'targets', only "
            f"{', '.join(task.output_features) or 'none'}; t5lite reads 'inputs' and 'targets'. "
            "Give seqio.preprocessors.rekey to its preprocessors, and these names to its features."
        )
    check_tokens(task, "targets")
    return {
        name: from_seqio(task.output_features[name].vocabulary)
        for name in TOKEN_FEATURES
        if name in task.output_features and _holds_tokens(task.output_features[name])
    }


def check_tokens(task: Any, name: str) -> None:
    """Raises ValueError where an output feature of a Task is not a sequence of token ids."""
    feature = task.output_features.get(name)
    if feature is not None and not _holds_tokens(feature):
        raise ValueError(
            f"Task {task.name!r}: output feature {name!r} has rank {feature.rank} and type "
            f"{feature.dtype.name}; models read integers of rank 1."
            + (" Leave it out of TASK_FEATURE_LENGTHS." if name == "inputs" else "")
        )


def _holds_tokens(feature: Any) -> bool:
    return feature.rank == 1 and feature.dtype.is_integer


def example_features(task: Any, spec: Mapping[str, Any]) -> dict[str, Vocabulary]:
    """Vocabulary of each feature of a Task's examples that models read.

    Those are its output features, and token ids that its preprocessors call `inputs` where it has
    no such feature: seqio's feature converters take them too. They have the targets' vocabulary.

    Args:
      task: a seqio Task.
      spec: `element_spec` of its preprocessed examples.

    Raises:
      ValueError: as `feature_vocabularies`.
    """
    features = feature_vocabularies(task)
    made = spec.get("inputs")
    if "inputs" in task.output_features or made is None:
        return features
    if not hasattr(made, "dtype") or not made.dtype.is_integer or made.shape.rank != 1:
        return features
    return {"inputs": features["targets"], **features}


def _describe_for_fingerprint(value: Any) -> Any:
    """What matters of seqio's and TensorFlow's objects, and of the settings."""
    if value is environment.data_dir:
        return ("data_dir", os.environ.get(environment.DATA_DIR_VARIABLE, ""))
    if value is environment.vocabulary_name:
        return ("vocabulary_name", environment.vocabulary_name())
    if hasattr(value, "_split_to_filepattern"):
        # A seqio.FileDataSource: of the files of a pattern, each one's state matters.
        return [type(value), vars(value), [value.list_shards(split) for split in value.splits]]
    module = type(value).__module__
    if hasattr(value, "encode_tf") and not isinstance(value, type):
        ours = from_seqio(value)
        if isinstance(ours, ClassVocabulary):
            return [type(value), ours.spec(), _plain_settings(value)]
        value = ours
    if isinstance(value, Vocabulary):
        # Not the path: the same model file elsewhere is the same vocabulary.
        return {k: v for k, v in value.spec().items() if k != "path"}
    if module.startswith("tensorflow"):
        if hasattr(value, "numpy"):
            return value.numpy()
        if hasattr(value, "as_numpy_dtype"):
            return value.name
    return NOT_MINE


def _plain_settings(value: Any) -> dict[str, Any]:
    """What an object keeps of plain data, beside tables and the like that have no lasting form."""
    return {k: v for k, v in vars(value).items() if isinstance(v, _PLAIN)}


def _where_written(task: Any) -> str:
    """Place of the first function of a Task whose code is not seqio's own."""
    functions = [*task.preprocessors, getattr(task.source, "_dataset_fn", None)]
    for function in functions:
        function = _without_arguments(function)
        code = getattr(inspect.unwrap(function) if function else None, "__code__", None)
        if code is not None and "/seqio/" not in code.co_filename:
            return f"{code.co_filename}:{code.co_firstlineno}"
    return UNKNOWN_PROVENANCE


def function_name(function: Callable[..., Any]) -> str:
    """Name of a function, also of one that has arguments bound to it."""
    function = _without_arguments(function)
    return getattr(function, "__name__", type(function).__name__)


def _without_arguments(function: Any) -> Any:
    """The function that arguments were bound to, if any were."""
    while isinstance(function, functools.partial):
        function = function.func
    return function
