"""Files in the layout of SQuAD 1.1, which TyDiQA's gold passage task has too."""

from __future__ import annotations

import pathlib
from typing import NamedTuple

from t5lite.data.sources import local_files


class Question(NamedTuple):
    """A question of the file.

    Attributes:
      id: names it.
      text: what is asked.
      passage: what answers it.
      answers: all that annotators gave, without repetitions.
    """

    id: str
    text: str
    passage: str
    answers: tuple[str, ...]


def read_questions(path: pathlib.Path) -> tuple[Question, ...]:
    """The questions of a JSON file in SQuAD's layout, in its order.

    Raises:
      ValueError: naming file and place, where it is of another layout, or a question has no answer.
    """
    articles = local_files.require(local_files.read_json(path), "data", list, where=str(path))
    questions = []
    for number, article in enumerate(articles, start=1):
        where = f"{path}, article {number}"
        for paragraph in local_files.require(article, "paragraphs", list, where=where):
            passage = local_files.require(paragraph, "context", str, where=where)
            for record in local_files.require(paragraph, "qas", list, where=where):
                questions.append(_question(record, passage, where=where))
    if not questions:
        raise ValueError(f"{path}: holds no question")
    return tuple(questions)


def _question(record: object, passage: str, *, where: str) -> Question:
    name = local_files.require(record, "id", str, where=where)
    where = f"{where}, question {name!r}"
    answers = [
        local_files.require(answer, "text", str, where=where).strip()
        for answer in local_files.require(record, "answers", list, where=where)
    ]
    if not any(answers):
        raise ValueError(f"{where}: has no answer; in these data sets every question has one")
    text = local_files.require(record, "question", str, where=where)
    return Question(
        name, text.strip(), passage.strip(), tuple(dict.fromkeys(filter(None, answers)))
    )
