"""Reads what the teacher answers: numbered lists, yes or no, instances, whole tasks.

Teachers number as they like, or begin again at 1, or write a sentence before the list: a number
opens an item, whichever it is.
"""

from __future__ import annotations

import dataclasses
import re

from t5lite.synthetic_data.self_instruct.prompts import NO_INPUT
from t5lite.synthetic_data.self_instruct.seeds import Instance

# "9.", "9)", "**9.**", "#9:", at the beginning of a line, or "9. 3." as who copies a list writes; a
# number with decimals is none.
_NUMBER = re.compile(
    r"^[ \t]*[*#]{0,3}[ \t]*\d{1,4}[ \t]*[.):](?!\d)[ \t*]*(?:\d{1,4}[.)](?!\d)[ \t*]*)*",
    re.MULTILINE,
)
_LABEL = re.compile(r"^\W*(?:task|instruction|question)[ \t]*\d{0,4}[ \t]*:\W*", re.IGNORECASE)
_YES_OR_NO = re.compile(r"^\W*(?:classification[ \t]*:\W*)?(yes|no)\b", re.IGNORECASE)
_EXAMPLE = re.compile(
    r"^[ \t*#]*example[ \t]*\d+[ \t]*(?:[:.)*]|$)[ \t*]*", re.IGNORECASE | re.MULTILINE
)
# A line that opens a task and says nothing of it: "### Task 4:", "4.", "---".
_TASK = re.compile(
    r"^[ \t*#]*(?:task[ \t]*\d{0,4}[ \t]*[:.]?|\d{1,4}[.)]|[#-]{3,})[ \t*]*$",
    re.IGNORECASE | re.MULTILINE,
)
_FIELD = re.compile(
    r"^[ \t*#]*(?:\d{1,4}[ \t]*[.)][ \t]*)?(instruction|input|output|label)[ \t*]*:[ \t*]*",
    re.IGNORECASE | re.MULTILINE,
)
# Other ways to say that there is no input.
_NOTHING = re.compile(
    r"^[\W_]*(?:none|n/a|no input|no input needed|not applicable|empty|noinput)?[\W_]*$", re.I
)


@dataclasses.dataclass(frozen=True)
class Fields:
    """What stands behind the names of fields in a part of an answer; None where one is missing."""

    instruction: str | None = None
    input: str | None = None
    output: str | None = None


def read_list(answer: str, *, goes_on: bool) -> list[str]:
    """The items of a numbered list, each in one line; empty ones are left out.

    Args:
      answer: What the teacher wrote.
      goes_on: Whether it goes on with an item whose number the request ends with; else what stands
        before the first number is no item.
    """
    before, *items = _NUMBER.split(answer)
    if goes_on:
        items = [before, *items]
    elif items:
        # A note behind a blank line, such as "I hope this helps", is no part of the last item.
        items[-1] = re.split(r"\n[ \t]*\n", items[-1].strip("\n"))[0]
    found = [" ".join(_LABEL.sub("", item).split()) for item in items]
    return [item.strip("*").strip() for item in found if item.strip("* ")]


def read_yes_or_no(answer: str) -> bool | None:
    """Whether an answer begins with yes; None where with neither."""
    found = _YES_OR_NO.match(answer)
    return None if found is None else found.group(1).lower() == "yes"


def read_instances(answer: str) -> list[Instance | None]:
    """The instances in an answer, the output first or last; None for one that has no output."""
    parts = [part for part in _EXAMPLE.split(answer) if part.strip()]
    blocks = [block for part in parts for block in _blocks(part)]
    return [
        None if fields.output is None else Instance(_input(fields), fields.output)
        for fields in blocks
    ]


def read_whole_tasks(answer: str, *, goes_on: bool) -> list[Fields]:
    """The tasks in an answer, each with what it has of instruction, input and output.

    Args:
      answer: What the teacher wrote.
      goes_on: Whether it goes on with the instruction of a task that the request opens.
    """
    answer = f"Instruction: {answer}" if goes_on else answer
    found = _blocks(_TASK.sub("", answer))
    return [
        dataclasses.replace(
            fields, instruction=" ".join(fields.instruction.split()), input=_input(fields)
        )
        for fields in found
        if fields.instruction is not None
    ]


def _blocks(text: str) -> list[Fields]:
    """Groups of fields: the first one's name opens each, and so does one that is there already.

    A text without any field is an output.
    """
    before, *pieces = _FIELD.split(text)
    if not pieces:
        return [Fields(output=before.strip())] if before.strip() else []
    names = ["output" if name.lower() == "label" else name.lower() for name in pieces[::2]]
    blocks: list[dict[str, str]] = []
    for name, value in zip(names, pieces[1::2], strict=True):
        if not blocks or name == names[0] or name in blocks[-1]:
            blocks.append({})
        blocks[-1][name] = value.strip()
    return [Fields(**block) for block in blocks]


def _input(fields: Fields) -> str:
    text = (fields.input or "").strip()
    return "" if text == NO_INPUT or _NOTHING.match(text) else text
