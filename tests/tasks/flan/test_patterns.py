"""The templates as data: every rule that a template must keep."""

import itertools
import pathlib
import re
import string

import pytest

from t5lite.data.vocabularies.sentencepiece_vocabulary import SentencePieceVocabulary
from tasks.flan import patterns
from tasks.flan.manifest import FLAN_TASKS
from tasks.flan.pattern import OPTIONS_SLOT
from tasks.flan.patterns import PATTERNS
from tasks.flan.schemas import SCHEMAS
from tests.conftest import shared_path

ALL = pytest.mark.parametrize("pattern", PATTERNS.values(), ids=list(PATTERNS))
# Fields that all records of one task share, so that a few-shot form may say them once.
SHARED_FIELDS = {"definition"}
# Collections that bring their own template are not inverted by Flan either.
NEVER_INVERTED = {
    "t0_question_answer",
    "t0_multiple_choice",
    "t0_separated_options",
    "niv2",
}


def test_every_pattern_words_some_task():
    assert set(PATTERNS) == {task.pattern for task in FLAN_TASKS.values()}


def slots(text: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]


def templates(pattern):
    return [*pattern.zero_shot, *pattern.few_shot, *pattern.inversions]


def texts(pattern):
    for template in templates(pattern):
        yield from (template.inputs, template.inputs_without_options, template.targets)
        if template.intro:
            yield template.intro


def test_every_schema_has_its_pattern():
    assert set(PATTERNS) == set(SCHEMAS)
    assert all(pattern.schema is SCHEMAS[name] for name, pattern in PATTERNS.items())


@ALL
def test_there_are_enough_forms(pattern):
    assert len(pattern.zero_shot) == len(pattern.few_shot) >= 8
    assert len(pattern.inversions) >= (0 if pattern.name in NEVER_INVERTED else 4)


@ALL
def test_templates_name_only_slots_of_the_schema(pattern):
    for text in texts(pattern):
        assert set(slots(text)) <= set(pattern.schema.slots), text


@ALL
def test_every_form_uses_every_field(pattern):
    expected = sorted(pattern.schema.fields)
    if pattern.schema.options != "none":
        expected = sorted([*expected, "options"])
    for form in pattern.zero_shot:
        assert sorted(set(slots(form.inputs))) == expected, form.inputs
    for form in pattern.few_shot:
        assert sorted({*slots(form.intro), *slots(form.inputs)}) == expected, form.inputs


@ALL
def test_long_fields_are_not_repeated(pattern):
    may_repeat = {"target_language", "source_language", "relation", "word", "pronoun"}
    for template in templates(pattern):
        used = [*slots(template.intro), *slots(template.inputs), *slots(template.targets)]
        repeated = {name for name in used if used.count(name) > 1}
        assert repeated <= may_repeat, template.inputs


@ALL
def test_an_intro_names_only_what_the_task_shares(pattern):
    for form in pattern.few_shot:
        assert set(slots(form.intro)) <= SHARED_FIELDS, form.intro
    assert not any(template.intro for template in (*pattern.zero_shot, *pattern.inversions))


@ALL
def test_what_is_asked_for_is_not_given(pattern):
    for template in templates(pattern):
        given = {*slots(template.intro), *slots(template.inputs)}
        assert not given & set(slots(template.targets)), template.inputs
        assert slots(template.targets), template.inputs


@ALL
def test_direct_forms_ask_for_the_answer(pattern):
    for form in pattern.zero_shot:
        expected = ["rationale", "answer"] if pattern.schema.rationale else ["answer"]
        assert slots(form.targets) == expected, form.targets


@ALL
def test_inversions_ask_for_a_field_or_the_rationale(pattern):
    for form in pattern.inversions:
        asked = set(slots(form.targets))
        assert asked & {*pattern.schema.fields, "rationale"}, form.targets
        assert {"answer", "rationale"} & set(slots(form.inputs)), form.inputs
        assert OPTIONS_SLOT not in form.inputs


@ALL
def test_few_shot_forms_match_the_zero_shot_forms(pattern):
    for zero_shot, few_shot in zip(pattern.zero_shot, pattern.few_shot, strict=True):
        assert zero_shot.targets == few_shot.targets
        said = {*slots(few_shot.intro), *slots(few_shot.inputs)}
        assert said == set(slots(zero_shot.inputs))


@ALL
def test_all_templates_differ(pattern):
    for family in (pattern.zero_shot, pattern.few_shot, pattern.inversions):
        for form in ("inputs", "inputs_without_options"):
            rendered = [template.intro + "\n" + getattr(template, form) for template in family]
            assert len(set(rendered)) == len(rendered)


@ALL
def test_options_have_a_line_of_their_own(pattern):
    for template in (*pattern.zero_shot, *pattern.few_shot):
        if OPTIONS_SLOT in template.inputs:
            assert re.search(r"\S\n{1,2}\{options\}(\n|$)", template.inputs), template.inputs


@ALL
def test_templates_do_not_speak_of_options(pattern):
    """They must read well where options are left out; the list itself says what it is."""
    if pattern.schema.options == "none":
        return
    spoken = re.compile(r"\b(options?|choices?|choose|pick|select|following|listed)\b", re.I)
    for template in (*pattern.zero_shot, *pattern.few_shot):
        assert not spoken.search(template.intro + " " + template.inputs.replace("{options}", ""))


@ALL
def test_there_are_no_stray_blanks(pattern):
    for text in texts(pattern):
        assert text == text.strip()
        assert "  " not in text and "\t" not in text
        assert not re.search(r" \n|\n |\n{3}", text), text


@ALL
def test_sentences_begin_like_sentences(pattern):
    for text in itertools.chain.from_iterable(
        (template.inputs, template.intro) for template in templates(pattern)
    ):
        assert re.match(r'[A-Z0-9{#("*-]|$', text), text


def test_no_file_is_too_long_for_a_look():
    for path in pathlib.Path(patterns.__file__).parent.glob("*.py"):
        assert len(path.read_text().splitlines()) < 300, path.name


def test_no_template_loses_anything_to_t5s_vocabulary():
    vocabulary = SentencePieceVocabulary(str(shared_path("data", "vocab", "t5_spiece.model")))
    for pattern in PATTERNS.values():
        for text in texts(pattern):
            rendered = re.sub(r"[{}]", "", text)
            assert vocabulary.unk_id not in vocabulary.encode(rendered), rendered


def test_no_template_is_one_of_promptsources():
    """No six words in a row between slots."""

    def sixes(text):
        for run in re.split(r"\{\{.*?\}\}|\{%.*?%\}|\{[^}]*\}", text.lower()):
            words = re.findall(r"[a-z']+", run)
            yield from zip(*(words[i:] for i in range(6)), strict=False)

    published = set()
    for path in shared_path("data", "promptsource", "templates").rglob("*.yaml"):
        published.update(sixes(path.read_text()))
    for pattern in PATTERNS.values():
        for text in texts(pattern):
            assert published.isdisjoint(sixes(text)), text


def test_the_documentation_lists_every_pattern():
    page = pathlib.Path(patterns.__file__).parents[3] / "docs" / "flan_templates.md"
    rows = [line for line in page.read_text().splitlines() if line.startswith("| `")]
    assert [row for row in rows if row.count("|") == 5] == [
        f"| `{pattern.name}` | {', '.join(pattern.schema.fields)} | "
        f"{pattern.schema.options.replace('none', '')} | {len(pattern.zero_shot)} / "
        f"{len(pattern.few_shot)} / {len(pattern.inversions)} |"
        for pattern in PATTERNS.values()
    ]
