"""Writes the table of docs/mini.md: `python -m tasks.mini.table docs/mini.md`."""

import pathlib
import sys

from .declare import MiniTask
from .operations import OPERATIONS, Operation
from .render import examples
from .suite import DEVELOPMENT_TASKS, NEW_TASKS

BEGIN, END = "<!-- table: begin -->\n", "<!-- table: end -->\n"


def table() -> str:
    """A Markdown table of the operations: what is held out, and an example of a new task."""
    lines = ["| operation | development | new | prompt | target | choices |", "|---" * 6 + "|"]
    lines += map(_row, OPERATIONS, DEVELOPMENT_TASKS, NEW_TASKS)
    return "\n".join(lines) + "\n"


def update(document: str) -> str:
    """The document with the table between its markers made anew.

    Raises:
        ValueError: if the document has no markers.
    """
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"no table markers: the document needs {BEGIN!r} and, later, {END!r}")
    return before + begin + table() + end + after


def _row(operation: Operation, development: MiniTask, new: MiniTask) -> str:
    (example,) = examples(
        new, form="zero_shot", split="validation", templates=new.templates, count=1
    )
    cells = (
        operation.name,
        f"`mini_{development.name}`",
        f"`mini_{new.name}`",
        example["inputs"],
        example["targets"],
        str(example["num_choices"]),
    )
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    path = pathlib.Path(sys.argv[1])
    path.write_text(update(path.read_text("utf-8")), "utf-8")
