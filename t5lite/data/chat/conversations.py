"""Conversations as data sets hold them: every usual layout of a record as one list of messages.

| fields | as in |
|---|---|
| `messages`: `{"role": ..., "content": ...}` each | OpenAI, `datasets` |
| `conversations` or `conversation`: `{"from": "human" or "gpt", "value": ...}` each | ShareGPT |
| `prompt` and `completion` (or `response`, `answer`): texts, or lists of messages | TRL |
| `question` and `answer` (or `response`) | |
| `instruction`, `input` (or `context`), `output` (or `response`) | Alpaca, Dolly |

Beside them may stand `system`, a text, and `tools`, which templates that know of them write.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from t5lite.data.sources import local_files
from t5lite.data.vocabularies.chat_template import Message
from t5lite.files import strict_json
from t5lite.messages.suggest import did_you_mean

ASSISTANT = "assistant"

_LISTS = ("messages", "conversations", "conversation")
# (what is asked, what is asked about, the answer); the second may be missing or empty.
_LAYOUTS: tuple[tuple[str, str, str], ...] = (
    ("prompt", "", "completion"),
    ("prompt", "", "response"),
    ("prompt", "", "answer"),
    ("instruction", "input", "output"),
    ("instruction", "context", "response"),
    ("instruction", "input", "response"),
    ("question", "", "answer"),
    ("question", "", "response"),
)
_ROLES: Mapping[str, str] = {
    "human": "user",
    "prompter": "user",
    "gpt": ASSISTANT,
    "chatgpt": ASSISTANT,
    "bot": ASSISTANT,
    "model": ASSISTANT,
    "observation": "tool",
    **{role: role for role in ("system", "developer", "user", ASSISTANT, "tool")},
}


@dataclasses.dataclass(frozen=True)
class Conversation:
    """What was said.

    Attributes:
      messages: `{"role": ..., "content": ...}` each, with what else they hold.
      tools: JSON schemas of functions that could be called, where there were any.
    """

    messages: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...] | None = None

    def answers(self) -> list[int]:
        """Places of the messages to learn from: the assistant's that follow something.

        A `weight` of 0 takes one out, as in OpenAI's files.
        """
        return [
            place
            for place, message in enumerate(self.messages)
            if place and message["role"] == ASSISTANT and message.get("weight") != 0
        ]


def read_conversation(
    record: Mapping[str, Any], *, where: str, field: str | None = None
) -> Conversation:
    """The conversation of a record.

    Args:
      record: its fields.
      where: what an error calls it.
      field: the field that holds the list of messages; None goes by the names of the fields.

    Raises:
      ValueError: it is of no known layout, malformed, or holds no answer to learn from.
    """
    messages = _by_layout(record, where) if field is None else _messages(record, field, where)
    conversation = _with_system(record, messages, where)
    if not conversation.answers():
        roles = ", ".join(message["role"] for message in messages)
        raise ValueError(
            f"{where}: nothing to learn from: no message of the role {ASSISTANT!r} (or 'gpt') "
            f"follows another (roles: {roles})"
        )
    return conversation


def field_of_messages(record: Mapping[str, Any]) -> str | None:
    """The field in which a record of any layout has a list of messages; None where it has none."""
    return next((name for name in _LISTS if name in record), None)


def read_asked(record: Mapping[str, Any], *, where: str, field: str) -> Conversation:
    """The conversation of a record that asks for its next message.

    Args:
      record: its fields.
      where: what an error calls it.
      field: the field that holds the list of messages.

    Raises:
      ValueError: it is malformed.
    """
    return _with_system(record, _messages(record, field, where), where)


def _with_system(
    record: Mapping[str, Any], messages: Sequence[Message], where: str
) -> Conversation:
    """The messages behind the record's `system`, and its `tools`."""
    system = record.get("system")
    if isinstance(system, str) and system and messages[0]["role"] != "system":
        messages = [{"role": "system", "content": system}, *messages]
    return Conversation(tuple(messages), _tools(record, where))


