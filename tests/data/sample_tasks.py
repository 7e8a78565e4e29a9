"""A task module for the tests of the way from Task to store; `--tasks tests.data.sample_tasks`.

`SAMPLE_TASKS_KILL`: the process that reads `sample_long` kills itself half-way.
"""

import functools
import os
import signal

import seqio
import tensorflow as tf

from t5lite.data.tasks import seqio_adapter

NUM_SUMS = 6
TEMPLATE = "what is {} and {}?"


def sums(split, count):
    shift = 0 if split == "train" else 1000
    for i in range(count):
        first, second = shift + 3 * i, 7 * i % 11
        yield {"inputs": TEMPLATE.format(first, second), "targets": str(first + second)}


def long_stream(split):
    for i in range(3000):
        if i == 2500 and os.environ.get("SAMPLE_TASKS_KILL"):
            os.kill(os.getpid(), signal.SIGKILL)
        yield {"inputs": f"number {i}", "targets": "x" * (i % 7)}


def as_source(generate, splits=("train", "validation")):
    def dataset_fn(split, shuffle_files):
        fields = {"inputs": tf.TensorSpec((), tf.string), "targets": tf.TensorSpec((), tf.string)}
        return tf.data.Dataset.from_generator(lambda: generate(split), output_signature=fields)

    return seqio.FunctionDataSource(dataset_fn, splits=splits)


def number(text, example=None, is_target=False):
    """A postprocessor that looks at all it gets."""
    del example
    return (int(text) if text.strip().isdecimal() else None, is_target)


def accuracy(targets, predictions):
    right = [t[0] == p[0] for t, p in zip(targets, predictions, strict=True)]
    assert all(t[1] and not p[1] for t, p in zip(targets, predictions, strict=True))
    return {"accuracy": seqio.metrics.Scalar(sum(right) / len(right)), "nested": {"n": len(right)}}


def mean_score(targets, scores):
    return {"mean_score": float(sum(scores) / len(targets))}


def add(name, source, **kwargs):
    seqio.TaskRegistry.add(
        name,
        source=source,
        preprocessors=[seqio.preprocessors.tokenize, seqio.preprocessors.append_eos],
        **{"output_features": seqio_adapter.output_features(), **kwargs},
    )


for index in range(NUM_SUMS):
    add(
        f"sample_sum_{index}",
        as_source(functools.partial(sums, count=20 + 10 * index)),
        postprocess_fn=number,
        metric_fns=[accuracy, mean_score],
    )
add("sample_long", as_source(long_stream, splits=("train",)))
add("sample_empty", as_source(functools.partial(sums, count=0)))
seqio.MixtureRegistry.add(
    "sample_sums", [(f"sample_sum_{index}", 1.0 + index) for index in range(NUM_SUMS)]
)
