"""What the graph of a `tf.data.Dataset` holds: operations, and texts among its constants."""

import collections
import contextlib
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

_IGNORE_STATE = 1  # of tf.data's ExternalStatePolicy: we look, we do not run it
_RANDOM = re.compile(
    r"Random(?!Index)|Multinomial|(Parameterized)?TruncatedNormal|SampleDistorted|Shuffle.*Dataset"
    r"|Stateful(Uniform|Standard|Truncated|Random)|Rng"
)
_PYTHON = re.compile(r"(Eager)?PyFunc|GeneratorDataset")


def operations(dataset: Any) -> collections.Counter[str]:
    """How often each operation is in a dataset's graph, by name; none where it has over 2 GB."""
    return collections.Counter(node.op for node in _nodes(dataset))


def random_operations(found: collections.Counter[str]) -> set[str]:
    """Those of the operations that draw random numbers, or shuffle, by a state of their own.

    Stateless ones give what their seeds say, and are none of them.
    """
    return {name for name in found if _RANDOM.match(name)}


def runs_python(found: collections.Counter[str]) -> bool:
    """Whether some operation runs Python, of which a graph says nothing, such as a generator."""
    return any(_PYTHON.match(name) for name in found)


def constant_texts(dataset: Any) -> Iterator[bytes]:
    """The texts among a dataset's constants."""
    import tensorflow as tf

    for node in _nodes(dataset):
        if node.op == "Const" and node.attr["dtype"].type == tf.string.as_datatype_enum:
            tensor = node.attr["value"].tensor.SerializeToString()
            texts = np.asarray(tf.io.parse_tensor(tensor, tf.string).numpy(), object)
            yield from set(texts.reshape(-1).tolist())


def _nodes(dataset: Any) -> list[Any]:
    import tensorflow as tf

    with contextlib.suppress(tf.errors.OpError):  # a graph of over 2 GB, held in memory
        serialised = tf.raw_ops.DatasetToGraphV2(
            input_dataset=dataset._variant_tensor,
            external_state_policy=_IGNORE_STATE,
            strip_device_assignment=True,
        )
        graph = tf.compat.v1.GraphDef.FromString(serialised.numpy())
        return [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    return []
