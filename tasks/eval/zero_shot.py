"""What Pythia and the OPT family are evaluated on zero-shot: LAMBADA, and choices to be ranked.

| Task | prompt | to be found likely |
| --- | --- | --- |
| `lambada_openai`, `lambada_standard` | a passage without its last word | the word |
| `piqa` | `Question: ...`, `Answer:` | one of two ways |
| `winogrande` | a sentence up to its blank | one of two names, and the rest |
| `arc_easy`, `arc_challenge` | `Question: ...`, `Answer:` | the text of one of the choices |
| `sciq` | the support, `Question: ...`, `Answer:` | one of four answers |
| `logiqa` | `Passage: ...`, `Question: ...`, `Choices:` with letters, `Answer:` | the text of one |

The names end in `_0shot`. Prompts and answers are those of lm-evaluation-harness, but of
WinoGrande, where it scores the rest of the sentence alone. Ranked by "sum" without an end token,
figures are its `acc` and `perplexity`; by "mean_byte", its `acc_bytes`.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from t5lite.data.sources import local_files
from t5lite.data.tasks.prompt_parts import PromptParts

from ..metrics import answer_accuracy, last_word
from ..python_tasks import Example, MetricFn
from . import answer_rules, suite_files
from .suite_tasks import AnswerRule, SuiteTask


class Question(NamedTuple):
    """One question.

    Attributes:
      prompt: what is asked.
      options: what may follow it behind a space.
      answer: which of them is right.
    """

    prompt: str
    options: tuple[str, ...]
    answer: int


def _last_word(text: str, *, where: str) -> Question:
    context, _, word = text.rpartition(" ")
    if not context.strip() or not word:
        raise ValueError(f"{where}: {text[:40]!r} is no passage with a last word behind a space")
    return Question(context, (word,), 0)


def _lambada_openai(path: pathlib.Path) -> Iterator[Question]:
    for where, record in local_files.read_jsonl(path):
        yield _last_word(_text(record, "text", where=where), where=where)


def _lambada_standard(path: pathlib.Path) -> Iterator[Question]:
    for number, line in enumerate(local_files.read_text(path).split("\n"), start=1):
        if line.strip():
            yield _last_word(line, where=f"{path}, line {number}")


def _piqa(path: pathlib.Path, labels_path: pathlib.Path) -> Iterator[Question]:
    rows = [*local_files.read_jsonl(path)]
    labels = local_files.read_text(labels_path).split()
    if len(labels) != len(rows):
        raise ValueError(f"{labels_path}: {len(labels)} labels for the {len(rows)} rows of {path}")
    for (where, row), label in zip(rows, labels, strict=True):
        options = (_text(row, "sol1", where=where), _text(row, "sol2", where=where))
        answer = _place(label, ("0", "1"), where=f"{labels_path}, of {where}: the label")
        yield Question(_asked(_text(row, "goal", where=where)), options, answer)


def _winogrande(path: pathlib.Path) -> Iterator[Question]:
    for where, row in local_files.read_jsonl(path):
        start, blank, rest = _text(row, "sentence", where=where).partition("_")
        if not blank:
            raise ValueError(f"{where}: field 'sentence' has no blank '_'")
        names = (_text(row, "option1", where=where), _text(row, "option2", where=where))
        answer = _place(row.get("answer"), ("1", "2"), where=f"{where}: field 'answer'")
        yield Question(start.rstrip(), tuple(name + rest for name in names), answer)


def _arc(path: pathlib.Path) -> Iterator[Question]:
    for where, row in local_files.read_jsonl(path):
        question = local_files.require(row, "question", dict, where=where)
        choices = local_files.require(question, "choices", list, where=where)
        labels = [_text(choice, "label", where=where) for choice in choices]
        answer = _place(row.get("answerKey"), labels, where=f"{where}: field 'answerKey'")
        options = tuple(_text(choice, "text", where=where) for choice in choices)
        yield Question(_asked(_text(question, "stem", where=where)), options, answer)


def _sciq(path: pathlib.Path) -> Iterator[Question]:
    for number, row in enumerate(local_files.read_json(path), start=1):
        where = f"{path}, question {number}"
        fields = ("distractor1", "distractor2", "distractor3", "correct_answer")
        support = _text(row, "support", where=where).lstrip()
        options = tuple(_text(row, field, where=where) for field in fields)
        asked = _asked(_text(row, "question", where=where))
        yield Question(f"{support}\n{asked}", options, len(options) - 1)


def _logiqa(path: pathlib.Path) -> Iterator[Question]:
    """A blank line, the answer's letter, passage, question and four options a question.

    An option begins with its letter and one more character, mostly a full stop.
    """
    lines = local_files.read_text(path).rstrip().split("\n")
    for start in range(0, len(lines), 8):
        where, found = f"{path}, line {start + 1}", lines[start : start + 8]
        if found[0].strip() or [line[:1] for line in found[4:]] != [*"ABCD"]:
            raise ValueError(
                f"{where}: expected a blank line, a letter, passage, question and options that "
                f"begin with A to D, a line each; found {found}"
            )
        _, letter, *texts = found
        # The harness puts a blank behind every full stop, which the file has none behind.
        passage, question, *options = [
            text.replace(".", ". ").strip() for text in (*texts[:2], *(x[2:] for x in texts[2:]))
        ]
        choices = "\n".join(f"{x}. {option}" for x, option in zip("ABCD", options, strict=True))
        yield Question(
            f"Passage: {passage}\nQuestion: {question}\nChoices:\n{choices}\nAnswer:",
            tuple(options),
            _place(letter.strip(), "abcd", where=f"{where}: the answer"),
        )


def _asked(question: str) -> str:
    return f"Question: {question}\nAnswer:"


def _text(record: Any, field: str, *, where: str) -> str:
    found: str = local_files.require(record, field, str, where=where)
    return found


def _place(found: object, allowed: Sequence[str], *, where: str) -> int:
    if found not in [*allowed]:
        raise ValueError(f"{where} is {found!r}; it must be one of {', '.join(allowed)}")
    return [*allowed].index(str(found))


_TEXT = functools.partial(answer_rules.whole_text, next_question="Question:")


@dataclasses.dataclass(frozen=True)
class Suite:
    """A set of questions.

    Attributes:
      files: by split, its files under the data root.
      read: gives the questions of a split's files.
      rule: takes the answer out of an output that was not ranked.
      metrics: what judges the answers.
    """

    files: Mapping[str, tuple[str, ...]]
    read: Callable[..., Iterator[Question]]
    rule: AnswerRule = _TEXT
    metrics: Sequence[MetricFn] = (answer_accuracy,)


def _lambada(
    files: Mapping[str, tuple[str, ...]], read: Callable[..., Iterator[Question]]
) -> Suite:
    return Suite(files, read, rule=answer_rules.first_word, metrics=(last_word,))


def _arc_files(level: str) -> dict[str, tuple[str, ...]]:
    name = f"arc/ARC-{level}/ARC-{level}"
    return {"validation": (f"{name}-Dev.jsonl",), "test": (f"{name}-Test.jsonl",)}


SUITES: Mapping[str, Suite] = {
    "lambada_openai": _lambada({"test": ("lambada/lambada_test.jsonl",)}, _lambada_openai),
    "lambada_standard": _lambada(
        {
            "validation": ("lambada/lambada_development_plain_text.txt",),
            "test": ("lambada/lambada_test_plain_text.txt",),
        },
        _lambada_standard,
    ),
    "piqa": Suite({"validation": ("piqa/valid.jsonl", "piqa/valid-labels.lst")}, _piqa),
    "winogrande": Suite({"validation": ("winogrande/dev.jsonl",)}, _winogrande),
    "arc_easy": Suite(_arc_files("Easy"), _arc),
    "arc_challenge": Suite(_arc_files("Challenge"), _arc),
    "sciq": Suite({"validation": ("sciq/valid.json",), "test": ("sciq/test.json",)}, _sciq),
    "logiqa": Suite({"validation": ("logiqa/Eval.txt",), "test": ("logiqa/Test.txt",)}, _logiqa),
}


def suite_tasks() -> Iterator[SuiteTask]:
    """A Task a set."""
    for name, suite in SUITES.items():
        yield SuiteTask(
            name=f"{name}_0shot",
            mixture=f"{name}_0shot",
            splits=tuple(suite.files),
            files=functools.partial(_files, suite=suite),
            read=functools.partial(_read, suite=suite),
            rule=suite.rule,
            metrics=suite.metrics,
        )


def _files(root: pathlib.Path, split: str, *, suite: Suite) -> list[pathlib.Path]:
    return [root / name for name in suite.files[split]]


def _read(root: pathlib.Path, split: str, *, suite: Suite) -> list[Example]:
    first, *others = _files(root, split, suite=suite)
    questions = suite_files.parsed(lambda path: [*suite.read(path, *others)], first)
    if not questions:
        raise ValueError(f"{first}: is empty")
    return [
        Example.asked(
            PromptParts(question=question.prompt),
            id=f"{split}/{index}",
            targets=question.options[question.answer],
            references=(suite.rule(question.options[question.answer]) or "",),
            options=question.options,
        )
        for index, question in enumerate(questions)
    ]
