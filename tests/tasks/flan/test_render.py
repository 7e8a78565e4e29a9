"""Rendered records: what must hold of every prompt, whatever the key."""

import collections
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.cot_files import final_answer
from tasks.flan import render as rendering
from tasks.flan.options import STARTS
from tasks.flan.patterns import PATTERNS
from tasks.flan.render import compose, render
from tests.tasks.flan.flan_records import make_record, make_records

_WITH_OPTIONS = [name for name, p in PATTERNS.items() if p.schema.options != "none"]
_INVERTIBLE = [p for p in PATTERNS.values() if p.inversions]
_KEYS = st.integers(0, 2**32)
# The same requests in every run.
_MANY = settings(deadline=None, max_examples=120, derandomize=True, database=None)
ALL = pytest.mark.parametrize("pattern", PATTERNS.values(), ids=list(PATTERNS))


@st.composite
def _requests(draw, names=tuple(PATTERNS)):
    """A pattern and settings for `render`, in any combination that makes sense."""
    pattern = PATTERNS[draw(st.sampled_from(names))]
    most = 26 if pattern.schema.options == "lettered" else 40
    first = make_record(
        pattern.schema, 0, num_options=draw(st.integers(3, most)), right=draw(st.integers(0, 2))
    )
    return {
        "pattern": pattern,
        "record": first,
        "key": draw(_KEYS),
        "with_options": draw(st.booleans()),
        "inverted": draw(st.booleans()) if pattern.inversions else False,
        "shots": tuple(make_records(pattern.schema, draw(st.integers(0, 4)), tag="s")),
    }


@_MANY
@given(_requests())
def test_no_slot_stays_unfilled(request):
    example = render(**request)
    assert not re.search(r"[{}]", example.inputs + example.targets)


@_MANY
@given(_requests())
def test_the_target_is_in_the_prompt_only_as_an_option(request):
    """Every text of these records occurs in one field only."""
    pattern, record = request["pattern"], request["record"]
    example = render(**request)
    listed = record.options and request["with_options"] and not request["inverted"]
    for text in filter(None, [*record.fields.values(), record.answer, record.rationale]):
        if text in example.targets:
            may_show = listed and text == record.answer
            assert example.inputs.count(text) == (1 if may_show else 0), pattern.name


@_MANY
@given(_requests())
def test_prompts_are_tidy(request):
    example = render(**request)
    for text in (example.inputs, example.targets):
        assert text == text.strip() and text
        assert "  " not in text and "\t" not in text
        assert not re.search(r" \n|\n ", text)


@_MANY
@given(_requests())
def test_direct_prompts_hold_every_field_of_question_and_exemplars(request):
    if request["inverted"]:
        return
    example = render(**request)
    shared = {"definition", "good_input", "good_output", "bad_input", "bad_output"}
    for text in request["record"].fields.values():
        assert text in example.inputs
    for shot in request["shots"]:
        texts = [text for name, text in shot.fields.items() if name not in shared]
        assert all(text in example.inputs for text in texts)


@_MANY
@given(_requests(_WITH_OPTIONS))
def test_options_are_shown_or_dropped_cleanly(request):
    record = request["record"]
    example = render(**{**request, "inverted": False})
    if request["with_options"]:
        assert all(example.inputs.count(option) == 1 for option in record.options)
    else:
        assert "Xoption" not in re.sub(r"\bXoption\w+sx\b", "", example.inputs)
        assert not any(start in example.inputs for start in STARTS)
        assert final_answer(example.targets).endswith(record.answer)
        assert example.references == (record.answer,)


@_MANY
@given(_requests(_WITH_OPTIONS))
def test_the_answer_is_the_right_options_label_or_text(request):
    record = request["record"]
    example = render(**{**request, "inverted": False, "with_options": True})
    (answer,) = example.references
    assert example.targets == answer or example.targets.rstrip(".").endswith(answer)
    if answer != record.answer:
        before = example.inputs.partition(record.answer)[0]
        mark = re.split(r"\n|; |: (?=\S+ ?$)", before)[-1]
        assert answer.strip("()[]") in re.findall(r"\w+", mark), (answer, mark)


