"""Root verbs and their objects, of sentences whose parse is beyond doubt."""

import pytest

from t5lite.synthetic_data.self_instruct.verbs_and_nouns import (
    VerbAndNoun,
    count_verbs_and_nouns,
)


@pytest.mark.parametrize(
    ("instruction", "pair"),
    [
        ("Write a short poem about the sea.", ("write", "poem")),
        ("List three ways to reduce waste.", ("list", "way")),
        ("Classify the following tweet as positive or negative.", ("classify", "tweet")),
        ("Given a paragraph, generate a question about it.", ("generate", "question")),
        ("Please name the capitals of Europe", ("name", "capital")),
        ("Write me a formal letter.", ("write", "letter")),
        ("Can you explain the theory of relativity?", ("explain", "theory")),
        ("You are a poet. Compose a sonnet.", ("compose", "sonnet")),
        ("Think about it.", None),
        ("Is there anything?", None),
        ("海についての詩", None),
        ("", None),
    ],
)
def test_pairs(instruction, pair):
    found = count_verbs_and_nouns([instruction])
    assert list(found) == ([] if pair is None else [VerbAndNoun(*pair)])


def test_the_most_frequent_comes_first():
    counts = count_verbs_and_nouns(
        ["Sort the list.", "Write a poem.", "Write some poems.", "Hello", "Add the numbers."]
    )
    assert list(counts.items()) == [
        (VerbAndNoun("write", "poem"), 2),
        (VerbAndNoun("add", "number"), 1),
        (VerbAndNoun("sort", "list"), 1),
    ]
