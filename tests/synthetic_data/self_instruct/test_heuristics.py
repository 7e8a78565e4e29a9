"""The rules that drop instructions by their words."""

import pytest

from t5lite.synthetic_data.self_instruct.heuristics import InstructionHeuristics


@pytest.mark.parametrize(
    ("instruction", "dropped_by"),
    [
        ("Write a short poem.", None),
        ("Write a poem.", "min_words"),
        ("", "min_words"),
        ("word " * 150, None),
        ("word " * 151, "max_words"),
        ("Describe what this Image shows.", "unwanted_words"),
        ("Please GO TO the website first.", "unwanted_words"),
        ("Explain what a filename is.", None),  # holds "file" within a word
        ("Name the imaginary friends here.", None),
        ("Write a program that sorts.", "unwanted_beginnings"),
        ("Explain how to Write a program.", None),
        ("- Write a short poem.", "leading_punctuation"),
        ("écris un poème bien court.", "non_ascii_beginning"),
    ],
)
def test_defaults_are_the_papers(instruction, dropped_by):
    verdicts = InstructionHeuristics().verdicts(instruction)
    assert [v.filter for v in verdicts if not v.kept] == ([dropped_by] if dropped_by else [])
    assert len(verdicts) == 6 or not verdicts[-1].kept


def test_other_languages():
    rules = InstructionHeuristics(
        unwanted_words=("Bild",),
        unwanted_beginnings=(),
        allow_leading_punctuation=True,
        allow_non_ascii_beginning=True,
    )
    assert all(v.kept for v in rules.verdicts("¿Qué es un perro grande?"))
    assert rules.verdicts("Beschreibe das BILD hier genau.")[-1].why == "'Bild'"
    # Eleven words, none of them between blanks.
    assert all(v.kept for v in rules.verdicts("海についての詩を書いて", alphabet="unicode"))
    assert rules.verdicts("海についての詩を書いて")[-1].filter == "min_words"


def test_rules_that_drop_everything_are_refused():
    with pytest.raises(ValueError, match="min_words is 9, more than max_words, 8"):
        InstructionHeuristics(min_words=9, max_words=8)
    with pytest.raises(
        ValueError, match=r"unwanted_words must be a list of a text each, got 'map'"
    ):
        InstructionHeuristics(unwanted_words="map")
