"""Tasks without an end are refused by name, with what to do; a limit lets them be read."""

import itertools

import pytest

from t5lite.data.tasks import seqio_adapter, seqio_endless

seqio = pytest.importorskip("seqio")
tf = pytest.importorskip("tensorflow")

SPEC = {"targets": tf.TensorSpec((), tf.string)}


def as_examples(numbers):
    return numbers.map(lambda number: {"targets": tf.strings.as_string(number)})


def repeated(split, shuffle_files):
    return as_examples(tf.data.Dataset.range(3).repeat())


def generated(split, shuffle_files):
    def examples():
        for number in itertools.count():
            yield {"targets": str(number)}

    return tf.data.Dataset.from_generator(examples, output_signature=SPEC)


def finite(split, shuffle_files):
    return generated(split, shuffle_files).take(30)


def of_tensorflow(split, shuffle_files):
    return as_examples(tf.data.Dataset.range(30)).filter(lambda example: True)


@pytest.fixture
def add_task(monkeypatch, own_tasks):
    monkeypatch.setattr(seqio_endless, "_MOST_UNDECLARED", 20)
    monkeypatch.setattr(seqio_endless, "_MOST_DECLARED", 5)
    monkeypatch.setattr(seqio_endless, "_MOST_OF_ONE", 10)

    def add(dataset_fn, **source):
        features = {"targets": seqio.Feature(seqio.ByteVocabulary())}
        seqio.TaskRegistry.add(
            "endless",
            source=seqio.FunctionDataSource(dataset_fn, splits=["train"], **source),
            preprocessors=[seqio.preprocessors.tokenize],
            output_features=features,
        )

    return add


def count(**options):
    examples = seqio_adapter.iterate_examples(
        "endless", "train", task_feature_lengths=None, **options
    )
    return sum(1 for _ in examples)


def test_what_tensorflow_knows_to_be_endless_is_refused_at_once(add_task):
    add_task(repeated, num_input_examples={"train": 10**9})
    with pytest.raises(ValueError, match=r"'endless', split 'train': its examples never end; say"):
        count()
    with pytest.raises(ValueError, match="MAX_EXAMPLES_PER_TASK"):
        seqio_adapter.load_eval_tasks("endless", split="train", task_feature_lengths={})
    with pytest.raises(ValueError, match="never end"):
        next(seqio_adapter.iterate_texts("endless", "train"))
    assert count(max_examples=7) == 7


def test_a_generator_stops_where_nothing_is_declared(add_task):
    add_task(generated)
    with pytest.raises(ValueError, match=r"over 20 examples and no end, and its size is not decl"):
        count()
    assert count(max_examples=70) == 70
    assert seqio_adapter.may_be_endless("endless")


def test_a_generator_stops_far_beyond_what_is_declared(add_task):
    add_task(generated, num_input_examples={"train": 4})
    with pytest.raises(ValueError, match=r"over 40 examples and no end, and it declares 4"):
        count()


def test_what_ends_is_read_whole(add_task):
    add_task(finite, num_input_examples={"train": 3})
    assert count() == 30


def test_unknown_sizes_of_tensorflow_have_no_limit_unless_not_to_be_cached(add_task):
    add_task(of_tensorflow)
    assert count() == 30
    seqio.TaskRegistry.remove("endless")
    add_task(of_tensorflow, caching_permitted=False)
    with pytest.raises(ValueError, match="over 20 examples"):
        count()
