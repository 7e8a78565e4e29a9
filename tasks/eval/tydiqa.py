"""TyDiQA's gold passage task (Clark et al. 2020): a question, and the passage that answers it.

The one demonstration is the first question of the same language in the training file. Flan's paper
does not print its prompt; this layout is ours.
"""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Iterator, Sequence

from t5lite.data.tasks.prompt_parts import Exemplar, PromptParts

from ..python_tasks import Example
from . import answer_rules, squad, squad_files, suite_files
from .suite_tasks import SuiteTask

# Those of Flan's average: GoldP's languages without English. Ids begin with these names.
LANGUAGES = {
    "ar": "arabic",
    "bn": "bengali",
    "fi": "finnish",
    "id": "indonesian",
    "ko": "korean",
    "ru": "russian",
    "sw": "swahili",
    "te": "telugu",
}
_SPLITS = {"validation": "dev"}
_FILE = "tydiqa-goldp-v1.1-{}.json"
# A file of the same layout that somebody made of the full task's annotations.
_SAMPLE_FILE = "derived_goldp_like.json"
_RULE = functools.partial(answer_rules.first_line, next_question="Passage:")


def suite_tasks() -> Iterator[SuiteTask]:
    """Eight languages, one-shot; and all questions of a file that is not the official one."""
    for code, language in LANGUAGES.items():
        yield SuiteTask(
            name=f"tydiqa_{code}_1shot",
            mixture="tydiqa_1shot",
            splits=tuple(_SPLITS),
            files=_files,
            read=functools.partial(_read, language=language),
            rule=_RULE,
            metrics=(squad.answer_accuracy_and_f1,),
        )
    yield SuiteTask(
        name="tydiqa_sample_0shot",
        mixture="tydiqa_sample_0shot",
        splits=tuple(_SPLITS),
        files=_sample_files,
        read=_read_sample,
        rule=_RULE,
        metrics=(squad.answer_accuracy_and_f1,),
    )


def _files(root: pathlib.Path, split: str) -> Sequence[pathlib.Path]:
    folder = root / "tydiqa"
    return folder / _FILE.format(_SPLITS[split]), folder / _FILE.format("train")


def _sample_files(root: pathlib.Path, split: str) -> Sequence[pathlib.Path]:
    del split
    return (root / "tydiqa" / _SAMPLE_FILE,)


def _read(root: pathlib.Path, split: str, *, language: str) -> list[Example]:
    path, train = _files(root, split)
    shown = _of_language(train, language)[0]
    exemplar = Exemplar(_prompt(shown), shown.answers[0])
    return [_example(question, (exemplar,)) for question in _of_language(path, language)]


def _read_sample(root: pathlib.Path, split: str) -> list[Example]:
    (path,) = _sample_files(root, split)
    return [
        _example(question, ()) for question in suite_files.parsed(squad_files.read_questions, path)
    ]


def _of_language(path: pathlib.Path, language: str) -> list[squad_files.Question]:
    questions = suite_files.parsed(squad_files.read_questions, path)
    found = [question for question in questions if question.id.startswith(f"{language}-")]
    if not found:
        raise ValueError(f"{path}: has no question whose id begins with '{language}-'")
    return found


def _example(question: squad_files.Question, exemplars: tuple[Exemplar, ...]) -> Example:
    return Example.asked(
        PromptParts(exemplars=exemplars, question=_prompt(question)),
        id=question.id,
        targets=question.answers[0],
        references=question.answers,
    )


def _prompt(question: squad_files.Question) -> str:
    return f"Passage: {question.passage}\nQuestion: {question.text}\nAnswer:"
