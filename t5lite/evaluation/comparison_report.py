"""Behind `t5lite eval compare`: prints differences, writes the page and the numbers."""

from __future__ import annotations

import collections
import dataclasses
from typing import Any

from t5lite.evaluation.comparison import Comparison, compare
from t5lite.evaluation.comparison_page import p_text, row, write_comparison_page
from t5lite.evaluation.finished import labelled
from t5lite.evaluation.paired_difference import PairedDifference
from t5lite.files.json_files import write_object
from t5lite.files.local_paths import writable_folder
from t5lite.messages.tables import format_table


def report(
    a: str, b: str, *, output: str = ".", allow_different_prompts: bool = False
) -> Comparison:
    """Prints how two models differ, and writes `compare.html` and `compare.json`.

    Args:
      a: Folder of finished evaluations, or `LABEL=DIR`.
      b: That of the other model.
      output: Folder to write into.
      allow_different_prompts: Compare examples also where the prompts differ.

    Returns:
      What was found.

    Raises:
      ValueError: A folder holds no evaluation, or nothing is left to compare.
    """
    folders = labelled([a, b], name="compare")
    folder = writable_folder(output, name="--output")
    label_a, label_b = folders
    found = compare(
        folders[label_a], folders[label_b], allow_different_prompts=allow_different_prompts
    )
    notes = _notes(found)
    print(f"A is {label_a}, B is {label_b}; scores in percent, differences with 95% intervals\n")
    print(_table(found))
    for note in notes:
        print(note)
    folder.mkdir(parents=True, exist_ok=True)
    write_comparison_page(
        folder / "compare.html", found, label_a=label_a, label_b=label_b, notes=notes
    )
    write_object(folder / "compare.json", _numbers(found, label_a, label_b, notes))
    print(f"\nIn {folder}: compare.html (examples that changed), compare.json")
    return found


def _table(found: Comparison) -> str:
    titles = ["", "examples", "A", "B", "difference", "better", "worse", "p", "adjusted p"]
    rows = []
    for evaluation in found.evaluations:
        for task in evaluation.tasks:
            rows.append([*_cells(task.task, task.found), p_text(task.adjusted_p_value)])
        if len(evaluation.tasks) > 1:
            rows.append([*_cells(f"{evaluation.name}, mean", evaluation.found), ""])
    return format_table(titles, rows, right=range(1, len(titles)))


def _cells(name: str, found: PairedDifference) -> list[str]:
    texts = row(found)
    return [name, *(texts[x] for x in ("pairs", "a", "b", "difference", "better", "worse", "p"))]


def _notes(found: Comparison) -> list[str]:
    """What was not compared, in words."""
    reasons: dict[str, dict[str, int]] = collections.defaultdict(dict)
    for (task, reason), number in found.left_out.items():
        reasons[reason][task] = number
    notes = [
        f"not compared, {reason}: {sum(tasks.values()):,} examples of {len(tasks):,} tasks, such "
        f"as {next(iter(tasks))}"
        for reason, tasks in reasons.items()
    ]
    for side, names in zip("AB", found.unmatched, strict=True):
        if names:
            notes.append(f"not compared, only {side} has the evaluation: {', '.join(names)}")
    return notes


def _numbers(found: Comparison, label_a: str, label_b: str, notes: list[str]) -> dict[str, Any]:
    return {
        "a": {"label": label_a, "folder": str(found.folders[0])},
        "b": {"label": label_b, "folder": str(found.folders[1])},
        "notes": notes,
        "evaluations": {
            evaluation.name: {
                "mean": _number(evaluation.found),
                "tasks": {
                    task.task: _number(task.found) | {"adjusted_p_value": task.adjusted_p_value}
                    for task in evaluation.tasks
                },
            }
            for evaluation in found.evaluations
        },
    }


def _number(found: PairedDifference) -> dict[str, Any]:
    return dataclasses.asdict(found) | {"difference": found.difference._asdict()}
