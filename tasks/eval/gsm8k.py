"""GSM8K (Cobbe et al. 2021). Not held out from Flan's mixture, which trains on it.

The demonstrations are the first eight questions of the training file, so that no text of others is
shipped; their reasoning is the file's, without its `<<...>>` calculator annotations, closed with
"The answer is X.".
"""

from __future__ import annotations

import functools
import pathlib
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from t5lite.data.sources import local_files
from t5lite.data.tasks.prompt_parts import Exemplar, PromptParts

from ..python_tasks import Example
from . import answer_rules, suite_files
from .suite_tasks import STEP_BY_STEP, SuiteTask

NUM_SHOTS = 8
_RULE = functools.partial(answer_rules.number, next_question="Q:")


class Problem(NamedTuple):
    """One line.

    Attributes:
      question: the problem.
      reasoning: its solution, without annotations and without the answer.
      answer: the number behind `####`.
    """

    question: str
    reasoning: str
    answer: str


def suite_tasks() -> Iterator[SuiteTask]:
    """Chain of thought, with eight demonstrations and with none."""
    for num_shots in (0, NUM_SHOTS):
        name = f"gsm8k_{num_shots}shot_cot"
        yield SuiteTask(
            name=name,
            mixture=name,
            splits=("test",),
            files=functools.partial(_files, num_shots=num_shots),
            read=functools.partial(_read, num_shots=num_shots),
            rule=_RULE,
        )


def _files(root: pathlib.Path, split: str, *, num_shots: int) -> Sequence[pathlib.Path]:
    test, train = root / "gsm8k" / f"{split}.jsonl", root / "gsm8k" / "train.jsonl"
    return (test, train) if num_shots else (test,)


def _read(root: pathlib.Path, split: str, *, num_shots: int) -> list[Example]:
    path, *train = _files(root, split, num_shots=num_shots)
    exemplars = _exemplars(train[0]) if train else ()
    cue = "" if num_shots else f" {STEP_BY_STEP}"
    return [
        Example.asked(
            PromptParts(exemplars=exemplars, question=f"Q: {problem.question}\nA:{cue}"),
            id=f"{split}/{index}",
            targets=problem.answer,
            references=(_RULE(problem.answer) or problem.answer,),
        )
        for index, problem in enumerate(suite_files.parsed(read_problems, path))
    ]


def _exemplars(path: pathlib.Path) -> tuple[Exemplar, ...]:
    problems = suite_files.parsed(read_problems, path)[:NUM_SHOTS]
    if len(problems) < NUM_SHOTS:
        raise ValueError(
            f"{path}: {len(problems)} problems, and {NUM_SHOTS} demonstrations are shown; evaluate "
            "gsm8k_0shot_cot, or get the whole file"
        )
    return tuple(
        Exemplar(f"Q: {p.question}\nA:", f"{p.reasoning}\nThe answer is {p.answer}.")
        for p in problems
    )


def read_problems(path: pathlib.Path) -> tuple[Problem, ...]:
    """The problems of a JSON Lines file with the fields `question` and `answer`.

    Raises:
      ValueError: naming file and line, where one is of another layout.
    """
    problems = []
    for where, record in local_files.read_jsonl(path):
        question = local_files.require(record, "question", str, where=where)
        solution = local_files.require(record, "answer", str, where=where)
        reasoning, mark, answer = solution.rpartition("####")
        if not mark or not answer.strip():
            raise ValueError(f"{where}: field 'answer' does not end with '#### ' and a number")
        cleaned = re.sub(r"<<.*?>>", "", reasoning).strip()
        problems.append(Problem(question.strip(), cleaned, answer.strip()))
    if not problems:
        raise ValueError(f"{path}: is empty")
    return tuple(problems)
