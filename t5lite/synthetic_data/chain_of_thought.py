"""How a teacher is asked for reasons and an answer by a few solved examples, and what it answered.

The method is Wei et al.'s (arXiv 2201.11903), by which Distilling Step-by-Step asks its teacher.
The examples and the words are our own.
"""

from __future__ import annotations

import dataclasses
import decimal
import pathlib
import re
from collections.abc import Mapping, Sequence

from t5lite.files.json_files import read_lines
from t5lite.messages.suggest import did_you_mean
from t5lite.messages.value_types import check_fields
from t5lite.synthetic_data.teachers.requests import Message, PromptForm, Request

_SYSTEM = (
    "For each question, first give the reasons in one to three sentences. Then write a line that "
    'begins with "Answer:" and holds the answer alone.'
)
_QUESTION, _ANSWER = "Question:", "Answer:"


@dataclasses.dataclass(frozen=True)
class Solved:
    """One example of a prompt.

    Attributes:
      id: Names it in a trace.
      input: The question.
      rationale: The reasons.
      label: The answer.
    """

    id: str
    input: str
    rationale: str
    label: str


# Of each an input, the reasons and the answer.
_EXAMPLES: Mapping[str, Sequence[tuple[str, str, str]]] = {
    "nli": [
        (
            "premise: A man in a yellow coat rows a boat across a lake. hypothesis: Someone is on "
            "the water.",
            "A boat that is rowed across a lake is on the water, and so is the man who rows it.",
            "entailment",
        ),
        (
            "premise: Two children build a tower of wooden blocks. hypothesis: The children are "
            "brothers.",
            "Children who build a tower together may be brothers or friends; nothing says which.",
            "neutral",
        ),
        (
            "premise: A woman sleeps on a bench in the park. hypothesis: She is running a race.",
            "Nobody can sleep and run a race at the same time.",
            "contradiction",
        ),
        (
            "premise: A violinist plays for a crowd at the port. hypothesis: Music can be heard.",
            "Somebody who plays the violin makes music, and a crowd is there to hear it.",
            "entailment",
        ),
    ],
    "commonsense": [
        (
            "Where would you put wet boots so that the carpet stays clean?\nAnswer Choices:\n"
            "(a) wardrobe\n(b) doormat\n(c) sofa\n(d) oven\n(e) river",
            "Wet boots drip. A doormat is made to take up water and dirt at the door, before the "
            "carpet.",
            "doormat",
        ),
        (
            "What do people often do after they have won a prize?\nAnswer Choices:\n(a) weep\n"
            "(b) hide\n(c) celebrate\n(d) sleep\n(e) apologise",
            "To win a prize makes people glad, and glad people celebrate.",
            "celebrate",
        ),
        (
            "Which of these needs no electricity?\nAnswer Choices:\n(a) lamp\n(b) kettle\n"
            "(c) radio\n(d) candle\n(e) drill",
            "Lamps, kettles, radios and drills are plugged in or have batteries. A candle burns.",
            "candle",
        ),
    ],
    "arithmetic": [
        (
            "A baker made 48 rolls and sold 31 of them.\nHow many rolls are left?",
            "What is left is what was made less what was sold: 31 of 48 rolls are gone.",
            "(48 - 31)",
        ),
        (
            "There are 6 shelves with 9 books on each.\nHow many books are there?",
            "Each of the 6 shelves holds 9 books, so the number of books is 6 times 9.",
            "(6 * 9)",
        ),
        (
            "Mira had 15 marbles. She got 8 more and lost 2 coins.\nHow many marbles has she now?",
            "The coins do not matter. She had 15 marbles and got 8 more.",
            "(15 + 8)",
        ),
        (
            "A rope of 63 metres is cut into 7 equal pieces.\nHow long is each piece?",
            "The 63 metres are shared equally by 7 pieces.",
            "(63 / 7)",
        ),
    ],
}
DEMONSTRATIONS: Mapping[str, tuple[Solved, ...]] = {
    name: tuple(Solved(f"{name}_{i}", *example) for i, example in enumerate(examples))
    for name, examples in _EXAMPLES.items()
}


