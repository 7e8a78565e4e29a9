r"""FLAN's chain-of-thought sets: reading, splitting, rendering and scoring. No TensorFlow here.

A set is one headerless TSV: question, answer, rationale, with newlines written as the two
characters `\n` (the layout of `flan/v2/cot_data` in github.com/google-research/FLAN). The
templates are this project's own.
"""

import dataclasses
import decimal
import functools
import pathlib
import re
from collections.abc import Sequence

from t5lite.data.sources import local_files

from .python_tasks import Example

FIELDS = ("question", "answer", "rationale")
# One question in 20 is held back for validation.
VALIDATION_ONE_IN = 20


@dataclasses.dataclass(frozen=True)
class PromptFormat:
    """What is asked for, and what is given.

    Attributes:
      suffix: what the form adds to the set's name.
      templates: of the prompt, over the TSV's fields; a row's id picks one.
      target: template of the target.
      reference: the field that evaluation compares with.
      num_shots: solved rows shown before the question.
      inverted: whether the answer or the rationale is given and something else asked for.
    """

    suffix: str
    templates: tuple[str, ...]
    target: str
    reference: str
    num_shots: int = 0
    inverted: bool = False


_REASONED = "{rationale} So the answer is {answer}."

FORMS = (
    PromptFormat(
        suffix="direct",
        templates=(
            "{question}\nGive the answer only.",
            "Answer this, without any explanation.\n\n{question}",
            "{question}\n\nReply with nothing but the answer.",
            "Question: {question}\nAnswer, and no more:",
        ),
        target="{answer}",
        reference="answer",
    ),
    PromptFormat(
        suffix="reason",
        templates=(
            "{question}\nReason step by step, then state the answer.",
            "Work this out in steps and finish with the answer.\n\n{question}",
            "{question}\n\nExplain how you get there before you answer.",
            "Question: {question}\nWrite down your reasoning first, then your answer:",
        ),
        target=_REASONED,
        reference="answer",
    ),
    PromptFormat(
        suffix="reason_3shot",
        templates=("Question: {question}\nReasoning and answer:",),
        target=_REASONED,
        reference="answer",
        num_shots=3,
    ),
    PromptFormat(
        suffix="explain",
        templates=(
            "{question}\n\nThe answer is {answer}. Why?",
            "Question: {question}\nAnswer: {answer}\nExplain why this answer is right.",
            "Give the reasoning that leads from the question to the answer.\n\n"
            "Question: {question}\nAnswer: {answer}\nReasoning:",
        ),
        target="{rationale}",
        reference="rationale",
        inverted=True,
    ),
    PromptFormat(
        suffix="ask",
        templates=(
            "{rationale}\nSo the answer is {answer}. What was the question?",
            "Write the question that this reasoning answers.\n\n"
            "Reasoning: {rationale}\nAnswer: {answer}\nQuestion:",
            "Someone reasoned: {rationale}\nand concluded: {answer}\nWhat had they been asked?",
        ),
        target="{question}",
        reference="question",
        inverted=True,
    ),
)


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of a set. Its id depends on its question only, so copies share a split."""

    id: str
    question: str
    answer: str
    rationale: str

    def fill(self, template: str) -> str:
        """The template with the row's fields put in."""
        return template.format(question=self.question, answer=self.answer, rationale=self.rationale)


def find_sets(root: pathlib.Path) -> dict[str, pathlib.Path]:
    """The sets under `ROOT/cot/*.tsv` by name: the file's stem without a final `_train`.

    Raises:
      ValueError: if there is none, with the path looked at.
    """
    folder = root / "cot"
    sets = {path.stem.removesuffix("_train"): path for path in sorted(folder.glob("*.tsv"))}
    if not sets:
        raise ValueError(
            f"no chain-of-thought sets: looked for {folder / '*.tsv'}; point the data root "
            "(--data_dir, or T5LITE_DATA_DIR) at a folder that holds FLAN's cot_data files as cot/"
        )
    return sets


