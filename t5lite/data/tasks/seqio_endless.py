"""Sources that never end: what tf.data knows to be endless, and what has given too much by far."""

import itertools
from collections.abc import Iterator
from typing import Any, TypeVar

from t5lite.data.mixing.mixture_rates import declared_examples
from t5lite.data.tasks import seqio_graphs

_Example = TypeVar("_Example")

# A preprocessor may make many examples of one input: more than this many a declared one, and more
# than this many in all, is no mistake in a declaration any more.
_MOST_OF_ONE = 100
_MOST_DECLARED = 1_000_000
# Of Python's generators, and of sources that are not to be cached, where nothing is declared.
_MOST_UNDECLARED = 10_000_000


def may_be_endless(task: Any) -> bool:
    """Whether nothing of a `seqio.Task`'s source says that it ends, as files do."""
    source = getattr(task.source, "selected_from", task.source)
    is_of_files = any(hasattr(source, name) for name in ("_split_to_filepattern", "tfds_dataset"))
    return not (
        getattr(source, "caching_permitted", True) and (is_of_files or hasattr(source, "texts"))
    )


def remedy(task_name: str) -> str:
    """What to do about a Task without an end."""
    return (
        f"say how many examples to take: --max_store_examples={task_name}=100000 (gin macro "
        f"MAX_STORE_EXAMPLES = {{{task_name!r}: 100_000}}), or in an evaluation "
        "MAX_EXAMPLES_PER_TASK"
    )


def ending(
    examples: Iterator[_Example], task: Any, split: str, *, source: Any, dataset: Any
) -> Iterator[_Example]:
    """Yields examples, unless they have no end.

    Args:
      examples: what `dataset` gives, or is made of it.
      task: the `seqio.Task`.
      split: the split.
      source: the `tf.data.Dataset` of its source.
      dataset: what the Task's preprocessors make of it.

    Raises:
      ValueError: tf.data knows that there is no end, or there are far more than the Task declares,
        or ten million of a source that might have no end.
    """
    import tensorflow as tf

    where = f"Task {task.name!r}, split {split!r}"
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError(f"{where}: its examples never end; {remedy(task.name)}.")
    declared = declared_examples(task, split)
    most = _most(task, source, declared)
    yield from itertools.islice(examples, most)
    if most is not None and next(examples, None) is not None:
        expected = "its size is not declared" if declared is None else f"it declares {declared:,}"
        raise ValueError(
            f"{where}: over {most:,} examples and no end, and {expected} (num_input_examples). "
            f"If it never ends, {remedy(task.name)}; if it does, give a larger number."
        )


def _most(task: Any, source: Any, declared: int | None) -> int | None:
    import tensorflow as tf

    if declared is not None:
        return max(_MOST_DECLARED, _MOST_OF_ONE * declared)
    size = source.cardinality()
    if size >= 0:
        return None
    is_suspect = (
        size == tf.data.INFINITE_CARDINALITY
        or not getattr(task.source, "caching_permitted", True)
        or seqio_graphs.runs_python(seqio_graphs.operations(source))
    )
    return _MOST_UNDECLARED if is_suspect else None
