"""Records and the schemas that check them."""

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.flan.records import Schema
from tasks.flan.schemas import SCHEMAS

QUIZ = Schema("quiz", ("hint", "question"), "a quiz", options="shuffled")
PLAIN = Schema("plain", ("text",), "a text")
TEXTS = {"hint": "It is round.", "question": "Which?"}


def _quiz(**changes):
    settings = {"answer": "a ball", "options": ("a box", "a ball"), **changes}
    return QUIZ.record("1", settings.pop("fields", TEXTS), **settings)


def test_texts_are_stripped():
    record = PLAIN.record("1", {"text": "\n a b \n"}, answer=" c\n", references=(" d ", "c"))
    assert (record.fields, record.answer) == ({"text": "a b"}, "c")
    assert record.references == ("c", "d")


def test_the_answer_is_found_among_the_options():
    assert _quiz().answer_index == 1
    assert PLAIN.record("1", {"text": "x"}, answer="y").answer_index == -1


def test_of_equal_options_the_index_tells_which_is_right():
    assert _quiz(options=("a ball", "a box", "a ball"), answer_index=2).answer_index == 2


def test_options_may_be_optional():
    schema = Schema("maybe", ("text",), "x", options="shuffled", options_optional=True)
    assert schema.record("1", {"text": "x"}, answer="y").options == ()
    assert schema.record("1", {"text": "x"}, answer="y", options=("y", "z")).answer_index == 0


def test_records_can_be_sent_to_other_processes():
    record = _quiz()
    assert pickle.loads(pickle.dumps(record)) == record


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fields": {"question": "Which?"}}, "field 'hint' is missing"),
        ({"fields": {**TEXTS, "qestion": "?"}}, "unknown field 'qestion'. Did you mean 'question'"),
        ({"fields": {**TEXTS, "hint": " "}}, "'hint' is empty"),
        ({"answer": ""}, "'answer' is empty"),
        ({"answer": "a cone"}, "'a cone' is not among the 2 options"),
        ({"answer_index": 0}, "'a ball' is not option 0, 'a box'"),
        ({"answer_index": 7}, "answer 7 is not among the 2 options"),
        ({"options": ()}, "no options"),
        ({"options": ("a ball",)}, "at least two are needed"),
        ({"options": ("a ball", " ")}, "none empty"),
        ({"rationale": "since"}, "'rationale' is given"),
    ],
)
def test_faults_are_named(changes, message):
    with pytest.raises(ValueError) as error:
        _quiz(where="quiz.jsonl, line 3", **changes)
    assert "quiz.jsonl, line 3 (schema 'quiz')" in str(error.value)
    assert message in str(error.value)


def test_a_schema_without_options_takes_none():
    with pytest.raises(ValueError, match=r"record '1'.*has options"):
        PLAIN.record("1", {"text": "x"}, answer="y", options=("y", "z"))


def test_a_rationale_is_needed_where_the_schema_has_one():
    with pytest.raises(ValueError, match="'rationale' is missing"):
        SCHEMAS["cot"].record("1", {"question": "x"}, answer="y")


def test_letters_must_suffice_for_lettered_options():
    options = [str(number) for number in range(27)]
    texts = {"question": "Which?"}
    schema = SCHEMAS["cot_options"]
    schema.record("1", texts, answer="3", options=options[:26], rationale="x")
    with pytest.raises(ValueError, match="27 options, and there are 26 letters"):
        schema.record("1", texts, answer="3", options=options, rationale="x")


def test_field_order_does_not_matter():
    record = _quiz(fields=dict(reversed(TEXTS.items())))
    assert record.fields == TEXTS


def test_slots_name_what_templates_may_use():
    assert QUIZ.slots == ("hint", "question", "answer", "options")
    assert SCHEMAS["cot"].slots == ("question", "answer", "rationale")


def test_field_names_leave_the_other_slots_free():
    for schema in SCHEMAS.values():
        assert not {"answer", "options", "rationale"} & set(schema.fields), schema.name
        assert len(set(schema.fields)) == len(schema.fields), schema.name


@settings(deadline=None, derandomize=True, database=None)
@given(st.text(), st.text())
def test_no_empty_text_gets_through(text, answer):
    if text.strip() and answer.strip():
        record = PLAIN.record("1", {"text": text}, answer=answer)
        assert record.fields["text"] == text.strip()
    else:
        with pytest.raises(ValueError, match="is empty"):
            PLAIN.record("1", {"text": text}, answer=answer)
