"""Cards of data sets and models, as Hugging Face writes them: YAML between two `---`, then text."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from t5lite.files.regular_files import check_regular

CARD_FILE = "README.md"

# What is read of a card, and searched of it; cards with tables of results are longer.
_MAX_BYTES = 1 << 18
_MAX_SEARCHED = 20_000
_FRONT = re.compile(r"\A\ufeff?---[ \t]*\n(.*?)^---[ \t]*$\n?", re.DOTALL | re.MULTILINE)
# What says nothing of what a card is about: comments, markup, addresses, the template's gaps.
_COMMENTS = re.compile(r"<!--.*?-->|<[^<>\n]{1,200}>", re.DOTALL)
_LINK = re.compile(r"!?\[([^\[\]\n]*)\]\([^()\s]*\)")
_ADDRESS = re.compile(r"https?://\S+")
_GAP = re.compile(r"\[?More Information Needed\]?|\[Needs More Information\]", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Card:
    """A card.

    Attributes:
      facts: What its front matter says; empty where there is none.
      text: What stands below it.
      problem: Why the front matter cannot be read; "" where it can, or there is none.
    """

    facts: Mapping[str, Any]
    text: str
    problem: str = ""

    def listed(self, *names: str) -> list[str]:
        """The texts under these names of the front matter, each of which has one or a list."""
        return [text for name in names for text in _texts(self.facts.get(name))]

    def searched(self, *names: str) -> str:
        """What is searched of it: the texts under these names, and what stands below, cut."""
        text = _COMMENTS.sub(" ", self.text)
        for pattern in (_ADDRESS, _GAP):
            text = pattern.sub(" ", _LINK.sub(r"\1", text))
        return "\n".join([*self.listed(*names), " ".join(text.split())])[:_MAX_SEARCHED]


def entries(folder: pathlib.Path) -> list[pathlib.Path]:
    """What lies in a folder and is not hidden, in order; no link back to it or what holds it."""
    here = folder.resolve()
    return [
        path
        for path in sorted(folder.iterdir())
        if not path.name.startswith(".")
        and not (path.is_symlink() and here.is_relative_to(path.resolve()))
    ]


def read_card(path: pathlib.Path) -> Card:
    """Reads a card, of which no more than 256 KiB is looked at. Nothing in it is executed.

    Raises:
      ValueError: It is no regular file.
      OSError: It cannot be read.
    """
    check_regular(path)
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES)
    return parse_card(content.decode("utf-8", "replace").replace("\r\n", "\n"))


def parse_card(text: str) -> Card:
    """The card that a text is; front matter that is no YAML mapping becomes its `problem`."""
    import yaml

    found = _FRONT.match(text)
    if found is None:
        is_open = text.lstrip("\ufeff").startswith("---\n")
        return Card({}, text, "its front matter has no end, a line ---" if is_open else "")
    body = text[found.end() :]
    try:
        facts = yaml.safe_load(found.group(1))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        place = getattr(error, "problem_mark", None)
        line = f", line {place.line + 2}" if place is not None else ""
        reason = getattr(error, "problem", None) or error
        return Card({}, body, f"its front matter{line} is no YAML: {reason}")
    if facts is None:
        return Card({}, body)
    if not isinstance(facts, dict):
        return Card({}, body, f"its front matter is a {type(facts).__name__}, not a mapping")
    return Card(facts, body)


def _texts(value: Any) -> Iterator[str]:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str | int | float) and not isinstance(item, bool):
            yield str(item)
