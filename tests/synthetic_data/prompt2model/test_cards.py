"""Cards of data sets and models, whole and broken."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t5lite.synthetic_data.prompt2model.cards import parse_card, read_card

CARD = """---
pretty_name: Reviews
tags: [sentiment, 2024]
license: mit
---
# Reviews

<!-- a comment -->
Opinions of [buyers](https://nowhere.test/page) on goods. [More Information Needed]
"""


def test_front_matter_and_text_are_told_apart():
    card = parse_card(CARD)
    assert card.problem == ""
    assert card.listed("license", "tags", "absent") == ["mit", "sentiment", "2024"]
    assert card.searched("pretty_name") == "Reviews\n# Reviews Opinions of buyers on goods."


def test_a_text_without_front_matter_is_a_card():
    card = parse_card("# Reviews\n---\nnot: front matter\n---\n")
    assert (card.facts, card.problem) == ({}, "")


@pytest.mark.parametrize(
    ("front", "problem"),
    [
        ("tags: [a", "line 3 is no YAML"),
        ("a: 1\n\tb: 2", "line 3 is no YAML"),
        ("!!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("- a\n- b", "is a list, not a mapping"),
        ("a: 2024-13-45", "is no YAML"),
        ("[" * 5000, "is no YAML"),
    ],
)
def test_broken_front_matter_is_told_and_the_text_kept(front, problem):
    card = parse_card(f"---\n{front}\n---\nThe text\n")
    assert card.facts == {}
    assert problem in card.problem
    assert card.searched("tags").strip() == "The text"


def test_front_matter_without_an_end_is_told():
    assert "has no end" in parse_card("---\na: 1\n# Text").problem


def test_of_a_huge_card_a_part_is_read(tmp_path):
    file = tmp_path / "README.md"
    file.write_bytes(b"---\nlicense: mit\n---\n" + "日本語 ".encode() * 1_000_000)
    card = read_card(file)
    assert card.listed("license") == ["mit"]
    assert len(card.searched()) == 20_000


def test_bytes_that_are_no_text_are_replaced(tmp_path):
    file = tmp_path / "README.md"
    file.write_bytes(b"---\r\nlicense: mit\r\n---\r\ncaf\xe9")
    card = read_card(file)
    assert card.listed("license") == ["mit"]
    assert card.text == "caf\ufffd"


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=60) | st.text(max_size=60).map(lambda text: f"---\n{text}\n---\n{text}"))
def test_whatever_a_card_holds_it_can_be_searched(text):
    card = parse_card(text)
    assert isinstance(card.searched("tags", "license"), str)
