"""A task module for the tests of the contamination check.

Its Tasks read `CONTAMINATION_TEXTS`, a JSON file `{task: [[inputs, targets], ...]}`: those called
`plain_*` give texts themselves, the others go through tf.data.
"""

import functools
import json
import os
import pathlib

import seqio
import tensorflow as tf

from t5lite.data.tasks import seqio_adapter
from tasks.python_tasks import Example, add_python_task


def read(split, *, name):
    del split
    rows = json.loads(pathlib.Path(os.environ["CONTAMINATION_TEXTS"]).read_text())[name]
    return [
        Example(str(i), inputs, targets, (targets,)) for i, (inputs, targets) in enumerate(rows)
    ]


def dataset(split, shuffle_files, *, name):
    del shuffle_files
    rows = [(e.inputs, e.targets) for e in read(split, name=name)]
    fields = {"inputs": tf.TensorSpec((), tf.string), "targets": tf.TensorSpec((), tf.string)}
    return tf.data.Dataset.from_generator(
        lambda: ({"inputs": i, "targets": t} for i, t in rows), output_signature=fields
    )


NAMES = json.loads(pathlib.Path(os.environ["CONTAMINATION_TEXTS"]).read_text())
for name in NAMES:
    if name.startswith("plain_"):
        add_python_task(name, functools.partial(read, name=name), splits=["train"], metrics=[])
    else:
        keeps_text = not name.startswith("ids_")
        seqio.TaskRegistry.add(
            name,
            source=seqio.FunctionDataSource(
                functools.partial(dataset, name=name), splits=["train", "test"]
            ),
            preprocessors=[
                functools.partial(seqio.preprocessors.tokenize, copy_pretokenized=keeps_text),
                seqio.preprocessors.append_eos,
            ],
            output_features=seqio_adapter.output_features(),
        )
seqio.MixtureRegistry.add("contaminated", [(name, 1.0) for name in NAMES])
