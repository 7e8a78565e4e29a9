"""A prompt's parts make its text, and travel through a Task's examples unchanged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t5lite.data.tasks.prompt_parts import Exemplar, PromptParts, options_of, texts_of

PARTS = PromptParts(
    description="Add.\n\n",
    exemplars=(Exemplar("1+1=", "2"), Exemplar("2+2=", "4")),
    question="3+3=",
)


@pytest.mark.parametrize(
    "num_shots, expected",
    [
        (None, "Add.\n\n1+1= 2\n\n2+2= 4\n\n3+3="),
        (1, "Add.\n\n1+1= 2\n\n3+3="),
        (0, "Add.\n\n3+3="),
    ],
)
def test_the_first_demonstrations_stand_before_the_question(num_shots, expected):
    assert PARTS.text(num_shots) == expected


@pytest.mark.parametrize("num_shots", [3, -1])
def test_demonstrations_that_are_not_there_are_refused(num_shots):
    with pytest.raises(ValueError, match=f"{num_shots} demonstrations are asked for.* has 2"):
        PARTS.text(num_shots)


TEXTS = st.text(max_size=8)
ANY_PARTS = st.builds(
    PromptParts,
    question=TEXTS,
    description=TEXTS,
    exemplars=st.lists(st.builds(Exemplar, TEXTS, TEXTS), max_size=3).map(tuple),
    target_delimiter=TEXTS,
    fewshot_delimiter=TEXTS,
)


@given(ANY_PARTS)
def test_fields_give_the_same_parts_as_texts_and_as_tensorflow_has_them(parts):
    fields = parts.fields()
    as_bytes = {
        name: value.encode()
        if isinstance(value, str)
        else np.array([text.encode() for text in value], object)
        for name, value in fields.items()
    }
    assert PromptParts.of(fields) == PromptParts.of(as_bytes) == parts


def test_delimiters_that_an_example_does_not_give_are_the_usual_ones():
    assert PromptParts.of({"question": b"3+3="}) == PromptParts(question="3+3=")


def test_an_example_without_a_question_has_no_parts_and_may_have_options():
    assert PromptParts.of({"inputs": b"a"}) is None
    assert options_of({"inputs": b"a"}) == ()
    assert options_of({"options": np.array([b"yes", "ja é".encode()], object)}) == ("yes", "ja é")


@pytest.mark.parametrize(
    "value", [b"yes / no", "yes", 5, [1, 2], np.array(b"yes"), np.array([[b"a"]]), {"a": 1}, None]
)
@pytest.mark.parametrize("field", ["options", "references", "exemplar_inputs"])
def test_what_is_no_list_of_texts_is_refused_by_its_name(field, value):
    with pytest.raises(ValueError, match=f"the field '{field}' of an example is .*list of texts"):
        texts_of({field: value}, field)


def test_a_demonstration_without_a_target_is_refused():
    with pytest.raises(ValueError, match="2 exemplar_inputs and 1 exemplar_targets"):
        PromptParts.of({"question": "a", "exemplar_inputs": ["b", "c"], "exemplar_targets": ["d"]})