def _by_layout(record: Mapping[str, Any], where: str) -> list[Message]:
    if (name := field_of_messages(record)) is not None:
        return _messages(record, name, where)
    for asked, about, answer in _LAYOUTS:
        if asked in record and answer in record:
            return _exchange(record, asked, about, answer, where)
    present = ", ".join(map(repr, record)) or "none"
    raise ValueError(
        f"{where}: no conversation: expected a field {', '.join(map(repr, _LISTS))}, or fields "
        "such as 'prompt' and 'completion', 'question' and 'answer', 'instruction' and 'output' "
        f"(fields: {present}). Name the field that holds the messages, or give a function of the "
        "record that returns them, with add_chat_task(messages=...)"
    )


def _exchange(
    record: Mapping[str, Any], asked: str, about: str, answer: str, where: str
) -> list[Message]:
    """A question, maybe with what it is about behind a blank line, and its answer."""
    if isinstance(record[asked], list) and isinstance(record[answer], list):
        return [*_messages(record, asked, where), *_messages(record, answer, where)]
    question = _text(record, asked, where)
    if record.get(about):
        question += "\n\n" + _text(record, about, where)
    return [
        {"role": "user", "content": question},
        {"role": ASSISTANT, "content": _text(record, answer, where)},
    ]


def _messages(record: Mapping[str, Any], field: str, where: str) -> list[Message]:
    found = local_files.require(record, field, list, where=where)
    if not found:
        raise ValueError(f"{where}: field {field!r} is an empty list")
    return as_messages(found, where=f"{where}: field {field!r}")


def as_messages(found: Sequence[Any], *, where: str) -> list[Message]:
    """Messages of whatever keys, in the one form.

    Raises:
      ValueError: one is malformed; names its place.
    """
    return [_message(item, f"{where}[{place}]") for place, item in enumerate(found)]


def _message(item: Any, where: str) -> Message:
    if not isinstance(item, Mapping):
        raise ValueError(
            f'{where}: expected {{"role": "user", "content": "..."}}, found '
            f"{strict_json.kind_name(item)}"
        )
    role_key = "from" if item.get("role") is None and "from" in item else "role"
    text_key = "value" if item.get("content") is None and "value" in item else "content"
    role = local_files.require(item, role_key, str, where=where)
    if role not in _ROLES:
        known = ", ".join(_ROLES)
        raise ValueError(
            f"{where}: the role {role!r} is none of {known}.{did_you_mean(role, _ROLES)}"
        )
    others = {k: v for k, v in item.items() if k not in (role_key, text_key) and v is not None}
    return {**others, "role": _ROLES[role], "content": _content(item, text_key, where)}


def _content(item: Mapping[str, Any], key: str, where: str) -> str:
    """The text of a message; of OpenAI's content parts, those of text, one after another."""
    value = item.get(key)
    if value is None and item.get("tool_calls"):
        return ""
    if isinstance(value, list):
        for place, part in enumerate(value):
            if not isinstance(part, Mapping) or part.get("type") != "text":
                kind = part.get("type") if isinstance(part, Mapping) else part
                raise ValueError(
                    f"{where}: field {key!r}[{place}]: content of type {kind!r}; only parts "
                    "of type 'text' can be learned from"
                )
        return "".join(_text(part, "text", f"{where}: field {key!r}") for part in value)
    return _text(item, key, where)


def _text(record: Mapping[str, Any], field: str, where: str) -> str:
    text: str = local_files.require(record, field, str, where=where)
    return local_files.check_encodable(text, where=f"{where}: field {field!r}")


def _tools(record: Mapping[str, Any], where: str) -> tuple[Mapping[str, Any], ...] | None:
    """A list, or, where columns have one type, its JSON text."""
    tools = record.get("tools")
    if isinstance(tools, str) and tools:
        try:
            tools = json.loads(tools)
        except json.JSONDecodeError as error:
            raise ValueError(f"{where}: field 'tools': malformed JSON: {error.msg}") from error
    if not tools:
        return None
    if not isinstance(tools, list) or not all(isinstance(tool, Mapping) for tool in tools):
        raise ValueError(f"{where}: field 'tools': expected a list of objects")
    return tuple(tools)
