"""MGSM (Shi et al. 2022): problems of GSM8K in ten languages and English, with native exemplars.

The eight demonstrations are those of `exemplars.py`, which reason in the language of the question.
"""

from __future__ import annotations

import ast
import functools
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from t5lite.data.sources import local_files
from t5lite.data.tasks.prompt_parts import Exemplar, PromptParts

from ..python_tasks import Example
from . import answer_rules, suite_files
from .suite_tasks import SuiteTask

LANGUAGES = ("bn", "de", "en", "es", "fr", "ja", "ru", "sw", "te", "th", "zh")
NUM_SHOTS = 8
_LITERAL = "MGSM_EXEMPLARS"


class Layout(NamedTuple):
    """How problems of a language are put.

    Attributes:
      question: what stands before a problem, such as "Question: ".
      answer: what stands before its solution, such as "Step-by-Step Answer:".
      target_delimiter: a space, or nothing behind a full-width colon.
      exemplars: the demonstrations.
    """

    question: str
    answer: str
    target_delimiter: str
    exemplars: tuple[Exemplar, ...]


def suite_tasks() -> Iterator[SuiteTask]:
    """Every language; English stands beside the ten languages, in no Mixture with them."""
    for language in LANGUAGES:
        name = f"mgsm_{language}_{NUM_SHOTS}shot_cot"
        yield SuiteTask(
            name=name,
            mixture=name if language == "en" else f"mgsm_{NUM_SHOTS}shot_cot",
            splits=("test",),
            files=functools.partial(_files, language=language),
            read=functools.partial(_read, language=language),
            # Each language's exemplars begin with a word of their own, a model's next question too.
            rule=functools.partial(
                answer_rules.number, language=language, next_question=QUESTION_WORDS[language]
            ),
        )


# How a problem begins in the exemplars of each language.
QUESTION_WORDS = {
    "bn": "প্রশ্ন:",
    "de": "Frage:",
    "en": "Question:",
    "es": "Pregunta:",
    "fr": "Question :",
    "ja": "問題：",
    "ru": "Задача:",
    "sw": "Swali:",
    "te": "ప్రశ్న:",
    "th": "โจทย์:",
    "zh": "问题：",
}


def _files(root: pathlib.Path, split: str, *, language: str) -> Sequence[pathlib.Path]:
    """The problems, and the exemplars as the official module or as JSON of its literals."""
    del split
    folder = root / "mgsm"
    places = [folder / "exemplars.py", folder / "exemplars.json"]
    exemplars = next((path for path in places if path.is_file()), places[0])
    return folder / f"mgsm_{language}.tsv", exemplars


def _read(root: pathlib.Path, split: str, *, language: str) -> list[Example]:
    problems_file, exemplars_file = _files(root, split, language=language)
    exemplars = suite_files.parsed(read_exemplars, exemplars_file)
    layout = _layout(exemplars, language, where=f"{exemplars_file}, {_LITERAL}")
    return [
        Example.asked(
            PromptParts(
                exemplars=layout.exemplars,
                question=f"{layout.question}{problem}\n{layout.answer}",
                target_delimiter=layout.target_delimiter,
            ),
            id=f"{language}/{index}",
            targets=answer,
            references=(answer,),
        )
        for index, (problem, answer) in enumerate(suite_files.parsed(read_problems, problems_file))
    ]


def read_problems(path: pathlib.Path) -> tuple[tuple[str, str], ...]:
    """Problem and answer, the number in canonical form, of each row of a TSV file.

    Raises:
      ValueError: naming file and line, where a row has not these two columns, or its answer is no
        number.
    """
    rows = []
    for where, row in local_files.read_tsv(path, ("problem", "answer")):
        # Whatever the language, the files have English numbers.
        answer = answer_rules.number(row["answer"], next_question="\n")
        if answer is None or not re.fullmatch(r"-?[\d.,]+", row["answer"]):
            raise ValueError(f"{where}: the answer {row['answer']!r} is no number")
        rows.append((row["problem"], answer))
    if not rows:
        raise ValueError(f"{path}: is empty")
    return tuple(rows)


def read_exemplars(path: pathlib.Path) -> Mapping[str, Any]:
    """`MGSM_EXEMPLARS` by language: of `exemplars.py`, which is not run, or of a JSON object.

    Raises:
      ValueError: naming the file, where there is none.
    """
    if path.suffix == ".json":
        found = local_files.require(local_files.read_json(path), _LITERAL, dict, where=str(path))
        return found
    try:
        module = ast.parse(suite_files.read_text(path))
    except SyntaxError as error:
        raise ValueError(f"{path}, line {error.lineno}: no Python: {error.msg}") from error
    for statement in module.body:
        if isinstance(statement, ast.Assign) and _LITERAL in map(ast.unparse, statement.targets):
            try:
                literal = ast.literal_eval(statement.value)
            except ValueError:
                literal = None
            if not isinstance(literal, dict):
                raise ValueError(
                    f"{path}, line {statement.lineno}: {_LITERAL} must be a dictionary of literals"
                )
            return literal
    raise ValueError(f"{path}: sets no {_LITERAL}")


def _layout(exemplars: Mapping[str, Any], language: str, *, where: str) -> Layout:
    """What the exemplars of a language, numbered from 1, have in common.

    Raises:
      ValueError: naming language and exemplar, where they are of another layout.
    """
    shots = local_files.require(exemplars, language, dict, where=where)
    pairs = []
    for number in map(str, range(1, NUM_SHOTS + 1)):
        shot_where = f"{where}, {language!r}, {number!r}"
        shot = local_files.require(shots, number, dict, where=f"{where}, {language!r}")
        pairs.append(
            tuple(local_files.require(shot, field, str, where=shot_where) for field in ("q", "a"))
        )
    prefixes = [
        tuple(re.match(r"[^:：]{1,60}[:：]\s?|", text)[0] for text in pair)  # type: ignore[index]
        for pair in pairs
    ]
    question, answer = prefixes[0]
    odd = next((n for n, found in enumerate(prefixes, start=1) if found != prefixes[0]), None)
    if odd is not None or not question or not answer:
        raise ValueError(
            f"{where}, {language!r}, {str(odd or 1)!r}: question and answer must begin with the "
            "same words and a colon in all exemplars, such as 'Question: '"
        )
    delimiter = answer[len(answer.rstrip()) :]
    return Layout(
        question,
        answer.rstrip(),
        delimiter,
        tuple(
            Exemplar(f"{problem}\n{answer.rstrip()}", solution.removeprefix(answer))
            for problem, solution in pairs
        ),
    )
