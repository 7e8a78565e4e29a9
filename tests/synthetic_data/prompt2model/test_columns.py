"""Records as columns, and cells as text."""

import datetime

import pytest

from t5lite.synthetic_data.prompt2model.columns import (
    cell_text,
    columns_of,
    default_inputs,
    default_output,
    first_text,
    flat,
    input_text,
)

SQUAD = {
    "id": "56be",
    "title": "Beyoncé",
    "context": "Beyoncé was born in Houston.",
    "question": "Where was she born?",
    "answers": {"text": ["Houston", "in Houston"], "answer_start": [20, 17]},
}


def test_inner_fields_are_columns_and_the_first_of_several_answers_is_taken():
    columns = columns_of([SQUAD])
    names = ["id", "title", "context", "question", "answers.text", "answers.answer_start"]
    assert [column.name for column in columns] == names
    output = default_output(columns)
    assert output == "answers.text"
    assert default_inputs(columns, output=output) == ("title", "context", "question")
    assert first_text(flat(SQUAD)[output]) == "Houston"


@pytest.mark.parametrize(
    ("record", "inputs", "output"),
    [
        ({"sentence": "fine", "label": 1, "idx": 4}, ("sentence",), "label"),
        ({"inputs": "a", "targets": "b", "references": ["b"]}, ("inputs",), "targets"),
        ({"translation": {"en": "a", "fr": "b"}}, ("translation.en",), "translation.fr"),
        ({"Question": "a", "Answer": "b", "source_url": "c"}, ("Question",), "Answer"),
        ({"text": "only"}, ("text",), None),
        ({"n": 1, "m": 2}, (), None),
        ({}, (), None),
    ],
)
def test_columns_are_told_by_their_names(record, inputs, output):
    columns = columns_of([record])
    assert default_output(columns) == output
    assert default_inputs(columns, output=output) == inputs


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("ä", "ä"),
        (3, "3"),
        (2.5, "2.5"),
        (True, "true"),
        (None, None),
        (float("nan"), None),
        ([], None),
        (["a", "b"], "a\nb"),
        ([1, None], "[1, null]"),
        ([{"a": "ä"}], '[{"a": "ä"}]'),
        (datetime.date(2024, 1, 2), '"2024-01-02"'),
    ],
)
def test_cells_of_any_type_are_text(value, text):
    assert cell_text(value) == text


def test_numbers_of_classes_have_names():
    assert first_text(1, names=("bad", "good")) == "good"
    assert first_text(-1, names=("bad", "good")) == "-1"
    assert first_text(True, names=("bad", "good")) == "true"


def test_several_columns_are_named_in_the_input_and_empty_ones_left_out():
    fields = {"question": "Why?", "context": " ", "hint": None, "lang": 1}
    names = {"lang": ("en", "fr")}
    assert input_text(fields, ["question"], names=names) == "Why?"
    text = input_text(fields, ["question", "context", "lang"], names=names)
    assert text == "question: Why?\nlang: fr"
    assert input_text(fields, ["context", "hint", "absent"], names=names) is None


def test_columns_that_only_some_records_have_are_there():
    columns = columns_of([{"a": None}, {"b": "x", "a": 1}])
    found = [(c.name, c.example, c.is_text) for c in columns]
    assert found == [("a", "1", False), ("b", "x", True)]
