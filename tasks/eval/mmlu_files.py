"""MMLU's files: questions in the official headerless CSV, and the chain-of-thought prompts."""

from __future__ import annotations

import csv
import io
import pathlib
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from t5lite.data.sources import local_files
from t5lite.data.tasks.prompt_parts import Exemplar

from . import suite_files
from .suite_tasks import STEP_BY_STEP

LETTERS = ("A", "B", "C", "D")
_COLUMNS = ("question", *LETTERS, "letter")

# What joins a question to its chain of thought in the prompts.
_JOINT = f"\nA: {STEP_BY_STEP} "


class Question(NamedTuple):
    """One row.

    Attributes:
      text: what is asked, without surrounding blanks.
      options: the four answers.
      letter: of the right one.
    """

    text: str
    options: tuple[str, ...]
    letter: str


def read_questions(path: pathlib.Path) -> tuple[Question, ...]:
    """The rows of a file `question,A,B,C,D,letter` without a header, quoted as CSV.

    Raises:
      ValueError: naming file and line: a row has another number of columns, or no letter from A to
        D; or there is a header, or no row.
    """
    questions: list[Question] = []
    for where, cells in _rows(path):
        if len(cells) != len(_COLUMNS):
            raise ValueError(
                f"{where}: expected the {len(_COLUMNS)} columns {', '.join(_COLUMNS)}, found "
                f"{len(cells)}; quote a field that holds a comma"
            )
        question, *options, letter = cells
        if letter not in LETTERS:
            raise ValueError(f"{where}: {_explain_letter(letter, is_first=not questions)}")
        if not question.strip():
            raise ValueError(f"{where}: the question is empty")
        questions.append(Question(question.strip(), tuple(options), letter))
    return tuple(questions)


def _rows(path: pathlib.Path) -> Iterator[tuple[str, Sequence[str]]]:
    rows = csv.reader(io.StringIO(suite_files.read_text(path), newline=""), strict=True)
    while True:
        where = f"{path}, line {rows.line_num + 1}"
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise ValueError(f"{where}: malformed CSV: {error}") from error
        if cells:
            yield where, cells


def _explain_letter(found: str, *, is_first: bool) -> str:
    if is_first and found.strip().lower() in ("answer", "label", "target", "letter"):
        return "a header; MMLU's official files have none, so delete this line"
    hint = f" ({LETTERS[int(found)]} is meant?)" if found in ("0", "1", "2", "3") else ""
    return f"the last column is {found!r}; it must be the letter of the answer, A to D{hint}"


def read_cot_exemplars(path: pathlib.Path) -> dict[str, tuple[Exemplar, ...]]:
    """The demonstrations of each subject, of a JSON object that has its prompt as one text.

    Returns:
      By subject: each question with its options, up to "Let's think step by step.", and the
      reasoning, which ends with "The answer is (X).".

    Raises:
      ValueError: naming file and subject, where a prompt is of another form.
    """
    prompts = local_files.read_json(path)
    return {
        subject: tuple(_cot_exemplars(prompts, subject, where=str(path))) for subject in prompts
    }


def _cot_exemplars(prompts: object, subject: str, *, where: str) -> Iterator[Exemplar]:
    text = local_files.require(prompts, subject, str, where=where)
    _, *shots = re.split(r"^Q: ", text, flags=re.M)
    if not shots:
        raise ValueError(f"{where}: {subject!r}: the prompt has no line that begins with 'Q: '")
    for number, shot in enumerate(shots, start=1):
        question, joint, reasoning = shot.partition(_JOINT)
        if not joint or not re.search(r"The answer is \([A-Z]\)\.$", reasoning.strip()):
            raise ValueError(
                f"{where}: {subject!r}: exemplar {number} is not a question, a line "
                f"{_JOINT.strip()!r} with reasoning, and 'The answer is (X).' at its end"
            )
        yield Exemplar(f"Q: {question}{_JOINT.rstrip()}", reasoning.strip())
