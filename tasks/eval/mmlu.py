"""MMLU (Hendrycks et al. 2021): 57 subjects, each in four layouts, zero-shot and five-shot.

| suffix | prompt | answer |
| --- | --- | --- |
| (none) | `Q: ...`, a line `(A) ... (B) ...`, `A:` | `(A)` to `(D)` |
| `_cot` | likewise, ending `A: Let's think step by step.` | reasoning, `The answer is (C).` |
| `_letters` | the question, a line `A. ...` an option, `Answer:` | `A` to `D` |
| `_text` | `Question: ...`, `Answer:`, and no options | the option's text |

`_cot` is the layout of Flan's prompts (Chung et al. 2022); the direct one is the same without the
reasoning, which is ours, and lm-evaluation-harness's `mmlu_flan_n_shot_loglikelihood`. `_letters`
is the harness's `mmlu`, and `_text` its `mmlu_continuation`.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import re
from collections.abc import Callable, Iterator, Sequence

from t5lite.data.tasks.prompt_parts import Exemplar, PromptParts

from ..python_tasks import Example
from . import answer_rules, suite_files
from .mmlu_files import (
    LETTERS,
    Question,
    read_cot_exemplars,
    read_questions,
)
from .suite_tasks import STEP_BY_STEP, AnswerRule, SuiteTask

_SUBJECTS = """
    abstract_algebra anatomy astronomy business_ethics clinical_knowledge college_biology
    college_chemistry college_computer_science college_mathematics college_medicine college_physics
    computer_security conceptual_physics econometrics electrical_engineering elementary_mathematics
    formal_logic global_facts high_school_biology high_school_chemistry
    high_school_computer_science high_school_european_history high_school_geography
    high_school_government_and_politics high_school_macroeconomics high_school_mathematics
    high_school_microeconomics high_school_physics high_school_psychology high_school_statistics
    high_school_us_history high_school_world_history human_aging human_sexuality international_law
    jurisprudence logical_fallacies machine_learning management marketing medical_genetics
    miscellaneous moral_disputes moral_scenarios nutrition philosophy prehistory
    professional_accounting professional_law professional_medicine professional_psychology
    public_relations security_studies sociology us_foreign_policy virology world_religions
