"""Prompts as prompt_spec.json keeps them."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t5lite.synthetic_data.prompt2model.prompt_spec import Demonstration, PromptSpec

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@settings(deadline=None, max_examples=50)
@given(
    instruction=TEXTS.filter(str.strip),
    demonstrations=st.lists(st.builds(Demonstration, TEXTS, TEXTS), max_size=3),
    language=st.none() | TEXTS,
    original=TEXTS,
)
def test_any_prompt_is_read_as_it_was_written(tmp_path_factory, demonstrations, **fields):
    spec = PromptSpec(demonstrations=tuple(demonstrations), **fields)
    file = tmp_path_factory.getbasetemp() / "prompt_spec.json"
    spec.write(file)
    assert PromptSpec.read(file) == spec


def test_what_is_written_by_hand_may_leave_out_all_but_the_instruction(tmp_path):
    file = tmp_path / "prompt_spec.json"
    file.write_text('{"instruction": "Say hello.", "demonstrations": [{"output": "Hello!"}]}')
    assert PromptSpec.read(file) == PromptSpec(
        instruction="Say hello.", demonstrations=(Demonstration("", "Hello!"),)
    )


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ([], "expected a JSON object"),
        ({}, "'instruction' is missing or empty"),
        ({"instruction": " "}, "'instruction' is missing or empty"),
        ({"instruction": 3}, "instruction must be a text, got 3"),
        ({"instruction": "a", "examples": []}, "unknown field 'examples'"),
        ({"instruction": "a", "demonstrations": ["b"]}, "demonstrations must be a list"),
        ({"instruction": "a", "demonstrations": [{"input": "b"}]}, r"\[0\]: field 'output'"),
        (
            {"instruction": "a", "demonstrations": [{"input": 1, "output": "b"}]},
            r"demonstrations\[0\]: input must be a text, got 1",
        ),
    ],
)
def test_another_shape_is_refused_with_the_file_and_the_field(tmp_path, record, message):
    file = tmp_path / "prompt_spec.json"
    file.write_text(json.dumps(record))
    with pytest.raises(ValueError, match=message) as error:
        PromptSpec.read(file)
    assert str(file) in str(error.value)


def test_a_prompt_without_an_instruction_is_refused():
    with pytest.raises(ValueError, match="no instruction"):
        PromptSpec(instruction="\n")
