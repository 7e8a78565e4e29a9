"""The table of Flan's suites: models in rows, Table 5's columns, the published rows beside them."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Mapping, Sequence

from t5lite.evaluation.eval_report import EvalReport
from t5lite.evaluation.finished import (
    METRICS,
    FinishedEvaluation,
    evaluation_folders,
    labelled,
    read_evaluation,
)
from t5lite.evaluation.normalized_average import normalized_average
from t5lite.evaluation.suite_score import SuiteScore
from t5lite.evaluation.suites import SUITES, suite_of
from t5lite.files.local_paths import writable_folder


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelRow:
    """What one model scores.

    Attributes:
      label: What readers call it.
      suites: By `Suite.name`, those that were evaluated, in the table's order.
      others: Evaluations that are no column of the table.
    """

    label: str
    suites: Mapping[str, SuiteScore]
    others: Sequence[FinishedEvaluation]

    @functools.cached_property
    def gaps(self) -> list[str]:
        """Why the row is partial; empty where all suites are there as a whole."""
        gaps = []
        for suite in SUITES:
            found = self.suites.get(suite.name)
            reasons = ["not evaluated"] if found is None else found.gaps
            gaps += [f"{suite.title}: {reason}" for reason in reasons]
        return gaps

    @property
    def normalized_average(self) -> float | None:
        """See the function of this name; None where the row is partial."""
        if self.gaps:
            return None
        return normalized_average(
            {
                name: {member: task.score.value for member, task in found.members.items()}
                for name, found in self.suites.items()
            }
        )


def read_row(
    label: str, folder: pathlib.Path, *, names: Sequence[str] | None = None, flag: str = ""
) -> ModelRow:
    """Reads a model's finished evaluations.

    Args:
      label: What the row is called.
      folder: Where they lie: one of them, a folder of several, or the model's.
      names: The evaluations to read; all that are there when None.
      flag: What errors call the folder.

    Raises:
      ValueError: There is none, one of `names` is not there, two are of one column, or none is of
        any.
    """
    folders = evaluation_folders(folder, holding=METRICS, names=names, flag=flag)
    suites: dict[str, SuiteScore] = {}
    others = []
    for name, one in folders.items():
        evaluation = read_evaluation(one)
        suite = suite_of(evaluation.tasks)
        if suite is None:
            others.append(evaluation)
            continue
        if suite.name in suites:
            first = suites[suite.name].evaluation.name
            raise ValueError(
                f"{folder}: {first} and {name} both evaluate {suite.title}, which is one column of "
                f"the table; name those to show, as in --evaluations={first}"
            )
        suites[suite.name] = SuiteScore(suite=suite, evaluation=evaluation)
    if not suites:
        wanted = ", ".join(suite.mixture for suite in SUITES)
        raise ValueError(
            f"{folder}: {', '.join(folders)} evaluate no suite of the table, which has {wanted}; "
            "`t5lite eval --gin_file=recipes/eval_flan.gin` evaluates them."
        )
    in_order = {suite.name: suites[suite.name] for suite in SUITES if suite.name in suites}
    return ModelRow(label=label, suites=in_order, others=others)


def tabulate(
    folders: Sequence[str], *, names: Sequence[str] | None = None, output: str = "."
) -> list[ModelRow]:
    """Prints the table of several models, and writes it; the function behind `t5lite eval table`.

    Args:
      folders: Of their evaluations, a row each; or `LABEL=DIR`.
      names: The evaluations to show of each; all when None.
      output: Folder to write `table.md`, `table.json` and `table.html` into.

    Raises:
      ValueError: As `read_row`.
    """
    from t5lite.evaluation.flan_table_files import write_table

    target = writable_folder(output, name="--output")
    rows = [
        read_row(label, folder, names=names, flag="table")
        for label, folder in labelled(folders, name="table").items()
    ]
    write_table(target, rows)
    return rows


@dataclasses.dataclass(frozen=True, kw_only=True)
class FlanTable(EvalReport):
    """The table of what `t5lite eval` has just evaluated, as the report of an evaluation.

    Attributes:
      label: What the model is called; its folder's name when None.
    """

    label: str | None = None

    def write(self, folder: pathlib.Path, *, names: Sequence[str], model: str) -> None:
        """Prints the table, and writes `table.md`, `table.json` and `table.html` into `folder`."""
        from t5lite.evaluation.flan_table_files import write_table

        write_table(folder, [read_row(self.label or model, folder, names=names)])
