"""Pairs of tasks that share instances are found; those that share an instruction are not."""

import functools

import pytest

from t5lite.data.contamination.leaks import find_leaks
from t5lite.data.contamination.ngrams import words
from tasks.python_tasks import Example, add_python_task
from tests.conftest import forgetting_own_tasks

INSTRUCTION = "Read the passage with great care and then answer the question that comes after it"
SIZES = {"leaks_a": 40, "leaks_b": 25, "leaks_c": 10}


def passage(task, number):
    return " ".join(f"{task}{number}word{place}" for place in range(20))


def read(split, *, task):
    size = SIZES[task]
    texts = [passage(f"{task}{split}", number) for number in range(size)]
    if (task, split) == ("leaks_b", "train"):
        texts[3] = f"{passage('leaks_cvalidation', 0)}. And {passage('leaks_cvalidation', 4)}"
        texts[4] = passage("leaks_cvalidation", 4).upper()
    return [
        Example(str(i), f"{INSTRUCTION}: {text}", "yes", ("yes",)) for i, text in enumerate(texts)
    ]


@pytest.fixture(scope="module")
def tasks():
    with forgetting_own_tasks():
        for name in SIZES:
            add_python_task(
                name, functools.partial(read, task=name), splits=("train", "validation"), metrics=()
            )
        yield list(SIZES)


def test_what_is_planted_is_found_from_both_sides_and_instructions_are_not(tasks):
    (leak,) = find_leaks(tasks, tasks)
    assert (leak.trained, leak.evaluated) == ("leaks_b", "leaks_c")
    assert (leak.num_found, leak.num_evaluated, leak.share) == (2, 10, 0.2)
    assert (leak.num_overlapping, leak.num_trained, leak.share_of_training) == (2, 25, 2 / 25)
    assert leak.ngram == " ".join(words(passage("leaks_cvalidation", 4))[:13]), (
        "that of the most training examples"
    )


def test_a_longer_ngram_than_the_passages_finds_nothing(tasks):
    assert find_leaks(tasks, tasks, n=60) == []
