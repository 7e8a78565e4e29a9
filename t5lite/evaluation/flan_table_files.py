"""Prints the table of Flan's suites, and writes it as Markdown, JSON and a page."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

from t5lite.evaluation import flan_cells
from t5lite.evaluation.flan_cells import Cells
from t5lite.evaluation.flan_page import write_flan_page
from t5lite.evaluation.flan_table import ModelRow
from t5lite.evaluation.published import PUBLISHED
from t5lite.evaluation.suite_score import SuiteScore
from t5lite.evaluation.suites import SUITES
from t5lite.files.json_files import write_object
from t5lite.files.whole_file import write_whole
from t5lite.messages.tables import format_markdown, format_table

_TITLE = "Flan's held-out suites"
_LEGEND = (
    "Scores in percent: exact match, the unweighted mean over subjects, subtasks or languages. "
    "* is not of the whole suite: what lacks is listed below."
)


def write_table(folder: pathlib.Path, rows: Sequence[ModelRow]) -> None:
    """Prints the table, and writes `table.md`, `table.json` and `table.html` into a folder.

    Args:
      folder: Made where it does not exist.
      rows: A model each, the first on top.
    """
    notes = flan_cells.notes(rows)
    main, evaluations = flan_cells.main_table(rows), flan_cells.evaluation_table(rows)
    print(f"{_TITLE}. {_LEGEND}\n")
    for cells in (main, evaluations):
        print(format_table(cells.titles, cells.rows, right=cells.right))
        print()
    for note in notes:
        print(note)
    folder.mkdir(parents=True, exist_ok=True)
    parts = [f"# {_TITLE}", _LEGEND, _markdown(main), "\n".join(f"- {note}" for note in notes)]
    parts += ["## Evaluations", _markdown(evaluations)]
    for suite in SUITES:
        if any(suite.name in row.suites for row in rows):
            parts += [f"## {suite.title}", _markdown(flan_cells.task_table(rows, suite))]
    text = "\n\n".join(part for part in parts if part) + "\n"
    write_whole(folder / "table.md", text.encode("utf-8", "backslashreplace"))
    write_object(folder / "table.json", _record(rows, notes))
    write_flan_page(folder / "table.html", rows, title=_TITLE, legend=_LEGEND, notes=notes)
    print(f"In {folder}: table.md, table.json, table.html")


def _markdown(cells: Cells) -> str:
    return format_markdown(cells.titles, cells.rows, right=cells.right)


def _record(rows: Sequence[ModelRow], notes: Sequence[str]) -> dict[str, Any]:
    return {
        "models": [
            {
                "label": row.label,
                "normalized_average": row.normalized_average,
                "is_partial": bool(row.gaps),
                "gaps": row.gaps,
                "suites": {name: _suite(score) for name, score in row.suites.items()},
                "other_evaluations": [
                    {"name": other.name, "mixture_or_task_name": other.mixture_or_task_name}
                    | {"tasks": {task: _task(found) for task, found in other.tasks.items()}}
                    for other in row.others
                ],
            }
            for row in rows
        ],
        "notes": list(notes),
        "published": [
            {
                "model": found.model,
                "normalized_average": found.normalized_average,
                "scores": dict(found.scores),
                "source": found.source,
            }
            for found in PUBLISHED
        ],
    }


def _suite(score: SuiteScore) -> dict[str, Any]:
    has_interval = score.has_interval and bool(score.members)
    return {
        "evaluation": score.evaluation.name,
        "mixture_or_task_name": score.evaluation.mixture_or_task_name,
        "step": score.evaluation.step,
        "split": score.evaluation.split,
        "asked": score.asked,
        "score": score.score.value if score.members else None,
        "interval": [score.score.low, score.score.high] if has_interval else None,
        "gaps": score.gaps,
        "missing": score.missing,
        "deviations": score.deviations,
        "members": {member: _task(found) for member, found in score.members.items()},
    }


def _task(found: Any) -> dict[str, Any]:
    record = dataclasses.asdict(found)
    has_interval = record.pop("has_interval")
    value, low, high = found.score
    return record | {"score": value, "interval": [low, high] if has_interval else None}
