"""Tables in plain text and in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def format_table(
    titles: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Iterable[int] = (),
    drops_empty: bool = False,
) -> str:
    """Columns two blanks apart under their titles, those of the given numbers flush right.

    With `drops_empty`, columns are left out in which no row has anything.
    """
    flush_right = set(right)
    if drops_empty:
        kept = [index for index in range(len(titles)) if any(row[index] for row in rows)]
        flush_right = {place for place, index in enumerate(kept) if index in flush_right}
        titles, rows = [titles[i] for i in kept], [[row[i] for i in kept] for row in rows]
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    lines = []
    for row in (titles, ["-" * width for width in widths], *rows):
        cells = [
            cell.rjust(width) if index in flush_right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def format_markdown(
    titles: Sequence[str], rows: Sequence[Sequence[str]], *, right: Iterable[int] = ()
) -> str:
    """A table of GitHub's Markdown; whatever is in a cell stays in it."""
    flush_right = set(right)
    rule = ["---:" if index in flush_right else "---" for index in range(len(titles))]
    lines = [[*map(_markdown_cell, row)] for row in (titles, *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (lines[0], rule, *lines[1:]))


def _markdown_cell(text: str) -> str:
    """A text as it is: marks of Markdown and HTML escaped, in one line."""
    return re.sub(r"([\\|`*<\[])", r"\\\1", " ".join(text.split()))