@_MANY
@given(_requests(_WITH_OPTIONS))
def test_the_target_is_one_of_as_many_options_as_the_record_has(request):
    """They can be ranked in its place: each is what the model would write if it were right."""
    record, example = request["record"], render(**request)
    is_answer = not request["inverted"] and example.targets.count(record.rationale or "\0") == 0
    if not is_answer:
        assert not example.options
        return
    assert len(set(example.options)) == len(record.options)
    assert example.options.count(example.targets) == 1
    if not request["with_options"]:
        texts = zip(record.options, example.options, strict=True)
        assert all(option in text for option, text in texts)


@_MANY
@given(_requests())
def test_a_key_always_gives_the_same_example(request):
    assert render(**request) == render(**request)


@ALL
def test_keys_and_records_give_different_prompts(pattern):
    records = make_records(pattern.schema, 2)
    by_key = {render(pattern, records[0], key=key).inputs for key in range(200)}
    assert len(by_key) >= (40 if pattern.schema.options != "none" else len(pattern.zero_shot))
    names = [[render(pattern, record, key=key).template for key in range(20)] for record in records]
    assert names[0] != names[1]


@ALL
def test_every_template_is_drawn_and_named(pattern):
    record = make_record(pattern.schema)
    shots = (make_record(pattern.schema, 1),)
    for kind, settings_, forms in (
        ("zero_shot", {}, pattern.zero_shot),
        ("few_shot", {"shots": shots}, pattern.few_shot),
        ("inversion", {"inverted": True}, pattern.inversions),
    ):
        if forms:
            drawn = {render(pattern, record, key=k, **settings_).template for k in range(250)}
            assert drawn == {f"{pattern.name}/{kind}/{place}" for place in range(len(forms))}


@pytest.mark.parametrize("name", ["nli", "cot_options", "similarity"])
def test_only_options_without_an_order_are_shuffled(name):
    pattern = PATTERNS[name]
    record = make_record(pattern.schema, num_options=3)
    orders = collections.Counter(
        tuple(re.findall(r"Xoption0q(\d)x", render(pattern, record, key=key).inputs))
        for key in range(1200)
    )
    if pattern.schema.options == "shuffled":
        # Six orders; chi-square with 5 degrees of freedom: beyond 20.5 once in a thousand.
        assert len(orders) == 6
        assert sum((count - 200) ** 2 / 200 for count in orders.values()) < 20.5
    else:
        assert set(orders) == {("0", "1", "2")}


def test_lettered_options_keep_their_letters():
    pattern = PATTERNS["cot_options"]
    record = make_record(pattern.schema, right=3)
    for key in range(100):
        example = render(pattern, record, key=key)
        assert final_answer(example.targets).strip("()[]") == "D"
        assert example.references == (final_answer(example.targets),)
        assert example.targets.startswith(record.rationale)


@pytest.mark.parametrize("name", ["cot", "niv2", "multiple_choice", "translation"])
def test_exemplars_come_in_order_solved_and_before_the_question(name):
    pattern = PATTERNS[name]
    *shots, record = make_records(pattern.schema, 4)
    field = pattern.schema.fields[-1] if name != "translation" else "text"
    for key in range(60):
        prompt = compose(pattern, record, key=key, shots=shots)
        example = prompt.example(3)
        assert example.num_shots == 3 and len(prompt.shots) == 3
        places = [example.inputs.index(shown.fields[field]) for shown in (*shots, record)]
        assert places == sorted(places)
        for shot, shown in zip(shots, prompt.shots, strict=True):
            alone = shown.removesuffix(shot.answer)
            assert shot.fields[field] in alone
            assert shot.rationale in alone
        assert example.inputs.endswith(prompt.question)
        assert prompt.separator in rendering.SEPARATORS


