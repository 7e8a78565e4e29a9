"""Templates are rendered as their makers meant, and hostile ones are refused."""

import datetime

import pytest

from t5lite.data.templates import process
from t5lite.data.templates.process import TemplateProcess
from t5lite.data.vocabularies.chat_template import ChatTemplate
from tests.data.tokenizer_folders import CHATML, CONVERSATIONS, EVERYTHING, LLAMA_2

TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
HELLO = [{"role": "user", "content": "hello"}]


@pytest.fixture(scope="module", autouse=True)
def short_deadline():
    """Renders with less patience than is usual."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "_shared", TemplateProcess(cpu_seconds=0.3))
        yield
        process._shared.close()


def render(source, messages=HELLO, **options):
    return ChatTemplate({"default": source}, TOKENS).render(messages, **options)


def test_a_known_template_by_hand():
    assert render(CHATML) == (
        "<|im_start|>system\nYou help.<|im_end|>\n"
        "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n"
    )
    answered = [*HELLO, {"role": "assistant", "content": "hi"}]
    assert render(LLAMA_2, answered) == "<s>[INST] hello [/INST]\n hi </s>"
    with pytest.raises(ValueError, match="refuses this conversation: Conversation roles must"):
        render(LLAMA_2, [*HELLO, *HELLO])


def test_what_templates_may_use():
    text = render(EVERYTHING, CONVERSATIONS[1])
    assert text.startswith('0:SYSTEM "Be <brief> & \\"kind\\"."1:USER "  Hé \\n"')
    assert text.endswith("s1u2a3u4   4 no documents<s>")
    assert render("{{ strftime_now('%Y') }}") == str(datetime.date.today().year)
    assert render("{{ [3, 1] | sort | tojson }} {{ dict(a=1).a }} {{ 'a' ~ 1 ~ none }}") == (
        "[1, 3] 1 a1None"
    )


def test_messages_are_checked():
    with pytest.raises(ValueError, match="at least one message"):
        render(CHATML, [])
    with pytest.raises(ValueError, match=r"message 2 of a conversation is \{'content'"):
        render(CHATML, [*HELLO, {"content": "hello"}])
    # As transformers does, so that templates need not ask.
    assert render("{{ 'x' in messages[0] }}", [{"role": "user", "x": None}]) == "False"


def test_templates_by_name():
    both = ChatTemplate({"default": "plain", "tool_use": "{{ tools[0].name }}"}, TOKENS)
    assert both.render(HELLO) == "plain"
    assert both.render(HELLO, tools=[{"name": "add"}]) == "add"
    with pytest.raises(ValueError, match="are rag, and none is named 'default'"):
        ChatTemplate({"rag": "x"}, TOKENS).render(HELLO)


def test_a_template_that_fails_is_named_with_its_file_and_line():
    sources = {"default": "a\n{{ 1 // messages[0].n }}", "tool_use": "{% if %}"}
    files = {"default": "m/chat_template.jinja", "tool_use": "m/tokenizer_config.json"}
    both = ChatTemplate(sources, TOKENS, files)
    expected = (
        r"^m/chat_template\.jinja: the model's chat template fails on .*Zero.*\(its line 2\)$"
    )
    with pytest.raises(ValueError, match=expected):
        both.render([{"role": "user", "n": 0}])
    with pytest.raises(
        ValueError, match=r"^m/tokenizer_config\.json, template 'tool_use': .*line 1"
    ):
        both.render(HELLO, tools=[])


def test_broken_templates_are_reported():
    with pytest.raises(ValueError, match="broken in its line 2: Unexpected end of template"):
        render("a\n{% if x %}")
    with pytest.raises(ValueError, match="fails on this conversation: ZeroDivisionError"):
        render("{{ 1 / 0 }}")


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.__class__.__base__ }}",
        "{{ (messages | attr('__class__')).x }}",
        "{{ raise_exception.__globals__['sys'] }}",
        "{{ cycler.__init__.__globals__.os.system('true') }}",
        "{{ namespace.__init__.__globals__ }}",
        "{{ dict.mro() }}",
        "{{ '{0.__class__.__base__}'.format(1).strip() or namespace.__mro__ }}",
        "{{ self._TemplateReference__context.vars }}",
        "{% set ns = namespace() %}{% set ns.__class__ = 1 %}",
        "{% set ns = namespace(__init__=1) %}",
        "{{ messages.append(1) }}",
        "{{ messages[0].update(role='system') }}",
        "{{ messages.clear() }}",
        "{% include '/etc/hostname' %}",
        "{% import 'os' as os %}",
    ],
)
def test_no_way_out_of_the_sandbox(source):
    messages = [dict(HELLO[0])]
    with pytest.raises(ValueError, match=r"chat template (is not safe|refuses|fails)"):
        render(source, messages)
    assert messages == HELLO


@pytest.mark.parametrize(
    "source",
    [
        # Loops in loops, through names of their own, without a word of text.
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% macro f(n) %}{% if n %}{{ f(n-1) }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(40) }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% for x in [messages] recursive %}{{ loop([x]) }}{% endfor %}",
        "{{ range(10 ** 9) | list }}",
        # Things that grow.
        "{{ 'a' * 10 ** 10 }}",
        "{{ 10 ** 10 * 'a' }}",
        "{{ [0] * 10 ** 10 }}",
        "{{ 9 ** (9 ** 9) }}",
        "{% set n = namespace(s='a') %}{% for i in range(60) %}{% set n.s = n.s+n.s %}{% endfor %}",
        "{% set n = namespace(s='a') %}{% for i in range(60) %}{% set n.s = n.s~n.s %}{% endfor %}",
        "{% set n = namespace(i=3) %}{% for i in range(60) %}{% set n.i = n.i * n.i %}{% endfor %}",
        "{{ '%999999999d' % 1 }}",
        "{% for i in range(2000) %}{{ '          ' * 1000 }}{% endfor %}",
    ],
)
def test_no_template_goes_on_forever(source):
    with pytest.raises(ValueError, match=r"chat template (is not safe|fails)"):
        render(source)
