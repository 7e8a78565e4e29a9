"""A task module for the tests of splits by levels; `--tasks tests.data.level_tasks`.

Tasks of stock seqio, whose raw examples have ids, have none, or are no prompts yet.
"""

import functools

import seqio
import tensorflow as tf

from t5lite.data.tasks import seqio_adapter
from t5lite.data.transforms.span_corruption import SpanCorruption
from tasks.transformed import add_transformed_task

NUM_EXAMPLES = 60
KINDS = ("plain", "ids", "fields")


def rows(kind, split, shift):
    start = 0 if split == "train" else 1000
    for number in range(start, start + NUM_EXAMPLES):
        first, second = shift + number - number % 3, 5 + number % 3
        if kind == "plain":  # no id; a text is an instance
            yield {"inputs": f"add {first} {second}", "targets": str(first + second)}
        elif kind == "ids":  # every third text comes under two ids
            repeated = first if number % 9 == 0 else first + 1000 * number
            yield {"id": f"id-{number}", "inputs": f"add {repeated}", "targets": str(number)}
        else:  # what a preprocessor makes a prompt of
            yield {"question": f"what is {first}+{second}", "answer": first + second}


def dataset(split, shuffle_files, seed=None, *, kind, shift):
    del shuffle_files, seed
    listed = list(rows(kind, split, shift))
    columns = {name: [row[name] for row in listed] for name in listed[0]}
    return tf.data.Dataset.from_tensor_slices(columns)


def worded(examples):
    return examples.map(
        lambda row: {"inputs": row["question"], "targets": tf.strings.as_string(row["answer"])}
    )


def add(name, *, kind, shift, splits):
    seqio.TaskRegistry.add(
        name,
        source=seqio.FunctionDataSource(
            functools.partial(dataset, kind=kind, shift=shift), splits=splits
        ),
        preprocessors=[
            *([worded] if kind == "fields" else []),
            seqio.preprocessors.tokenize,
            seqio.preprocessors.append_eos,
        ],
        output_features=seqio_adapter.output_features(),
        metric_fns=[],
    )


for place, kind in enumerate(KINDS):
    for number, splits in enumerate((["train"], ["train", "validation"], ["test"])):
        add(f"lv_{kind}_{number}", kind=kind, shift=10_000 * (3 * place + number), splits=splits)
add_transformed_task("lv_noised", of="lv_plain_1", transform=SpanCorruption())
seqio.MixtureRegistry.add("lv_inner", [("lv_plain_0", 1.0), ("lv_plain_1", 3.0)])
RATES = {
    **{"lv_inner": 2.0, "lv_ids_0": 1.0, "lv_ids_1": 5.0, "lv_fields_0": 0.5, "lv_fields_1": 1.5},
    **{"lv_noised": 1.0, "lv_plain_2": 1.0, "lv_fields_2": 1.0},
}
seqio.MixtureRegistry.add("lv_all", list(RATES.items()))