def test_exemplars_and_question_are_rendered_alike():
    pattern = PATTERNS["multiple_choice"]
    shot, record = make_records(pattern.schema, 2)
    for key in range(200):
        prompt = compose(pattern, record, key=key, shots=[shot])
        question, answer = prompt.question, prompt.target
        # The same text around other fields: the exemplar goes on with its answer.
        frame = re.sub(r"X\w+x", "X", question)
        rendered = re.sub(r"X\w+x", "X", prompt.shots[0])
        assert rendered.startswith(frame + " ")
        assert ("Xoption" in answer) == ("Xoption" in prompt.shots[0].splitlines()[-1])


def test_every_exemplar_leads_over_to_its_answer():
    for pattern in PATTERNS.values():
        shot, record = make_records(pattern.schema, 2)
        for key in range(20):
            for inverted in {False, bool(pattern.inversions)}:
                prompt = compose(pattern, record, key=key, shots=[shot], inverted=inverted)
                assert prompt.question.endswith((":", "->", "=>", "=", "/")), prompt.question


def test_a_key_words_zero_shot_and_few_shot_alike():
    pattern = PATTERNS["nli"]
    shot, record = make_records(pattern.schema, 2)
    for key in range(50):
        alone = render(pattern, record, key=key).template
        assert render(pattern, record, key=key, shots=[shot]).template == alone.replace(
            "zero_shot", "few_shot"
        )


def test_the_last_exemplars_stay_when_some_are_dropped():
    pattern = PATTERNS["niv2"]
    *shots, record = make_records(pattern.schema, 4)
    prompt = compose(pattern, record, key=1, shots=shots)
    assert prompt.text(3).endswith(prompt.text(1).removeprefix(prompt.intro))
    assert "Xinput0x" not in prompt.text(2) and "Xinput1x" in prompt.text(2)
    assert prompt.intro in prompt.text(1)


def test_all_right_answers_count():
    schema = PATTERNS["closed_book"].schema
    record = schema.record("1", {"question": "Who?"}, answer="Ann", references=["Anne", "Ann"])
    assert render(PATTERNS["closed_book"], record, key=0).references == ("Ann", "Anne")
    inverted = render(PATTERNS["closed_book"], record, key=0, inverted=True)
    assert inverted.references == (inverted.targets,) == ("Who?",)


@_MANY
@given(st.lists(st.text().filter(str.strip), min_size=3, max_size=3), _KEYS)
def test_braces_and_any_other_text_pass_through(texts, key):
    schema = PATTERNS["nli"].schema
    record = schema.record(
        "1", {"premise": texts[0], "hypothesis": texts[1]}, answer="a", options=("a", texts[2])
    )
    example = render(PATTERNS["nli"], record, key=key)
    assert record.fields["premise"] in example.inputs
    assert record.fields["hypothesis"] in example.inputs
    assert all(option in example.inputs for option in record.options)


def test_records_without_optional_options_are_rendered_without_a_list():
    pattern = PATTERNS["t0_separated_options"]
    plain = pattern.schema.record("1", {"prompt": "Say it."}, answer="it")
    listed = make_record(pattern.schema)
    for key in range(30):
        assert render(pattern, plain, key=key).references == ("it",)
        example = render(pattern, listed, key=key, shots=[plain])
        assert example.inputs.count("Say it.") == 1
        assert all(option in example.inputs for option in listed.options)


@pytest.mark.parametrize("pattern", _INVERTIBLE, ids=lambda p: p.name)
def test_inversions_give_the_answer_or_the_rationale_and_ask_for_the_rest(pattern):
    record = make_record(pattern.schema)
    for key in range(30):
        example = render(pattern, record, key=key, inverted=True)
        texts = filter(None, (record.answer, record.rationale))
        given_ = [text for text in texts if text in example.inputs]
        assert given_ and not any(text in example.targets for text in given_)


def test_what_cannot_be_inverted_says_so():
    pattern = PATTERNS["niv2"]
    with pytest.raises(ValueError, match="pattern 'niv2' has no inversions"):
        render(pattern, make_record(pattern.schema), key=0, inverted=True)


def test_global_random_state_plays_no_part():
    pattern, record = PATTERNS["nli"], make_record(PATTERNS["nli"].schema)
    state = random.getstate()
    first = render(pattern, record, key="k")
    assert random.getstate() == state
    random.seed(1)
    assert render(pattern, record, key="k") == first
