"""The three benchmarks of Prompt2Model (Viswanathan et al. 2023, arXiv 2308.12261).

Each is asked as the input alone; the instruction and the demonstrations are the prompt's that is to
be made a model of. Files lie under the data root in the layouts of those who published them.

- SQuAD 1.1 (Rajpurkar et al. 2016, arXiv 1606.05250): a question and a passage, as the prompt that
  the authors publish puts them. Scored by exact match to the letter, and by SQuAD's own two.
- MCoNaLa's Japanese part (Wang et al. 2023, arXiv 2203.08388): an intent, to be written in Python.
  Where several snippets answer one intent, each is an example, as in the file. Scored by chrF++.
- Temporal expressions extracted and normalized, the data of ScatterShot (Wu et al. 2023, arXiv
  2302.07346): a dated post, whose expressions and their dates are the answer. Scored by chrF++.
"""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from t5lite.data.sources import local_files
from t5lite.data.tasks.prompt_parts import PromptParts

from ..metrics import chrf_plus_plus, exact_match
from ..python_tasks import Example
from . import squad, squad_files, suite_files
from .suite_tasks import SuiteTask

FILES = {
    "squad_0shot": ("validation", "squad/dev-v1.1.json"),
    "mconala_ja_0shot": ("test", "mconala/ja_test.json"),
    "temporal_0shot": ("test", "temporal/temporal.json"),
}


def same_text(
    targets: Sequence[str | Sequence[str]], predictions: Sequence[str | None]
) -> Mapping[str, float]:
    """`exact_match` under a name that tells it from SQuAD's, which forgives articles and case."""
    return {"exact_match": exact_match(targets, predictions)["accuracy"]}


def suite_tasks() -> Iterator[SuiteTask]:
    """The three."""
    yield _task("squad_0shot", _squad, (squad.answer_accuracy_and_f1, same_text))
    for name, read in (("mconala_ja_0shot", _mconala), ("temporal_0shot", _temporal)):
        yield _task(name, read, (chrf_plus_plus, same_text))


def _task(
    name: str,
    read: Callable[[pathlib.Path], tuple[Example, ...]],
    metrics: Sequence[Callable[..., Mapping[str, float]]],
) -> SuiteTask:
    split, file = FILES[name]
    return SuiteTask(
        name=name,
        mixture=name,
        splits=(split,),
        files=functools.partial(_files, file=file),
        read=functools.partial(_read, file=file, read=read),
        rule=str.strip,
        metrics=metrics,
    )


def _files(root: pathlib.Path, split: str, *, file: str) -> Sequence[pathlib.Path]:
    del split  # There is one.
    return (root / file,)


def _read(
    root: pathlib.Path,
    split: str,
    *,
    file: str,
    read: Callable[[pathlib.Path], tuple[Example, ...]],
) -> list[Example]:
    del split
    return [*suite_files.parsed(read, root / file)]


def _squad(path: pathlib.Path) -> tuple[Example, ...]:
    return tuple(
        _example(
            f"Question: {question.text} Context: {question.passage}",
            question.answers,
            id=question.id,
        )
        for question in squad_files.read_questions(path)
    )


def _mconala(path: pathlib.Path) -> tuple[Example, ...]:
    examples = []
    for number, (where, row) in enumerate(_rows(path), start=1):
        snippet = local_files.require(row, "snippet", str, where=where).strip()
        # An intent that needed no rewriting stands as it was asked.
        name = "rewritten_intent" if row.get("rewritten_intent") else "intent"
        intent = local_files.require(row, name, str, where=where).strip()
        question = local_files.require(row, "question_id", int, where=where)
        if not intent or not snippet:
            raise ValueError(f"{where}: its {name if not intent else 'snippet'!r} is empty")
        # One question has several rows where it has several answers.
        examples.append(_example(intent, (snippet,), id=f"{question}/{number}"))
    return tuple(examples)


def _temporal(path: pathlib.Path) -> tuple[Example, ...]:
    examples = []
    for number, (where, row) in enumerate(_rows(path), start=1):
        is_row = isinstance(row, list) and len(row) == 3 and all(isinstance(x, str) for x in row)
        if not is_row or not row[0].strip() or not row[1].strip():
            raise ValueError(
                f"{where}: expected a list of three texts (what was posted, the expressions and "
                f"their dates, and what kind they are of), found {str(row)[:80]}"
            )
        examples.append(_example(row[0].strip(), (row[1].strip(),), id=str(number)))
    return tuple(examples)


def _rows(path: pathlib.Path) -> Iterator[tuple[str, Any]]:
    found = local_files.read_json(path)
    if not isinstance(found, list) or not found:
        raise ValueError(f"{path}: expected a JSON list of examples, found {str(found)[:40]}")
    for number, row in enumerate(found, start=1):
        yield f"{path}, example {number}", row


def _example(inputs: str, answers: tuple[str, ...], *, id: str) -> Example:
    return Example.asked(
        PromptParts(question=inputs), id=id, targets=answers[0], references=answers
    )
