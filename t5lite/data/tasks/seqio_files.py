"""Which files tf.data reads: its readers are C++, where Python's own record sees nothing."""

import os
from collections.abc import Iterator
from typing import Any

from t5lite.data.tasks.seqio_graphs import constant_texts

_LONGEST_PATH = 4096


def dataset_files(dataset: Any) -> Iterator[str]:
    """Files and folders that the graph of a `tf.data.Dataset` names in its constants.

    A path that the graph makes of parts is not among them, nor is what its Python functions read.
    """
    for text in constant_texts(dataset):
        if 0 < len(text) <= _LONGEST_PATH and b"\0" not in text:
            path = os.fsdecode(text)
            if os.path.exists(path):
                yield path
