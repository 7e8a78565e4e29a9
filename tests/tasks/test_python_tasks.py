"""Texts are tokenised without TensorFlow, and come out as seqio's own preprocessors give them."""

import numpy as np
import pytest

from t5lite.data.tasks import seqio_adapter, seqio_examples
from t5lite.data.tasks.prompt_parts import Exemplar, PromptParts, options_of
from tasks.python_tasks import Example, add_python_task
from tests.conftest import shared_path

TEXTS = [
    "",
    "plain words",
    "  spaces   within ",
    "naïve café — 東京 🙂",
    "line\nbreak\tand tab",
    "a" * 300,
]


def read(split):
    del split
    return [
        Example(str(i), inputs=text, targets=text[::-1], references=(text[::-1],))
        for i, text in enumerate(TEXTS)
    ]


@pytest.fixture(params=["bytes", "sentencepiece"])
def task(own_tasks, request, monkeypatch):
    name = "bytes" if request.param == "bytes" else str(shared_path("data/vocab/t5_spiece.model"))
    monkeypatch.setenv("T5LITE_VOCABULARY", name)
    return add_python_task("texts_of_python", read, splits=("train",), metrics=())


def tokens(task_name, monkeypatch, *, plain_text):
    if not plain_text:
        monkeypatch.setattr(seqio_examples, "is_plain_text", lambda task: False)
    return list(seqio_adapter.iterate_examples(task_name, "train", task_feature_lengths=None))


def test_tokens_are_those_of_seqio(task, monkeypatch):
    assert seqio_examples.is_plain_text(task)
    found = tokens(task.name, monkeypatch, plain_text=True)
    expected = tokens(task.name, monkeypatch, plain_text=False)
    assert len(found) == len(expected) == len(TEXTS)
    for ours, theirs in zip(found, expected, strict=True):
        assert list(ours) == list(theirs)
        for feature in ours:
            assert ours[feature].dtype == theirs[feature].dtype == np.int32
            np.testing.assert_array_equal(ours[feature], theirs[feature])


def test_another_preprocessor_goes_through_seqio(task):
    import seqio

    steps = [*task.preprocessors, seqio.preprocessors.append_eos_after_trim]
    assert not seqio_examples.is_plain_text(task.replace(preprocessors=steps))


def test_a_split_that_is_not_there_is_named(task):
    with pytest.raises(ValueError, match="has no split 'test'; it has train"):
        list(seqio_adapter.iterate_examples(task.name, "test", task_feature_lengths=None))


PARTS = PromptParts(description="D\n\n", exemplars=(Exemplar("q1", "a1"),), question="q2")


@pytest.fixture
def add(own_tasks, monkeypatch):
    monkeypatch.setenv("T5LITE_VOCABULARY", "bytes")
    return lambda examples: add_python_task(
        "parts_of_python", lambda split: examples, splits=("test",), metrics=()
    )


def test_parts_and_options_are_fields_of_seqio_examples_and_of_texts(add):
    examples = [
        Example.asked(PARTS, id="0", targets="a2", options=("a1", "é")),
        Example.asked(PARTS, id="1", targets="a3", references=("a3", "a4")),
    ]
    task = add(examples)
    (eval_task,) = seqio_adapter.load_eval_tasks(task.name, split="test", task_feature_lengths={})
    found = [example.raw for example in eval_task.examples]
    for raw, texts, example in zip(found, task.source.texts("test"), examples, strict=True):
        for fields in (raw, texts):
            assert PromptParts.of(fields) == PARTS
            assert options_of(fields) == example.options
        assert raw["inputs_pretokenized"] == b"D\n\nq1 a1\n\nq2"
        assert texts["inputs"] == "D\n\nq1 a1\n\nq2"
    assert eval_task.targets == ["a2", ["a3", "a4"]]


def test_parts_of_some_examples_only_are_refused(add):
    task = add([Example.asked(PARTS, id="0", targets="a"), Example("1", "b", "c", ("c",))])
    with pytest.raises(ValueError, match="must all have `parts`, or none"):
        task.get_dataset(split="test", sequence_length=None)


def test_a_task_without_examples_has_the_usual_fields(add):
    assert list(add([]).get_dataset(split="test", sequence_length=None)) == []


@pytest.mark.parametrize("name", ["bytes", "sentencepiece"])
def test_evaluation_examples_are_those_of_seqio(add, name, monkeypatch):
    if name == "sentencepiece":
        monkeypatch.setenv("T5LITE_VOCABULARY", str(shared_path("data/vocab/t5_spiece.model")))
    task = add(
        [
            Example.asked(PARTS, id=text, targets=text, options=("", text) * (len(text) % 2))
            for text in TEXTS
        ]
    )

    def load():
        (found,) = seqio_adapter.load_eval_tasks(
            task.name, split="test", task_feature_lengths={"inputs": 8}, max_examples=5
        )
        return found

    ours = load()
    monkeypatch.setattr(seqio_examples, "is_plain_text", lambda task: False)
    theirs = load()
    assert len(ours.examples) == len(theirs.examples) == 5
    for our, their in zip(ours.examples, theirs.examples, strict=True):
        np.testing.assert_equal(dict(our.raw), dict(their.raw))
        assert {n: type(v) for n, v in our.raw.items()} == {
            n: type(v) for n, v in their.raw.items()
        }
        assert (our.inputs_text, our.targets_text) == (their.inputs_text, their.targets_text)
    assert ours.targets == theirs.targets
