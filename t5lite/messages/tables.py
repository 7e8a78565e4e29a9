"""Tables in plain text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def format_table(
    titles: Sequence[str], rows: Sequence[Sequence[str]], *, right: Iterable[int] = ()
) -> str:
    """Columns two blanks apart under their titles, those of the given numbers flush right."""
    flush_right = set(right)
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    lines = []
    for row in (titles, ["-" * width for width in widths], *rows):
        cells = [
            cell.rjust(width) if index in flush_right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