def demonstrations(name: str) -> tuple[Solved, ...]:
    """The solved examples that a prompt shows.

    Args:
      name: One of `DEMONSTRATIONS`, or a JSON Lines file with the texts `input`, `rationale` and
        `label` of each.

    Raises:
      ValueError: It is neither, or a line is malformed.
    """
    if name in DEMONSTRATIONS:
        return DEMONSTRATIONS[name]
    path = pathlib.Path(name)
    if not path.is_file():
        raise ValueError(
            f"--demonstrations={name} is no file, and none of {', '.join(DEMONSTRATIONS)}."
            f"{did_you_mean(name, DEMONSTRATIONS)}"
        )
    found: list[Solved] = []
    for where, line in read_lines(path):
        fields = dict.fromkeys(("input", "rationale", "label"), str)
        check_fields(line, fields, name=where)
        texts = [(line.get(field) or "").strip() for field in fields]
        if not all(texts):
            raise ValueError(f"{where}: needs the texts {', '.join(fields)}, none of them empty")
        found.append(Solved(f"demonstration_{len(found)}", *texts))
    if not found:
        raise ValueError(f"--demonstrations={name} holds no example")
    return tuple(found)


def request(
    text: str,
    shown: Sequence[Solved],
    *,
    prompt_form: PromptForm,
    temperature: float,
    max_tokens: int,
) -> Request:
    """Asks for the reasons and the answer of one input.

    Args:
      text: The input.
      shown: Solved before it.
      prompt_form: "continuation" asks by a text to go on with, for a model of texts alone.
      temperature: 0 takes the likeliest token.
      max_tokens: Of the answer.
    """
    if prompt_form == "continuation":
        solved = [f"{_QUESTION} {s.input}\n{_written(s)}\n\n" for s in shown]
        return Request(
            prompt="".join([*solved, f"{_QUESTION} {text}\n"]),
            temperature=temperature,
            max_tokens=max_tokens,
            stop=(f"\n\n{_QUESTION}", f"\n{_QUESTION}"),
        )
    turns = [Message("system", _SYSTEM)]
    for one in shown:
        turns += [Message("user", one.input), Message("assistant", _written(one))]
    return Request(
        messages=(*turns, Message("user", text)), temperature=temperature, max_tokens=max_tokens
    )


def _written(solved: Solved) -> str:
    return f"{solved.rationale}\n{_ANSWER} {solved.label}"


def read_answer(text: str) -> tuple[str, str] | None:
    """Rationale and answer of what a teacher wrote; None where one of them is missing.

    The answer is the rest of the line behind the last "Answer:", without the full stop or the
    asterisks around it.
    """
    rationale, found, rest = text.partition(f"\n{_QUESTION}")[0].rpartition(_ANSWER)
    if not found:
        return None
    rationale = re.sub(r"^\W*(?:reasons?|rationale)\s*:\s*", "", rationale, flags=re.IGNORECASE)
    # "**Answer:** x" leaves its asterisks on both sides.
    rationale, lines = rationale.rstrip("* \n"), rest.strip("* \n").split("\n")
    answer = lines[0].strip().strip("*").strip().removesuffix(".").strip()
    return (rationale.strip(), answer) if rationale.strip() and answer else None


def same_answer(one: str, other: str) -> bool:
    """Whether two answers are equal: case, blanks, brackets and punctuation around do not count.

    Numbers are compared as numbers, `1,200.0` with `1200`, also those inside of an equation.
    """
    return _normal(one) == _normal(other)


def _normal(text: str) -> tuple[str, ...]:
    words = " ".join(text.lower().split()).strip(" .,:;!?\"'()[]")
    parts = re.findall(r"\d[\d,]*(?:\.\d+)?|[^\s\d]+|\d+", words)
    return tuple(map(_number, parts))


def _number(part: str) -> str:
    try:
        return format(decimal.Decimal(part.replace(",", "")).normalize(), "f")
    except decimal.InvalidOperation:
        return part
