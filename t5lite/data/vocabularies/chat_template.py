"""Chat templates: a conversation written as the one text that its model was trained on.

A template is a jinja2 program that comes with a model, written by a stranger. It runs with the
names that Hugging Face's `apply_chat_template` gives it, in jinja2's sandbox (no attribute that
leads out, nothing changed in place), and with an end to its loops and to what it can build up.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
import jinja2.ext
from jinja2 import nodes
from jinja2.exceptions import SecurityError, TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

Message = Mapping[str, Any]

# Far beyond any conversation: turns of loops and calls of macros, characters, bits of a number.
MAX_STEPS = 100_000
MAX_LENGTH = 10_000_000
_MAX_BITS = 10_000


@dataclasses.dataclass(frozen=True)
class ChatTemplate:
    """The templates of one model, and the special tokens they may name.

    Attributes:
      sources: jinja2 by name. `default` is used, and `tool_use` where there are tools.
      special_tokens: texts by name, such as `bos_token`.
    """

    sources: Mapping[str, str]
    special_tokens: Mapping[str, str]

    def render(
        self,
        messages: Sequence[Message],
        *,
        add_generation_prompt: bool = True,
        tools: Sequence[Mapping[str, Any]] | None = None,
    ) -> str:
        """Writes a conversation as text; encode it without `prefix_ids`, which it holds already.

        Args:
          messages: `{"role": ..., "content": ...}` each, plain JSON; a field that is None is as
            good as absent. Special tokens within a message become special tokens when encoded, as
            they do in transformers: who lets strangers write messages must look for them.
          add_generation_prompt: end with what opens the answer.
          tools: JSON schemas of functions the model may call, for templates that know of them.

        Raises:
          ValueError: the messages are malformed, or the template is broken, refuses them, or does
            what a template must not.
        """
        name = "tool_use" if tools is not None and "tool_use" in self.sources else "default"
        if name not in self.sources:
            raise ValueError(
                f"the model's chat templates are {', '.join(sorted(self.sources))}, and none is "
                "named 'default': name one of them so in tokenizer_config.json."
            )
        variables = {
            **self.special_tokens,
            "messages": _checked(messages),
            "tools": tools,
            "documents": None,
            "add_generation_prompt": add_generation_prompt,
        }
        # Anything may come out of a stranger's program.
        try:
            return _compile(self.sources[name]).write(variables)
        except TemplateSyntaxError as error:
            raise ValueError(
                f"the model's chat template is broken in its line {error.lineno}: {error.message}"
            ) from error
        except SecurityError as error:
            raise ValueError(f"the model's chat template is not safe to run: {error}") from error
        except TemplateError as error:
            raise ValueError(
                f"the model's chat template refuses this conversation: {error}"
            ) from error
        except Exception as error:
            raise ValueError(
                f"the model's chat template fails on this conversation: {error!r}"
            ) from error


def _checked(messages: Sequence[Message]) -> list[dict[str, Any]]:
    if not messages:
        raise ValueError("a conversation needs at least one message.")
    for number, message in enumerate(messages, start=1):
        if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
            raise ValueError(
                f"message {number} of a conversation is {message!r}; expected "
                '{"role": "user", "content": "..."}.'
            )
    return [{k: v for k, v in message.items() if v is not None} for message in messages]


class _Program:
    """A compiled template."""

    def __init__(self, source: str):
        self._environment = _Environment()
        self._template = self._environment.from_string(source)

    def write(self, variables: Mapping[str, Any]) -> str:
        self._environment.steps_left = MAX_STEPS
        written: list[str] = []
        length = 0
        for piece in self._template.generate(**variables):
            written.append(piece)
            length += len(piece)
            _refuse_if(length > MAX_LENGTH, "it writes without an end")
        return "".join(written)


@functools.lru_cache(maxsize=8)
def _compile(source: str) -> _Program:
    return _Program(source)


class _Environment(ImmutableSandboxedEnvironment):
    """jinja2's sandbox with Hugging Face's additions, and counted steps."""

    intercepted_binops = frozenset(["+", "*", "**"])

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=[jinja2.ext.loopcontrols, _GenerationTag],
        )
        self.steps_left = MAX_STEPS
        self.filters |= {"tojson": _to_json, "count_step": self._count_step}
        self.globals |= {
            "raise_exception": _raise_exception,
            "strftime_now": _strftime_now,
            "namespace": _ChatNamespace,
        }

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        """jinja2's hook between parsing and compiling."""
        return super()._generate(_CountSteps().visit(source), *args, **kwargs)

    @jinja2.pass_context  # or it would run once, when compiled
    def _count_step(self, _: Any, value: None) -> None:
        """At each turn of a loop and at each call of a macro; a filter, for calls are slow."""
        self.steps_left -= 1
        _refuse_if(self.steps_left < 0, f"it goes on after {MAX_STEPS:,} steps")

    def join(self, *values: Any) -> str:
        """What `~` does."""
        return _not_too_big("".join(map(str, values)))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """What the intercepted operators do."""
        if operator == "*":
            for many, times in ((left, right), (right, left)):
                if hasattr(many, "__len__") and isinstance(times, int):
                    _refuse_if(len(many) * times > MAX_LENGTH, "it builds something too big")
        if operator == "**" and isinstance(left, int) and isinstance(right, int):
            _refuse_if(left.bit_length() * right > _MAX_BITS, "it builds something too big")
        return _not_too_big(super().call_binop(context, operator, left, right))


class _CountSteps(NodeTransformer):
    """Makes loops and macros count, and `~` go through `_Environment.join`."""

    def _counted(self, node: Any) -> Any:
        self.generic_visit(node)
        count = nodes.Filter(nodes.Const(None), "count_step", [], [], None, None)
        node.body.insert(0, nodes.ExprStmt(count).set_lineno(node.lineno))
        return node

    visit_For = visit_Macro = visit_CallBlock = _counted

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        join = nodes.EnvironmentAttribute("join")
        return nodes.Call(join, node.nodes, [], None, None).set_lineno(node.lineno)


class _GenerationTag(jinja2.ext.Extension):
    """`{% generation %}`, which marks what the assistant says; its text is written as it stands."""

    tags = {"generation"}  # noqa: RUF012 - as jinja2 declares it

    def parse(self, parser: Any) -> nodes.Node:
        lineno = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body).set_lineno(lineno)


class _ChatNamespace(jinja2.utils.Namespace):
    """jinja2's `namespace`, without names that Python gives a meaning."""

    def __init__(self, /, *args: Any, **kwargs: Any) -> None:
        attributes = dict(*args, **kwargs)
        for name in attributes:
            _refuse_underscore(name)
        super().__init__(attributes)

    def __setitem__(self, name: str, value: Any) -> None:
        _refuse_underscore(name)
        super().__setitem__(name, value)


def _refuse_underscore(name: Any) -> None:
    _refuse_if(str(name).startswith("_"), f"it sets the attribute {name!r}")


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    # jinja2's own would write for HTML, with `<` escaped.
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _raise_exception(message: str) -> None:
    raise TemplateError(message)


def _strftime_now(form: str) -> str:
    return datetime.datetime.now().strftime(form)


def _not_too_big(value: Any) -> Any:
    big = (isinstance(value, int) and value.bit_length() > _MAX_BITS) or (
        hasattr(value, "__len__") and len(value) > MAX_LENGTH
    )
    _refuse_if(big, "it builds something too big")
    return value


def _refuse_if(condition: bool, reason: str) -> None:
    if condition:
        raise SecurityError(reason)
