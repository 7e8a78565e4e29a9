"""Texts are tokenised without TensorFlow, and come out as seqio's own preprocessors give them."""

import numpy as np
import pytest

from t5lite.data.tasks import seqio_adapter
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
def task(request, monkeypatch):
    import seqio

    name = "bytes" if request.param == "bytes" else str(shared_path("data/vocab/t5_spiece.model"))
    monkeypatch.setenv("T5LITE_VOCABULARY", name)
    yield add_python_task("texts_of_python", read, splits=("train",), metrics=())
    seqio.TaskRegistry.remove("texts_of_python")


def tokens(task_name, monkeypatch, *, plain_text):
    if not plain_text:
        monkeypatch.setattr(seqio_adapter, "_is_plain_text", lambda task: False)
    return list(seqio_adapter.iterate_examples(task_name, "train", task_feature_lengths=None))


def test_tokens_are_those_of_seqio(task, monkeypatch):
    assert seqio_adapter._is_plain_text(task)
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
    assert not seqio_adapter._is_plain_text(task.replace(preprocessors=steps))


def test_a_split_that_is_not_there_is_named(task):
    with pytest.raises(ValueError, match="has no split 'test'; it has train"):
        list(seqio_adapter.iterate_examples(task.name, "test", task_feature_lengths=None))
