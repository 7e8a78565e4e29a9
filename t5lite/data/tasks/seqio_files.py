"""Which files tf.data reads: its readers are C++, where Python's own record sees nothing."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

_LONGEST_PATH = 4096
_IGNORE_STATE = 1  # of tf.data's ExternalStatePolicy: we look, we do not run it


def dataset_files(dataset: Any) -> Iterator[str]:
    """Files and folders that the graph of a `tf.data.Dataset` names in its constants.

    A path that the graph makes of parts is not among them, nor is what its Python functions read.
    """
    import tensorflow as tf

    with contextlib.suppress(tf.errors.OpError):  # a graph of over 2 GB, held in memory
        serialised = tf.raw_ops.DatasetToGraphV2(
            input_dataset=dataset._variant_tensor,
            external_state_policy=_IGNORE_STATE,
            strip_device_assignment=True,
        )
        graph = tf.compat.v1.GraphDef.FromString(serialised.numpy())
        nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
        for node in nodes:
            if node.op == "Const" and node.attr["dtype"].type == tf.string.as_datatype_enum:
                tensor = node.attr["value"].tensor.SerializeToString()
                texts = np.asarray(tf.io.parse_tensor(tensor, tf.string).numpy(), object)
                for text in set(texts.reshape(-1).tolist()):
                    if 0 < len(text) <= _LONGEST_PATH and b"\0" not in text:
                        path = os.fsdecode(text)
                        if os.path.exists(path):
                            yield path
