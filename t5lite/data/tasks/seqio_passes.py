"""Several passes over a Task that draws random numbers, and whether one does.

A token store keeps one pass. What draws random numbers gives others in each: preprocessors that
seqio hands seeds, random operations of TensorFlow, sources that shuffle, generators in Python.
"""

import contextlib
import functools
import random
from collections.abc import Iterator
from typing import Any

import numpy as np

from t5lite.data.tasks import seqio_graphs, seqio_tfds
from t5lite.data.tasks.seqio_library import load_seqio

# TensorFlow's own seed where none is set (`DEFAULT_GRAPH_SEED`): operations that have a seed draw
# with this one what they always draw, and those without draw the same in every build.
_TENSORFLOW_SEED = 87654321
# seqio counts seeds up by two for each that a preprocessor asks for.
_SEEDS_A_PASS = 1 << 20
_COMPARED_EXAMPLES = 256


def preprocessing_seed(pass_index: int) -> int:
    """The seed that preprocessors count up from in a pass."""
    return pass_index * _SEEDS_A_PASS


def source_dataset(task: Any, split: str, *, pass_index: int) -> Any:
    """What a Task's source gives, in its own order.

    `seqio.Task.get_dataset` hands one seed to the source and to the preprocessors, and refuses any
    seed for a source function that takes none. Here sources get one in passes after the first, if
    they take it.
    """
    with seqio_tfds.explaining(task):
        if pass_index:
            with contextlib.suppress(ValueError):  # A function takes none, perhaps further inside.
                seed = preprocessing_seed(pass_index)
                return task.source.get_dataset(split=split, shuffle=False, seed=seed)
        return task.source.get_dataset(split=split, shuffle=False, seed=None)


@contextlib.contextmanager
def tensorflow_seed(pass_index: int) -> Iterator[None]:
    """Seeds the random operations of TensorFlow that are made inside.

    `tf.random.set_seed` would also drop all kernels, and with them the tokenizers that they hold.
    """
    from tensorflow.python.eager.context import context

    state, names = context(), ("_seed", "_rng")
    kept = [getattr(state, name, None) for name in names]
    state._seed = _TENSORFLOW_SEED + pass_index
    state._rng = random.Random(state._seed)
    try:
        yield
    finally:
        for name, value in zip(names, kept, strict=True):
            setattr(state, name, value)


@contextlib.contextmanager
def python_seeds(pass_index: int) -> Iterator[None]:
    """Seeds `random` and `numpy.random` for a pass, and restores them."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    random.seed(preprocessing_seed(pass_index))
    np.random.seed(preprocessing_seed(pass_index))
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)


def varying_parts(task: Any, split: str, *, datasets: Any, rows: Any) -> tuple[str, ...]:
    """Which parts of a Task give other examples in another pass: "source", "preprocessors".

    Operations that draw random numbers show in a dataset's graph. What else may do so, generators
    and functions in Python, shows where the first examples of two passes differ.

    Args:
      task: a `seqio.Task`.
      split: one of its splits.
      datasets: a function of `pass_index` that makes (source, examples), `tf.data.Dataset`s.
      rows: a function of such examples and a number that yields so many, comparable.
    """
    is_repeatable = _is_repeatable(task)
    if is_repeatable and all(map(_is_of_seqio, task.preprocessors)):
        return ()
    source, examples = datasets(pass_index=1)
    in_source = seqio_graphs.operations(source)
    added = seqio_graphs.operations(examples) - in_source
    draws = bool(seqio_graphs.random_operations(added))
    if seqio_graphs.random_operations(in_source):
        return ("preprocessors", "source") if draws else ("source",)
    found = ("preprocessors",) if draws else ()
    if is_repeatable and (draws or not seqio_graphs.runs_python(added)):
        return found
    if _first(rows, examples, 1) == _first(rows, datasets(pass_index=0)[1], 0):
        return found
    if _first_of_source(task, split, 0) != _first_of_source(task, split, 1):
        return (*found, "source")
    return ("preprocessors",)


def _is_repeatable(task: Any) -> bool:
    """Whether the source says so, or is one of seqio's own that read files as they are."""
    seqio = load_seqio()
    kinds = (seqio.TextLineDataSource, seqio.TFExampleDataSource, seqio.TfdsDataSource)
    source = getattr(task.source, "selected_from", task.source)
    says = (source, getattr(source, "_dataset_fn", None))
    return type(source) in kinds or any(getattr(it, "is_repeatable", False) for it in says)


def _is_of_seqio(preprocessor: Any) -> bool:
    """Whether a preprocessor is one of seqio's, none of which draws random numbers."""
    while isinstance(preprocessor, functools.partial):
        preprocessor = preprocessor.func
    return getattr(preprocessor, "__module__", "").startswith("seqio.")


def _first(rows: Any, dataset: Any, pass_index: int) -> tuple[Any, ...]:
    with python_seeds(pass_index):
        return tuple(rows(dataset, _COMPARED_EXAMPLES))


def _first_of_source(task: Any, split: str, pass_index: int) -> tuple[Any, ...]:
    with tensorflow_seed(pass_index):
        dataset = source_dataset(task, split, pass_index=pass_index)
    return _first(_raw_rows, dataset, pass_index)


def _raw_rows(dataset: Any, count: int) -> Iterator[Any]:
    import tensorflow as tf

    for element in dataset.take(count):
        parts = tf.nest.flatten(element, expand_composites=True)
        yield tuple(repr(np.asarray(part).tolist()) for part in parts)
