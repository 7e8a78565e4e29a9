"""Chat templates: a conversation written as the one text that its model was trained on.

A template is a jinja2 program that comes with a model, written by a stranger. It runs with the
names that Hugging Face's `apply_chat_template` gives it, in the sandbox of `jinja_sandbox`.
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

from t5lite.data.vocabularies.jinja_sandbox import Sandbox, refuse_if

Message = Mapping[str, Any]


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
            sandbox, template = _compile(self.sources[name])
            return sandbox.write(template, variables)
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


@functools.lru_cache(maxsize=8)
def _compile(source: str) -> tuple[Sandbox, jinja2.Template]:
    sandbox = Sandbox(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[jinja2.ext.loopcontrols, _GenerationTag],
    )
    sandbox.filters["tojson"] = _to_json
    sandbox.globals |= {
        "raise_exception": _raise_exception,
        "strftime_now": _strftime_now,
        "namespace": _ChatNamespace,
    }
    return sandbox, sandbox.from_string(source)


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
    refuse_if(str(name).startswith("_"), f"it sets the attribute {name!r}")


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
