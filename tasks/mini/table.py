"""Writes the table of docs/mini.md: `python -m tasks.mini.table docs/mini.md`."""

import pathlib
import sys

from .declare import MiniTask
from .render import examples
from .suite import TASKS

BEGIN, END = "<!-- table: begin -->\n", "<!-- table: end -->\n"


def table() -> str:
    """A Markdown table of every task: category, whether it is trained, forms, one example."""
    lines = ["| category | task | trained | forms | prompt | target |", "|---" * 6 + "|"]
    lines += [_row(task) for task in TASKS]
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


def _row(task: MiniTask) -> str:
    (example,) = examples(
        task, form="zero_shot", split="validation", templates=task.templates, count=1
    )
    forms = "zero, few" + (", cot" if task.has_rationale else "")
    cells = (
        task.category,
        f"`{task.name}`",
        "yes" if task.trained else "no",
        forms,
        example["inputs"],
        example["targets"],
    )
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    path = pathlib.Path(sys.argv[1])
    path.write_text(update(path.read_text("utf-8")), "utf-8")
