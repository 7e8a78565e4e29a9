"""Two finished evaluations, example by example: what is the same question, and who answers it."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from t5lite.evaluation.finished import evaluation_folders
from t5lite.evaluation.paired_difference import PairedDifference, compare_suite, compare_task
from t5lite.inference.records import PREDICTIONS, Record, read_records


@dataclasses.dataclass(frozen=True)
class Pair:
    """One example, asked of both models.

    Attributes:
      a: A's record.
      b: B's.
    """

    a: Record
    b: Record

    @property
    def has_changed(self) -> bool:
        """Whether the score or the answer is another."""
        return (self.a.score, self.a.answer) != (self.b.score, self.b.answer)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaskComparison:
    """One Task.

    Attributes:
      task: Its name.
      pairs: The examples that were compared, in order.
      found: Their scores beside each other.
      adjusted_p_value: By Benjamini and Hochberg, over all Tasks of the comparison: at most this
        share of the Tasks with no larger one differs by chance alone.
    """

    task: str
    pairs: Sequence[Pair]
    found: PairedDifference
    adjusted_p_value: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationComparison:
    """One evaluation, such as a suite.

    Attributes:
      name: Of the evaluation; A's and B's where they are called otherwise.
      tasks: Those that both have.
      found: The unweighted mean over the Tasks.
    """

    name: str
    tasks: Sequence[TaskComparison]
    found: PairedDifference


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two models, A and B.

    Attributes:
      folders: Where their evaluations lie.
      evaluations: Those that both have.
      unmatched: Names of evaluations that only A, and that only B has.
      left_out: How many examples were not compared, by Task and reason.
    """

    folders: tuple[pathlib.Path, pathlib.Path]
    evaluations: Sequence[EvaluationComparison]
    unmatched: tuple[Sequence[str], Sequence[str]]
    left_out: Mapping[tuple[str, str], int]


def compare(
    folder_a: pathlib.Path, folder_b: pathlib.Path, *, allow_different_prompts: bool = False
) -> Comparison:
    """Compares what two evaluations left: scores of the same examples, Task by Task.

    Evaluations are matched by name, or as they are where either folder holds one alone; examples
    by Task and index, and they must be the same question: the same id, references and options, and
    the same prompt to the letter.

    Args:
      folder_a: An evaluation's folder, one that holds several, or the model's.
      folder_b: The same of the other model.
      allow_different_prompts: Compare examples also where the prompts differ, as they do with
        another number of demonstrations or another chat template.

    Raises:
      ValueError: A folder holds no evaluation, or nothing is left to compare; names the reasons.
    """
    both, unmatched = _evaluations(folder_a, folder_b)
    left_out: collections.Counter[tuple[str, str]] = collections.Counter()
    matched = {
        name: _match(
            read_records(a / PREDICTIONS),
            read_records(b / PREDICTIONS),
            allow_different_prompts,
            left_out,
        )
        for name, (a, b) in both.items()
    }
    found = {
        (name, task): compare_task([_score(p.a) for p in pairs], [_score(p.b) for p in pairs])
        for name, by_task in matched.items()
        for task, pairs in by_task.items()
    }
    if not found:
        raise ValueError(_nothing_left(folder_a, folder_b, left_out))
    adjusted = dict(zip(found, _adjusted([f.p_value for f in found.values()]), strict=True))
    return Comparison(
        folders=(folder_a, folder_b),
        evaluations=[
            _evaluation(
                name,
                [
                    TaskComparison(
                        task=task,
                        pairs=pairs,
                        found=found[name, task],
                        adjusted_p_value=adjusted[name, task],
                    )
                    for task, pairs in by_task.items()
                ],
            )
            for name, by_task in matched.items()
            if by_task
        ],
        unmatched=unmatched,
        left_out=left_out,
    )


def _nothing_left(
    folder_a: pathlib.Path, folder_b: pathlib.Path, left_out: Mapping[tuple[str, str], int]
) -> str:
    reasons: collections.Counter[str] = collections.Counter()
    for (_, reason), number in left_out.items():
        reasons[reason] += number
    counted = "; ".join(f"{reason} ({number:,})" for reason, number in reasons.most_common())
    message = f"{folder_a} and {folder_b} have no example that can be compared: {counted}."
    if _OTHER_PROMPT in reasons:
        message += " Give --allow_different_prompts if they were meant to be asked differently."
    return message


def _evaluation(name: str, tasks: Sequence[TaskComparison]) -> EvaluationComparison:
    if len(tasks) == 1:
        return EvaluationComparison(name=name, tasks=tasks, found=tasks[0].found)
    differences = [np.array([_score(p.b) - _score(p.a) for p in t.pairs]) for t in tasks]
    found = compare_suite([task.found for task in tasks], differences)
    return EvaluationComparison(name=name, tasks=tasks, found=found)


def _evaluations(
    folder_a: pathlib.Path, folder_b: pathlib.Path
) -> tuple[dict[str, tuple[pathlib.Path, pathlib.Path]], tuple[list[str], list[str]]]:
    """Both folders of each evaluation that A and B have, and the names that one alone has."""
    all_a = evaluation_folders(folder_a, holding=PREDICTIONS)
    all_b = evaluation_folders(folder_b, holding=PREDICTIONS)
    if len(all_a) == len(all_b) == 1:
        ((name_a, a),), ((name_b, b),) = all_a.items(), all_b.items()
        return {name_a if name_a == name_b else f"{name_a}, {name_b}": (a, b)}, ([], [])
    both = {name: (path, all_b[name]) for name, path in all_a.items() if name in all_b}
    if not both:
        raise ValueError(
            f"{folder_a} and {folder_b} have no evaluation of the same name: {', '.join(all_a)} "
            f"and {', '.join(all_b)}. To compare evaluations of different names, give the folder "
            "of one on either side."
        )
    return both, ([n for n in all_a if n not in both], [n for n in all_b if n not in both])


_OTHER_PROMPT = "the prompt is another"


def _match(
    records_a: Sequence[Record],
    records_b: Sequence[Record],
    allow_different_prompts: bool,
    left_out: collections.Counter[tuple[str, str]],
) -> dict[str, list[Pair]]:
    """The pairs of each Task; counts what is left out."""
    theirs = {(record.task, record.index): record for record in records_b}
    matched: dict[str, list[Pair]] = {}
    for a in records_a:
        b = theirs.pop((a.task, a.index), None)
        if b is None:
            left_out[a.task, "only A has the example"] += 1
        elif reason := _difference(a, b, allow_different_prompts):
            left_out[a.task, reason] += 1
        else:
            matched.setdefault(a.task, []).append(Pair(a, b))
    left_out.update((task, "only B has the example") for task, _ in theirs)
    return matched


def _difference(a: Record, b: Record, allow_different_prompts: bool) -> str | None:
    """Why two records of one Task and index cannot be compared; None where they can."""
    if a.skipped is not None or b.skipped is not None:
        return "it was skipped"
    if a.id != b.id:
        return "the id is another"
    if (a.targets, a.references) != (b.targets, b.references):
        return "the references are others"
    if a.options and b.options and a.options != b.options:
        return "the options are others"
    if a.score is None or b.score is None:
        return "there is no score of single examples"
    if a.inputs != b.inputs and not allow_different_prompts:
        return _OTHER_PROMPT
    return None


def _score(record: Record) -> float:
    assert record.score is not None
    return record.score


def _adjusted(p_values: Sequence[float]) -> list[float]:
    from scipy import stats

    return [float(p) for p in stats.false_discovery_control(p_values)]
