"""How good a trained model is, and its teacher asked with the same prompt: scores of their answers.

Examples are lines `{"id", "input", "output"}`, where `references` may hold further right answers;
answers are lines `{"id", "prediction"}`, as `t5lite infer` writes them of such examples and
`t5lite eval` in `predictions.jsonl`.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from t5lite.evaluation.comparison_page import p_text
from t5lite.evaluation.estimates import Estimate
from t5lite.evaluation.paired_difference import PairedDifference
from t5lite.files.json_files import read_lines, write_lines, write_object
from t5lite.files.whole_file import write_whole
from t5lite.messages.tables import format_markdown, format_table
from t5lite.messages.value_types import check_fields
from t5lite.synthetic_data.prompt2model.bert_scorer import BertScorer
from t5lite.synthetic_data.prompt2model.prompt_spec import PromptSpec
from t5lite.synthetic_data.prompt2model.scores import Scores, score
from t5lite.synthetic_data.teachers.asking import Asking
from t5lite.synthetic_data.teachers.requests import Request

log = logging.getLogger(__name__)

SCORES_FILE, TABLE_FILE = "scores.json", "scores.md"
STUDENT, TEACHER = "student", "teacher"

# Begin the parts of a prompt; a model that goes on with a further example is stopped there.
_INPUT, _OUTPUT = "Input:", "Output:"

Id = str | int


def evaluate_answers(
    answers: pathlib.Path, examples: pathlib.Path, *, bert: BertScorer | None = None
) -> Scores:
    """Scores the answers in one file against the examples in another.

    Args:
      answers: One line for each example, in any order; `prediction` is null where there is none.
      examples: What was asked.
      bert: The model of BERTScore; it is left out when None.

    Raises:
      ValueError: A line is malformed, an id is there twice, there are no examples, or an example
        has no line, or a line no example: names file and line, or the first ids.
    """
    right = {id: given for id, (_, given) in read_references(examples).items()}
    found: dict[Id, str | None] = {}
    for where, id, line in _lines(answers, {"prediction": str | None}):
        if "prediction" not in line:
            raise ValueError(f"{where} has no 'prediction'; write null where there is no answer")
        if id in found:
            raise ValueError(f"{where}: a second answer to {id!r}; leave one of them")
        found[id] = line["prediction"]
    for what, here, there in (
        (f"{answers} has no answer to", right, found),
        (f"{answers} answers what {examples} does not hold:", found, right),
    ):
        if missing := [id for id in here if id not in there]:
            ids = ", ".join(map(repr, missing[:3])) + (", ..." if len(missing) > 3 else "")
            raise ValueError(
                f"{what} {ids} ({len(missing):,} of {len(here):,}); both files must be of the same "
                "examples"
            )
    return score(right, found, bert=bert)


def read_references(path: pathlib.Path) -> dict[Id, tuple[str, Sequence[str]]]:
    """By id, the input of an example to score and its right answers.

    Raises:
      ValueError: As `evaluate_answers`.
    """
    examples: dict[Id, tuple[str, Sequence[str]]] = {}
    types = {"input": str, "output": str, "references": list[str]}
    for where, id, line in _lines(path, types):
        for name in ("input", "output"):
            if line.get(name) is None:
                raise ValueError(f"{where} has no {name!r}; an example has an input and an output")
        if id in examples:
            raise ValueError(f"{where}: a second example {id!r}; ids tell examples apart")
        examples[id] = (line["input"], line.get("references") or [line["output"]])
    if not examples:
        raise ValueError(f"{path} holds no examples, so that there is nothing to score")
    return examples


def _lines(path: pathlib.Path, types: Mapping[str, Any]) -> list[tuple[str, Id, Mapping[str, Any]]]:
    found: list[tuple[str, Id, Mapping[str, Any]]] = []
    try:
        lines = list(read_lines(path, any_text=True))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from error
    for where, line in lines:
        check_fields(line, {**types, "id": str | int}, name=where)
        if line.get("id") is None:
            raise ValueError(f"{where} has no 'id', which answers and examples are matched by")
        found.append((where, line["id"], line))
    return found


def score_teacher(
    spec: PromptSpec,
    examples: pathlib.Path,
    asking: Asking,
    *,
    answers: pathlib.Path,
    max_tokens: int = 256,
) -> pathlib.Path:
    """Asks the teacher itself each example of a file, with the prompt that the student is made of.

    Every reply is kept by `asking`, so that a killed run asks nothing twice.

    Args:
      spec: The prompt.
      examples: What to ask.
      asking: Who is asked.
      answers: The file to write: the examples with the field `prediction`, null where the teacher
        gave no answer, and `problem` beside it that says why.
      max_tokens: Of an answer.

    Returns:
      `answers`.

    Raises:
      ValueError: As `read_references`, or the teacher answered nothing at all.
    """
    given = read_references(examples)
    requests = [teacher_request(spec, text, max_tokens=max_tokens) for text, _ in given.values()]
    lines = []
    for (id, (text, right)), found in zip(
        given.items(), asking.ask(requests, desc="teacher, test examples"), strict=True
    ):
        line = {"id": id, "input": text, "output": right[0], "prediction": None}
        if found.reply is None or not found.reply.choices:
            line["problem"] = found.problem or "the reply holds no answer"
        else:
            # Some models repeat the word before it.
            said = found.reply.choices[0].text
            line["prediction"] = said.strip().removeprefix(_OUTPUT).strip()
        lines.append(line)
    unanswered = [str(line["problem"]) for line in lines if "problem" in line]
    if len(unanswered) == len(lines):
        raise ValueError(f"the teacher answered none of {len(lines):,} examples: {unanswered[0]}")
    if unanswered:
        log.warning(
            "the teacher did not answer %d of %d examples, which count as wrong: %s",
            *(len(unanswered), len(lines), unanswered[0]),
        )
    write_lines(answers, lines)
    return answers


def teacher_request(spec: PromptSpec, text: str, *, max_tokens: int) -> Request:
    """The prompt with an input behind it: instruction, demonstrations, input; the likeliest answer.

    A demonstration or an input that is empty has no line of its own.
    """
    shown = [(d.input, f"{_OUTPUT} {d.output}") for d in spec.demonstrations]
    blocks = [spec.instruction.strip()]
    for given, output in (*shown, (text, _OUTPUT)):
        blocks.append(f"{_INPUT} {given}\n{output}" if given.strip() else output)
    return Request.of_text(
        "\n\n".join(blocks), temperature=0.0, max_tokens=max_tokens, stop=(f"\n{_INPUT}",)
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """The student beside its teacher on the same examples.

    Attributes:
      student: The trained model's scores.
      teacher: The teacher's; None where it was not asked.
      baselines: Further models' scores by name, such as the one that training began with.
    """

    student: Scores
    teacher: Scores | None = None
    baselines: Mapping[str, Scores] = dataclasses.field(default_factory=dict)

    def table(self) -> str:
        """Scores in percent with their 95% intervals, as text."""
        return format_table(*self._cells(), right=range(2, 7))

    def write(self, folder: pathlib.Path) -> None:
        """Writes `scores.json` and `scores.md`, each as a whole.

        In scores.json numbers are from 0 to 1, as everywhere in t5lite but on the screen.
        """
        folder.mkdir(parents=True, exist_ok=True)
        write_object(folder / SCORES_FILE, self._record())
        write_whole(folder / TABLE_FILE, format_markdown(*self._cells(), right=range(2, 7)) + "\n")

    @property
    def _others(self) -> dict[str, Scores]:
        return {**self.baselines, **({TEACHER: self.teacher} if self.teacher else {})}

    @property
    def _models(self) -> dict[str, Scores]:
        return {STUDENT: self.student, **self._others}

    # Bootstraps over many answers take seconds.
    @functools.cached_property
    def _estimates(self) -> dict[str, dict[str, Estimate]]:
        return {name: scores.estimates() for name, scores in self._models.items()}

    @functools.cached_property
    def _differences(self) -> dict[str, dict[str, PairedDifference]]:
        return {name: scores.compare(self.student) for name, scores in self._others.items()}

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        titles = ["score", "model", "value", "student minus it", "p", "unanswered", "examples"]
        rows = []
        estimates, differences = self._estimates, self._differences
        for metric in estimates[STUDENT]:
            for name, scores in self._models.items():
                if metric not in estimates[name]:
                    continue
                found = differences.get(name, {}).get(metric)
                rows.append(
                    [
                        metric,
                        name,
                        _percent(estimates[name][metric]),
                        _percent(found.difference, sign="+") if found else "",
                        p_text(found.p_value) if found else "",
                        f"{scores.num_unanswered:,}" if scores.num_unanswered else "",
                        f"{len(scores.ids):,}",
                    ]
                )
        return titles, rows

    def _record(self) -> dict[str, Any]:
        return {
            "num_examples": len(self.student.ids),
            "models": {
                name: {
                    "num_unanswered": self._models[name].num_unanswered,
                    "scores": {metric: value._asdict() for metric, value in found.items()},
                }
                for name, found in self._estimates.items()
            },
            "student_minus": {
                name: {
                    metric: dataclasses.asdict(value) | {"difference": value.difference._asdict()}
                    for metric, value in found.items()
                }
                for name, found in self._differences.items()
            },
        }


def _percent(found: Sequence[float], *, sign: str = "") -> str:
    value, low, high = (100 * number for number in found)
    return f"{value:{sign}.1f} ({low:{sign}.1f} to {high:{sign}.1f})"
