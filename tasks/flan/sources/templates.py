"""PromptSource's templates: found, read, and rendered in a process of their own.

A template is Jinja text `inputs ||| target` over the fields of a data set's row.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from t5lite.data.sources import local_files
from t5lite.data.templates import process
from t5lite.data.templates.process import TemplateFailure

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


def render_templates(
    template: PromptTemplate, rows: Sequence[tuple[str, Mapping[str, Any]]]
) -> list[Rendered]:
    """Renders a template over rows.

    Args:
      template: the template.
      rows: each with what the filter `choice` draws from; the row's fields.

    Returns:
      Prompt, target and choices; prompt and target are empty where the template says nothing
      for a row.

    Raises:
      ValueError: if the template is malformed, fails, or does what the sandbox forbids.
    """
    jobs = [
        {"jinja": template.jinja, "choices": template.choices, "row": row, "key": key}
        for key, row in rows
    ]
    try:
        results = process.render("prompt", jobs)
    except TemplateFailure as failure:
        kinds = {"broken": "TemplateSyntaxError: ", "fails": "", "refuses": ""}
        reason = kinds.get(failure.kind, "refused by the sandbox: ")
        line = f" (its line {failure.line})" if failure.line is not None else ""
        raise ValueError(f"{template.where}: {reason}{failure.message}{line}") from failure
    made = []
    for text, choices in results:
        prompt, _, target = text.partition(_PARTS)
        made.append(Rendered(prompt.strip(), target.strip(), tuple(choices)))
    return made
