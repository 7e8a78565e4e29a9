"""Chat templates: a conversation written as the one text that its model was trained on.

A template is a jinja2 program that comes with a model, written by a stranger. It runs with the
names that Hugging Face's `apply_chat_template` gives it, in a process of its own
(`t5lite.data.templates`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from t5lite.data.templates import process
from t5lite.data.templates.process import TemplateFailure

Message = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class ChatTemplate:
    """The templates of one model, and the special tokens they may name.

    Attributes:
      sources: jinja2 by name. `default` is used, and `tool_use` where there are tools.
      special_tokens: texts by name, such as `bos_token`.
      files: where each was read, for errors.
    """

    sources: Mapping[str, str]
    special_tokens: Mapping[str, str]
    files: Mapping[str, str] = dataclasses.field(default_factory=dict, compare=False)

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
        try:
            (text,) = process.render(
                "chat", [{"source": self.sources[name], "variables": variables}]
            )
        except TemplateFailure as failure:
            raise ValueError(self._explained(name, failure)) from failure
        return text

    def _explained(self, name: str, failure: TemplateFailure) -> str:
        """What a template did wrong: file, name and line, as far as they are known."""
        place = self.files.get(name, "")
        if name != "default":
            place += f"{', ' if place else ''}template {name!r}"
        before = f"{place}: the model's chat template" if place else "the model's chat template"
        if failure.kind == "broken":
            return f"{before} is broken in its line {failure.line}: {failure.message}"
        did = {"refuses": "refuses this conversation", "fails": "fails on this conversation"}
        line = f" (its line {failure.line})" if failure.line is not None else ""
        return f"{before} {did.get(failure.kind, 'is not safe to run')}: {failure.message}{line}"


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