"""
SUBJECTS = tuple(_SUBJECTS.split())
# What the files call the splits.
_SPLITS = {"validation": "val", "test": "test"}
NUM_SHOTS = 5


def _parenthesised(letter: str) -> str:
    return f"({letter})"


def _flan_question(question: Question) -> str:
    listed = " ".join(
        f"({letter}) {option}" for letter, option in zip(LETTERS, question.options, strict=True)
    )
    return f"Q: {question.text}\n{listed}\nA:"


def _cot_question(question: Question) -> str:
    return f"{_flan_question(question)} {STEP_BY_STEP}"


def _lettered_question(question: Question) -> str:
    lines = [
        f"{letter}. {option}" for letter, option in zip(LETTERS, question.options, strict=True)
    ]
    return "\n".join([question.text, *lines, "Answer:"])


def _bare_question(question: Question) -> str:
    return f"Question: {question.text}\nAnswer:"


def _flan_options(question: Question) -> tuple[str, ...]:
    del question
    return tuple(map(_parenthesised, LETTERS))


def _letters(question: Question) -> tuple[str, ...]:
    del question
    return LETTERS


def _texts(question: Question) -> tuple[str, ...]:
    return question.options


@dataclasses.dataclass(frozen=True)
class Layout:
    """How a question is put.

    Attributes:
      suffix: what it adds to the Task's name.
      question: the prompt of a question.
      options: the answers to choose among.
      rule: takes the answer out of an output.
      reasons: whether the demonstrations are those of the chain-of-thought prompts.
      kind: what the description calls the questions.
    """

    suffix: str
    question: Callable[[Question], str]
    options: Callable[[Question], tuple[str, ...]]
    rule: AnswerRule
    reasons: bool = False
    kind: str = "multiple choice questions"

    def description(self, subject: str) -> str:
        """What stands before everything."""
        return (
            f"The following are {self.kind} (with answers) about {subject.replace('_', ' ')}.\n\n"
        )

    def answer(self, question: Question) -> str:
        """The right one of the options."""
        return self.options(question)[LETTERS.index(question.letter)]


# Another question in letters begins with no mark: it is a paragraph whose lines end in options.
_NEXT_LETTERED = re.compile(r"\n[ \t]*\n(?=(?:[^\n]+\n)+?A\. )")
_LETTER = functools.partial(answer_rules.option_letter, next_question="Q:")
LAYOUTS = (
    Layout("", _flan_question, _flan_options, _LETTER),
    Layout("_cot", _cot_question, _flan_options, _LETTER, reasons=True),
    Layout(
        "_letters",
        _lettered_question,
        _letters,
        functools.partial(answer_rules.option_letter, next_question=_NEXT_LETTERED),
    ),
    Layout(
        "_text",
        _bare_question,
        _texts,
        functools.partial(answer_rules.whole_text, next_question="Question:"),
        kind="questions",
    ),
)


def suite_tasks() -> Iterator[SuiteTask]:
    """Every subject in every layout, with and without demonstrations."""
    for layout in LAYOUTS:
        for num_shots in (0, NUM_SHOTS):
            for subject in SUBJECTS:
                yield _suite_task(subject, layout, num_shots)


def _suite_task(subject: str, layout: Layout, num_shots: int) -> SuiteTask:
    suffix = f"{num_shots}shot{layout.suffix}"
    return SuiteTask(
        name=f"mmlu_{subject}_{suffix}",
        mixture=f"mmlu_{suffix}",
        splits=tuple(_SPLITS),
        files=functools.partial(_files, subject=subject, layout=layout, num_shots=num_shots),
        read=functools.partial(_read, subject=subject, layout=layout, num_shots=num_shots),
        rule=layout.rule,
    )


def _questions_file(root: pathlib.Path, part: str, subject: str) -> pathlib.Path:
    return root / "mmlu" / part / f"{subject}_{part}.csv"


def _cot_file(root: pathlib.Path) -> pathlib.Path:
    """The prompts: lm-evaluation-harness's copy beside the questions, or what `data fetch` got."""
    places = [root / "mmlu" / "mmlu_cot_prompts.json", root / "mmlu_cot" / "mmlu-cot.json"]
    return next((path for path in places if path.is_file()), places[1])


def _files(
    root: pathlib.Path, split: str, *, subject: str, layout: Layout, num_shots: int
) -> Sequence[pathlib.Path]:
    files = [_questions_file(root, _SPLITS[split], subject)]
    if num_shots:
        files.append(_cot_file(root) if layout.reasons else _questions_file(root, "dev", subject))
    return files


def _read(
    root: pathlib.Path, split: str, *, subject: str, layout: Layout, num_shots: int
) -> list[Example]:
    path = _questions_file(root, _SPLITS[split], subject)
    questions = suite_files.parsed(read_questions, path)
    exemplars = _exemplars(root, subject, layout) if num_shots else ()
    return [
        Example.asked(
            PromptParts(
                description=layout.description(subject),
                exemplars=exemplars,
                question=layout.question(question),
            ),
            id=f"{subject}/{split}/{index}",
            targets=layout.answer(question),
            references=(layout.rule(layout.answer(question)) or "",),
            options=layout.options(question),
        )
        for index, question in enumerate(questions)
    ]


def _exemplars(root: pathlib.Path, subject: str, layout: Layout) -> tuple[Exemplar, ...]:
    """The demonstrations: the first rows of `dev`, or those of the chain-of-thought prompts.

    Raises:
      ValueError: there are too few.
    """
    if layout.reasons:
        path = _cot_file(root)
        prompts = suite_files.parsed(read_cot_exemplars, path)
        if not prompts.get(subject):
            raise ValueError(f"{path}: has no prompt of the subject {subject!r}")
        return prompts[subject]  # Of three subjects four: Flan's own file is so.
    path = _questions_file(root, "dev", subject)
    questions = suite_files.parsed(read_questions, path)
    if len(questions) < NUM_SHOTS:
        raise ValueError(
            f"{path}: {len(questions)} questions, and {NUM_SHOTS} demonstrations are shown; "
            f"evaluate mmlu_{subject}_0shot{layout.suffix}, or get the whole file"
        )
    return tuple(Exemplar(layout.question(q), layout.answer(q)) for q in questions[:NUM_SHOTS])
