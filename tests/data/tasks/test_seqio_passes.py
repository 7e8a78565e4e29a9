"""What draws random numbers is recognised, and what does not is left alone."""

import random

import numpy as np
import pytest

from t5lite.data.tasks import seqio_adapter
from t5lite.data.tasks.seqio_passes import python_seeds

seqio = pytest.importorskip("seqio")
tf = pytest.importorskip("tensorflow")


def numbers(split, shuffle_files):
    texts = tf.data.Dataset.range(40).map(tf.strings.as_string)
    return texts.map(lambda text: {"inputs": text, "targets": text})


def generated(make_random):
    def dataset_fn(split, shuffle_files):
        def examples():
            numbers = make_random()
            for index in range(40):
                yield {"inputs": str(index), "targets": str(numbers.random())}

        spec = tf.TensorSpec((), tf.string)
        return tf.data.Dataset.from_generator(
            examples, output_signature={"inputs": spec, "targets": spec}
        )

    return dataset_fn


def with_seed(split, shuffle_files, seed=None):
    return numbers(split, shuffle_files).shuffle(9, seed) if shuffle_files else numbers(split, 0)


@seqio.map_over_dataset(num_seeds=2)
def draw(example, seeds):
    drawn = tf.random.stateless_uniform([], seeds[1], maxval=10**9, dtype=tf.int32)
    return {**example, "targets": tf.strings.as_string(drawn)}


@seqio.map_over_dataset
def draw_rarely(example):
    is_rare = tf.random.uniform([]) < 1e-6
    return {**example, "targets": tf.where(is_rare, "rare", example["targets"])}


@seqio.map_over_dataset
def draw_by_content(example):
    seed = tf.strings.to_hash_bucket_fast([example["inputs"]] * 2, 1000)
    drawn = tf.random.stateless_uniform([], seed, maxval=10**9, dtype=tf.int32)
    return {**example, "targets": tf.strings.as_string(drawn)}


def draw_in_python(dataset):
    def replace(text):
        return str(np.random.randint(10**9))

    return dataset.map(
        lambda example: {
            **example,
            "targets": tf.ensure_shape(
                tf.py_function(replace, [example["targets"]], tf.string), []
            ),
        }
    )


FORMS = {
    "plain": (numbers, (), ()),
    "takes a seed": (with_seed, (), ()),
    "by content": (numbers, (draw_by_content,), ()),
    "seeded generator": (generated(lambda: random.Random(0)), (), ()),
    "num_seeds": (numbers, (draw,), ("preprocessors",)),
    "rare": (numbers, (draw_rarely,), ("preprocessors",)),
    "python": (numbers, (draw_in_python,), ("preprocessors",)),
    "shuffling": (numbers, (lambda dataset: dataset.shuffle(10),), ("preprocessors",)),
    "shuffled": (lambda split, shuffle_files: numbers(split, 0).shuffle(10), (), ("source",)),
    "generator": (generated(lambda: random), (), ("source",)),
    "both": (
        lambda split, shuffle_files: numbers(split, 0).shuffle(10, seed=3),
        (draw,),
        ("preprocessors", "source"),
    ),
}


@pytest.fixture(params=FORMS)
def form(request, own_tasks):
    dataset_fn, preprocessors, varying = FORMS[request.param]
    name = "passes_task"
    seqio.TaskRegistry.add(
        name,
        source=seqio.FunctionDataSource(dataset_fn, splits=["train"]),
        preprocessors=[*preprocessors, seqio.preprocessors.tokenize],
        output_features=seqio_adapter.output_features(),
    )
    return name, varying


def targets(name, pass_index):
    with python_seeds(pass_index):
        return [
            example["targets"].tobytes()
            for example, _ in seqio_adapter.iterate_labelled(
                name, "train", task_feature_lengths=None, pass_index=pass_index
            )
        ]


def test_varying_parts_are_found_and_further_passes_are_repeatable(form):
    name, varying = form
    found = seqio_adapter.varying_parts(name, "train", task_feature_lengths=None)
    assert found == varying
    second, third = targets(name, 1), targets(name, 2)
    assert second == targets(name, 1)
    if varying and draw_rarely not in seqio.TaskRegistry.get(name).preprocessors:
        assert second != third
    else:
        assert second == third == targets(name, 0)


def test_sources_within_sources(own_tasks):
    seqio.TaskRegistry.add(
        "passes_task",
        source=seqio.experimental.FewshotDataSource(
            seqio.FunctionDataSource(with_seed, splits=["train", "validation"]), num_shots=2
        ),
        preprocessors=[seqio.experimental.fewshot_preprocessor, seqio.preprocessors.tokenize],
        output_features=seqio_adapter.output_features(),
    )
    assert seqio_adapter.varying_parts("passes_task", "validation", task_feature_lengths=None)
    assert targets("passes_task", 0) and targets("passes_task", 1)