def read_split(path: pathlib.Path, split: str) -> tuple[Row, ...]:
    """The rows of one split, in the file's order; `validation` is about one question in 20.

    Raises:
      ValueError: with file, line and field for a malformed row.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error
    held_back = split == "validation"
    rows = _read_rows(path, stat.st_mtime_ns, stat.st_size)
    return tuple(row for row in rows if _is_held_back(row) == held_back)


@functools.lru_cache(maxsize=2)
def _read_rows(path: pathlib.Path, mtime_ns: int, size: int) -> tuple[Row, ...]:
    del mtime_ns, size  # Only part of the cache's key.
    return tuple(
        Row(id=f"{local_files.keyed_hash('row', row['question']):016x}", **row)
        for _, row in local_files.read_tsv(path, FIELDS)
    )


def _is_held_back(row: Row) -> bool:
    return local_files.keyed_hash("validation", row.id) % VALIDATION_ONE_IN == 0


def render_examples(rows: Sequence[Row], form: PromptFormat) -> list[Example]:
    """The rows as the model sees them, in this form."""
    return [
        Example(
            id=row.id,
            inputs=_render_prompt(rows, row, form),
            targets=row.fill(form.target),
            references=(getattr(row, form.reference),),
        )
        for row in rows
    ]


def _render_prompt(rows: Sequence[Row], row: Row, form: PromptFormat) -> str:
    pick = local_files.keyed_hash("wording", row.id) % len(form.templates)
    template = form.templates[pick]
    shown = [
        f"{other.fill(template)} {other.fill(form.target)}"
        for other in choose_exemplars(rows, row, form.num_shots)
    ]
    return "\n\n".join([*shown, row.fill(template)])


def choose_exemplars(rows: Sequence[Row], row: Row, num_shots: int) -> list[Row]:
    """Up to `num_shots` other rows, none with this row's question; the row's id picks them."""
    chosen: dict[str, Row] = {}
    # Each try is an independent draw; where a set has hardly more rows than shots, some repeat.
    for attempt in range(8 * num_shots):
        if len(chosen) == num_shots:
            break
        other = rows[local_files.keyed_hash("exemplar", row.id, str(attempt)) % len(rows)]
        if other.id != row.id:
            chosen[other.id] = other
    return list(chosen.values())


_CLAUSE = re.compile(r"\banswer(?P<verb> is\b)?(?(verb):?|:)", re.IGNORECASE)


def final_answer(text: str) -> str:
    """What a text concludes.

    Args:
      text: what a model wrote.

    Returns:
      What its line says after the last "answer is" or "answer:", without the full stop that ends
      an "answer is"; where there is no such clause, or nothing after it, the last line.
    """
    clauses = list(_CLAUSE.finditer(text))
    if clauses:
        answer = text[clauses[-1].end() :].strip().partition("\n")[0].strip()
        if answer:
            return answer.removesuffix(".") if clauses[-1]["verb"] else answer
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""


def final_answer_accuracy(targets: Sequence[str], predictions: Sequence[str]) -> dict[str, float]:
    """Share of final answers that are right.

    Case, surrounding brackets and punctuation do not count, and numbers are compared as numbers
    (`$1,200.0` is `1200`).

    Args:
      targets: the right answers.
      predictions: final answers (see `final_answer`).

    Returns:
      `{"accuracy": share, 0 to 1}`.

    Raises:
      ValueError: if there are none, or the numbers of the two differ.
    """
    if len(targets) != len(predictions) or not targets:
        raise ValueError(f"{len(targets)} targets for {len(predictions)} predictions")
    pairs = zip(targets, predictions, strict=True)
    num_right = sum(_normalize(target) == _normalize(prediction) for target, prediction in pairs)
    return {"accuracy": num_right / len(targets)}


def _normalize(answer: str) -> str:
    text = " ".join(answer.lower().split()).strip(" .,:;!?\"'()[]")
    try:
        number = decimal.Decimal(text.lstrip("$").replace(",", ""))
    except decimal.InvalidOperation:
        return text
    return format(number.normalize(), "f") if number.is_finite() else text
