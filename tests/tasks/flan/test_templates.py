import pytest

from t5lite.data.templates import process
from t5lite.data.templates.process import TemplateProcess
from tasks.flan.manifest import FLAN_TASKS
from tasks.flan.sources.promptsource import _template
from tasks.flan.sources.templates import (
    PromptTemplate,
    read_templates,
    render_templates,
    template_key,
)
from tests.conftest import shared_path

ROW = {"question": "Why?", "choices": {"text": ["a", "b"]}, "label": 1, "words": ["x", "y"]}


def template(jinja, choices=""):
    return PromptTemplate("t", jinja, choices, "templates.yaml, template 't'")


@pytest.fixture(scope="module", autouse=True)
def short_deadline():
    """Renders with less patience than is usual."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "_shared", TemplateProcess(cpu_seconds=0.3))
        yield
        process._shared.close()


def render(jinja, choices="", key="k"):
    (rendered,) = render_templates(template(jinja, choices), [(key, ROW)])
    return rendered


def test_inputs_target_and_choices_of_a_row():
    made = render(
        "{{question}} {{ words | join('+') }}\n|||\n{{ answer_choices[label] }} ",
        '{{ choices.text | join(" ||| ") }}',
    )
    assert (made.prompt, made.target, made.choices) == ("Why? x+y", "b", ("a", "b"))


def test_a_template_that_says_nothing_for_a_row_gives_no_target():
    made = render("{% if label == 0 %}{{question}}|||yes{% endif %}")
    assert (made.prompt, made.target) == ("", "")


def test_choice_is_drawn_from_the_key():
    drawn = [render("{{ [1, 2, 3, 4] | choice }}|||x", key=f"{i}").prompt for i in range(50)]
    assert set(drawn) == {"1", "2", "3", "4"}
    again = [render("{{ [1, 2, 3, 4] | choice }}|||x", key=f"{i}").prompt for i in range(50)]
    assert drawn == again


def test_most_frequent_gives_all_that_lead():
    assert render("{{ ['b', 'a', 'b', 'a', 'c'] | most_frequent }}|||x").prompt == "['b', 'a']"


@pytest.mark.parametrize(
    "hostile",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ question.__class__ }}",
        "{{ range.__globals__ }}",
        "{{ self._TemplateReference__context }}",
        "{{ cycler.__init__.__globals__.os.system('id') }}",
        "{{ joiner.__init__.__globals__ }}",
        "{{ lipsum.__globals__ }}",
        "{{ words.append('z') }}",
        "{{ words.clear() }}",
        "{{ ROW.update({}) }}",
        "{{ question.format_map({}) ~ '{0.__class__}'.format(question) }}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% set r = range(9999999) %}{% for a in r %}{% endfor %}",
        "{{ 'a' * 99999999 }}",
        "{{ [0] * 99999999 }}",
        "{{ 9 ** (9 ** 9) }}",
        "{{ '%999999999d' % 1 }}",
        "{% for a in range(99999) %}{{ 'a' * 1000 }}{% endfor %}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
    ],
)
def test_hostile_templates_are_refused(hostile):
    with pytest.raises(ValueError, match=r"templates\.yaml, template 't'"):
        render(hostile + "|||x")


def test_a_row_is_never_changed():
    row = {"words": ["x"]}
    with pytest.raises(ValueError, match="sandbox"):
        render_templates(template("{{ words.append(1) }}|||x"), [("k", row)])
    assert row == {"words": ["x"]}


def test_malformed_templates_name_their_place():
    with pytest.raises(ValueError, match=r"template 't': TemplateSyntaxError"):
        render("{{ question |||x")


def test_yaml_with_other_tags_is_refused(tmp_path):
    path = tmp_path / "templates.yaml"
    path.write_text("templates: !!python/object/apply:os.system ['touch pwned']\n")
    with pytest.raises(ValueError, match="malformed YAML"):
        read_templates(path)
    assert not (tmp_path / "pwned").exists()


def test_names_become_parts_of_task_names():
    assert template_key("Read the article (no option)") == "Read_the_article_no_option_"
    assert template_key("generate-last-utterance") == "generate_last_utterance"


def test_every_t0_task_has_its_template_in_promptsource():
    root = shared_path("data/promptsource/templates")
    tasks = [task for task in FLAN_TASKS.values() if task.collection == "t0_sf"]
    for task in tasks:
        assert _template(task, root / task.dataset / "templates.yaml").jinja
    assert len(tasks) == 193
