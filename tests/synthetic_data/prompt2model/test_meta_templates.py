import json

import pytest

from t5lite.synthetic_data.prompt2model.meta_templates import META_TEMPLATES
from t5lite.synthetic_data.prompt2model.prompt_spec import Demonstration, PromptSpec

_SPEC = PromptSpec(
    instruction="Say what {x} is in a list.", demonstrations=(Demonstration("a\nb", 'the "b"'),)
)
_GENERATED = (Demonstration("c, d", "d"), Demonstration("große", "ß"))


def test_templates_take_turns_in_the_order_of_the_papers_code():
    assert [template.name for template in META_TEMPLATES] == ["simple", "complex", "middle"]
    lengths = {
        template.name: len(template.prompt(_SPEC, generated=())) for template in META_TEMPLATES
    }
    assert lengths["simple"] < lengths["middle"] < lengths["complex"]


@pytest.mark.parametrize("template", META_TEMPLATES, ids=lambda template: template.name)
def test_examples_stand_under_what_is_known_of_their_quality(template):
    prompt = template.prompt(_SPEC, generated=_GENERATED)
    _, behind = prompt.split(f"# Task\n\n{_SPEC.instruction}\n\n")
    by_author, generated = behind.split("# Examples that were generated before (quality unknown")
    assert "high quality" in by_author
    assert json.dumps({"input": "a\nb", "output": 'the "b"'}) in by_author.split("\n")
    for one in _GENERATED:
        line = json.dumps({"input": one.input, "output": one.output}, ensure_ascii=False)
        assert line in generated.split("\n") and line not in by_author
    assert '{"input": "...", "output": "..."}' in generated


def test_what_there_is_not_has_no_title():
    (simple, *_) = META_TEMPLATES
    prompt = simple.prompt(PromptSpec(instruction="Sing."), generated=())
    assert "Examples" not in prompt and "written in" not in prompt


def test_the_language_of_a_translated_prompt_is_told():
    spec = PromptSpec(instruction="Name the capital.", language="Japanese")
    assert all("Japanese" in one.prompt(spec, generated=()) for one in META_TEMPLATES)
