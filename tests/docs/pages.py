"""The README and the pages of docs/: their code blocks, their commands, their tables."""

import dataclasses
import pathlib
import re
import shlex
from collections.abc import Mapping, Sequence

from tests.conftest import REPOSITORY

README = REPOSITORY / "README.md"
DOCS = REPOSITORY / "docs"
PAGES = [README, *sorted(DOCS.glob("*.md"))]

# `t5lite VERB ...`, after variables that are set for it, or by way of a script of launch/.
_COMMAND = re.compile(
    r"(?P<set>(?:\w+=\S+ )*)"
    r"(?:(?:\.venv/bin/)?t5lite|.*\blaunch/slurm\.sbatch|"
    r".*\blaunch/(?:tpu_pod|kubernetes)\.sh run(?:\s+--\S+)*)\s+"
)


@dataclasses.dataclass(frozen=True)
class Command:
    """One command of a page.

    Attributes:
      words: what follows `t5lite`.
      environment: variables that are set for it.
    """

    words: Sequence[str]
    environment: Mapping[str, str]

    def __str__(self) -> str:
        return " ".join(self.words)


def blocks(page: pathlib.Path, language: str = "") -> list[str]:
    """A page's code blocks of one language, as the fence names it."""
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)
    return [block for of, block in found if of == language]


def commands(page: pathlib.Path) -> list[Command]:
    """Commands that begin a line of a code block; comments cut, lines joined."""
    found = []
    for language in ("", "sh", "bash"):
        for block in blocks(page, language):
            for line in block.replace("\\\n", " ").splitlines():
                start = _COMMAND.match(line)
                if start and ": error:" not in line:
                    words = shlex.split(line[start.end() :], comments=True)
                    settings = (word.partition("=") for word in shlex.split(start["set"]))
                    found.append(Command(words, {name: value for name, _, value in settings}))
    return found


def table_rows(page: pathlib.Path) -> list[list[str]]:
    """The cells of all tables' rows, heads and rules left out."""
    lines = [line for line in page.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    rules = [i for i, row in enumerate(rows) if set("".join(row)) <= {"-", ":"}]
    return [row for i, row in enumerate(rows) if i not in rules and i + 1 not in rules]
