"""A vocabulary trained on a mixture covers any text, and is the same every time."""

import pytest

from t5lite.data.tasks.vocabulary_training import train_vocabulary
from t5lite.data.vocabularies.load import parse_vocabulary

ARGUMENTS = {"task_modules": ("tests.toy_tasks",), "max_examples_per_task": 60}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    output = tmp_path_factory.mktemp("vocabulary") / "new" / "toy.model"
    train_vocabulary("toy", size=300, output=str(output), **ARGUMENTS)
    return output


def test_any_text_survives(path):
    vocabulary = parse_vocabulary(f"{path}:0")
    for text in ("copy: abc", "two  spaces, {braces}\nand a line", "žluťoučký 馬 🐎", "1996"):
        ids = vocabulary.encode(text)
        assert vocabulary.unk_id not in ids
        assert vocabulary.decode(ids) == text
    assert (vocabulary.pad_id, vocabulary.eos_id, vocabulary.vocab_size) == (0, 1, 300)


def test_shorter_than_bytes_on_its_own_text(path):
    text = "longer: abc or defabcdefa"
    assert len(parse_vocabulary(f"{path}:0").encode(text)) < len(text)


def test_a_word_of_every_prompt_is_one_piece(path):
    assert len(parse_vocabulary(f"{path}:0").encode("copy")) == 1


def test_the_same_examples_give_the_same_file(path, tmp_path):
    again = tmp_path / "again.model"
    train_vocabulary("toy", size=300, output=str(again), **ARGUMENTS)
    assert again.read_bytes() == path.read_bytes()
    assert [p.name for p in tmp_path.iterdir()] == ["again.model"]


@pytest.mark.parametrize(
    ("size", "name", "message"),
    [
        (300, "toy.spm", r"must end in \.model"),
        (259, "toy.model", "too small"),
        (30_000, "toy.model", "give a smaller one"),
    ],
)
def test_mistakes(tmp_path, size, name, message):
    with pytest.raises(ValueError, match=message):
        train_vocabulary("toy", size=size, output=str(tmp_path / name), **ARGUMENTS)
    assert not list(tmp_path.iterdir())
