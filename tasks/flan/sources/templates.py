"""PromptSource's templates: found, read, and rendered in a sandbox.

A template is Jinja text `inputs ||| target` over the fields of a data set's row.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
from jinja2.exceptions import SecurityError

from t5lite.data.sources import local_files
from t5lite.data.vocabularies.jinja_sandbox import Sandbox

_PARTS = "|||"


@dataclasses.dataclass(frozen=True)
class PromptTemplate:
    """One template.

    Attributes:
      name: its name in the file.
      jinja: inputs and target, apart by `|||`.
      choices: Jinja text of the answers to choose from, apart by `|||`; may be empty.
      where: file and name, for errors.
    """

    name: str
    jinja: str
    choices: str
    where: str


@dataclasses.dataclass(frozen=True)
class Rendered:
    """What a template makes of a row: texts stripped of surrounding blanks."""

    prompt: str
    target: str
    choices: tuple[str, ...]


def template_key(text: str) -> str:
    """The part of a subtask's name that a template's name makes: `_` for all but letters."""
    return re.sub(r"[^\w.]+", "_", text)


def read_templates(path: pathlib.Path) -> Mapping[str, PromptTemplate]:
    """Reads a `templates.yaml` of PromptSource; nothing in it is executed.

    Returns:
      Templates by `template_key` of their names.

    Raises:
      ValueError: if PyYAML is not installed, or the file is not such a file.
    """
    stat = path.stat()
    return _read_templates(path, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=4)
def _read_templates(path: pathlib.Path, mtime_ns: int, size: int) -> Mapping[str, PromptTemplate]:
    del mtime_ns, size  # Only part of the cache's key.
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{path}: reading it needs PyYAML, which is not installed: pip install 't5lite[flan]'"
        ) from error
    try:
        content = yaml.load(local_files.read_text(path), Loader=_loader_class(yaml))
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: malformed YAML: {error}") from error
    entries = local_files.require(content, "templates", dict, where=str(path))
    found = {}
    for entry in entries.values():
        name = local_files.require(entry, "name", str, where=str(path))
        where = f"{path}, template {name!r}"
        jinja = local_files.require(entry, "jinja", str, where=where)
        choices = entry.get("answer_choices") or ""
        found[template_key(name)] = PromptTemplate(name, jinja, choices, where)
    return found


def _loader_class(yaml: Any) -> Any:
    """PyYAML's safe loader; PromptSource's two tags become plain mappings, any other fails."""

    class Loader(yaml.SafeLoader):
        pass

    for tag in ("!Template", "!TemplateMetadata"):
        Loader.add_constructor(tag, lambda loader, node: loader.construct_mapping(node, deep=True))
    return Loader


def render_template(template: PromptTemplate, row: Mapping[str, Any], *, key: str) -> Rendered:
    """Renders a template over a row.

    Args:
      template: the template.
      row: the row's fields.
      key: what the filter `choice` draws from.

    Returns:
      Prompt, target and choices; prompt and target are empty where the template says nothing
      for this row.

    Raises:
      ValueError: if the template is malformed, fails, or does what the sandbox forbids.
    """
    environment = _Environment(key)
    try:
        choices: tuple[str, ...] = ()
        if template.choices:
            text = environment.render(template.choices, row)
            choices = tuple(choice.strip() for choice in text.split(_PARTS))
        text = environment.render(template.jinja, {**row, "answer_choices": choices})
    except SecurityError as error:
        raise ValueError(f"{template.where}: refused by the sandbox: {error}") from error
    except (
        *(jinja2.TemplateError, ArithmeticError, LookupError, RecursionError),
        *(TypeError, ValueError),
    ) as error:
        raise ValueError(f"{template.where}: {type(error).__name__}: {error}") from error
    prompt, _, target = text.partition(_PARTS)
    return Rendered(prompt.strip(), target.strip(), choices)


class _Environment(Sandbox):
    """The sandbox with PromptSource's filters and no function but `range` and `zip`."""

    def __init__(self, key: str):
        super().__init__()
        self._key = key
        self._draws = 0
        self.globals = {"range": self.globals["range"], "zip": zip}
        self.filters |= {"choice": self._choice, "most_frequent": _most_frequent}

    def render(self, text: str, fields: Mapping[str, Any]) -> str:
        """The text with the fields put in."""
        return self.write(self.from_string(text), fields)

    def unsafe_undefined(self, obj: Any, attribute: str) -> Any:
        """Raises where Jinja would go on with an empty text."""
        raise SecurityError(f"it reads {attribute!r} of a {type(obj).__name__}")

    def _choice(self, items: Sequence[Any]) -> Any:
        """One of the items, drawn from the key."""
        self._draws += 1
        return items[local_files.keyed_hash(self._key, str(self._draws)) % len(items)]


def _most_frequent(items: Sequence[Any]) -> list[Any]:
    """All items that occur most often, in order of their first occurrence."""
    distinct = list(dict.fromkeys(items))
    most = max(map(items.count, distinct), default=0)
    return [item for item in distinct if items.count(item) == most]
