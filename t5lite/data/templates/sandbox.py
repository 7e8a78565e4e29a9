"""Jinja environments for templates that strangers wrote; `worker` runs them, and nothing else does.

They are jinja2's immutable sandbox: no attribute leads out, nothing is changed in place, no file is
read. What a template may take of time and memory is limited by the process it runs in.
"""

from __future__ import annotations

import datetime
import functools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
import jinja2.ext
from jinja2 import nodes
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from t5lite.data.sources.local_files import keyed_hash

# Characters that a template may write: far beyond any need.
MAX_LENGTH = 10_000_000

# What jinja2 offers to those who write web pages, or what is another thing at each call.
_NEEDLESS_GLOBALS = ("lipsum", "cycler", "joiner")
_NEEDLESS_FILTERS = ("random", "urlize", "xmlattr")

_PARTS = "|||"


class Sandbox(ImmutableSandboxedEnvironment):
    """jinja2's sandbox without what no template needs."""

    def __init__(self, **options: Any) -> None:
        """`options` are those of `jinja2.Environment`."""
        super().__init__(**options)
        for name in _NEEDLESS_GLOBALS:
            del self.globals[name]
        for name in _NEEDLESS_FILTERS:
            del self.filters[name]


def write(template: jinja2.Template, variables: Mapping[str, Any]) -> str:
    """What a template writes.

    Raises:
      SecurityError: it writes too much, or does what the sandbox forbids.
    """
    written: list[str] = []
    length = 0
    for piece in template.generate(**variables):
        written.append(piece)
        length += len(piece)
        if length > MAX_LENGTH:
            raise SecurityError(f"it writes more than {MAX_LENGTH:,} characters")
    return "".join(written)


# ---- Chat templates ------------------------------------------------------------------------------


def render_chat(source: str, variables: Mapping[str, Any]) -> str:
    """Renders a chat template with the names that Hugging Face's `apply_chat_template` gives it."""
    return write(_chat_template(source), variables)


@functools.lru_cache(maxsize=64)
def _chat_template(source: str) -> jinja2.Template:
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
    return sandbox.from_string(source)


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
    if str(name).startswith("_"):
        raise SecurityError(f"it sets the attribute {name!r}")


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


# ---- PromptSource's templates --------------------------------------------------------------------


def render_prompt(
    jinja: str, choices: str, row: Mapping[str, Any], key: str
) -> tuple[str, list[str]]:
    """Renders a template of PromptSource over a row.

    Args:
      jinja: the template.
      choices: a template of the answers to choose from, apart by `|||`; may be empty.
      row: the row's fields.
      key: what the filter `choice` draws from.

    Returns:
      What the template writes, and the answers, stripped of surrounding blanks.
    """
    draws = _Draws(key)
    answers: tuple[str, ...] = ()
    if choices:
        text = write(_prompt_template(choices, draws), row)
        answers = tuple(answer.strip() for answer in text.split(_PARTS))
    return write(_prompt_template(jinja, draws), {**row, "answer_choices": answers}), list(answers)


class _Draws:
    """The filter `choice`: one of some items, each call a further draw from the key."""

    def __init__(self, key: str):
        self._key = key
        self._draws = 0

    def choice(self, items: Sequence[Any]) -> Any:
        self._draws += 1
        return items[keyed_hash(self._key, str(self._draws)) % len(items)]


def _prompt_template(text: str, draws: _Draws) -> jinja2.Template:
    # A choice among constants is drawn when the template is compiled.
    has_draws = re.search(r"\bchoice\b", text) is not None
    return _PromptSandbox(draws).from_string(text) if has_draws else _drawless(text)


@functools.lru_cache(maxsize=64)
def _drawless(text: str) -> jinja2.Template:
    return _PromptSandbox(_Draws("")).from_string(text)


class _PromptSandbox(Sandbox):
    """The sandbox with PromptSource's filters and no function but `range` and `zip`."""

    def __init__(self, draws: _Draws):
        super().__init__()
        self.globals = {"range": self.globals["range"], "zip": zip}
        self.filters |= {"choice": draws.choice, "most_frequent": _most_frequent}

    def unsafe_undefined(self, obj: Any, attribute: str) -> Any:
        """Raises where Jinja would go on with an empty text."""
        raise SecurityError(f"it reads {attribute!r} of a {type(obj).__name__}")


def _most_frequent(items: Sequence[Any]) -> list[Any]:
    """All items that occur most often, in order of their first occurrence."""
    distinct = list(dict.fromkeys(items))
    most = max(map(items.count, distinct), default=0)
    return [item for item in distinct if items.count(item) == most]
