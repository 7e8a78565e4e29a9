"""How answer options are listed: how the list starts, what labels its items, how it ends.

A list without labels is answered by an option's text. A list with labels is answered by the label,
unless the list's own last line asks for the text.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Sequence

from .keyed_random import KeyedRandom

STARTS = (
    "Options:",
    "Choices:",
    "Possible answers:",
    "Pick one:",
    "Choose one:",
    "Choose from these:",
    "Candidates:",
    "Your choices:",
    "Available answers:",
    "The answer is one of:",
    "Answer with one of these:",
    "Which of these fits?",
    "One of these is right:",
    "Select an answer:",
)
UNLABELLED = ("- ", "* ", "+ ", "")
# The slot says what counts the items: letters, digits or Roman numerals.
LABELLED = (
    "{A}. ",
    "{A}) ",
    "({A}) ",
    "[{A}] ",
    "{A}: ",
    "{A} - ",
    "Option {A}: ",
    "{a}. ",
    "{a}) ",
    "({a}) ",
    "{a}: ",
    "{1}. ",
    "{1}) ",
    "({1}) ",
    "[{1}] ",
    "{1}: ",
    "Choice {1}: ",
    "{I}. ",
    "{i}. ",
    "({i}) ",
)
# An inline list stays in the line of its start.
INLINE = "; "
SEPARATORS = ("\n", "\n", INLINE)

# Empty means that nothing follows the list, which is the common case.
UNLABELLED_ENDS: tuple[str, ...] = ("", "", "", "Copy the right one.", "Answer in the words given.")
LABEL_ENDS: tuple[str, ...] = (
    "",
    "",
    "Give its {noun}.",
    "Reply with the {noun} of the right one.",
)
TEXT_ENDS: tuple[str, ...] = (
    "Write the answer itself, not its {noun}.",
    "Answer in words, without the {noun}.",
)
LABEL_OR_TEXT_ENDS = LABEL_ENDS + TEXT_ENDS

_UPPER = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
_COUNTERS: dict[str, tuple[str, ...]] = {
    "A": _UPPER,
    "a": tuple(letter.lower() for letter in _UPPER),
    "I": _ROMAN,
    "i": tuple(numeral.lower() for numeral in _ROMAN),
}


@dataclasses.dataclass(frozen=True, eq=False)
class OptionStyle:
    """One way of listing options.

    Attributes:
      start: the first line.
      item: what stands before each option, with a slot for its label if it has one.
      separator: what stands between two options.
      end: the last line; may be empty.
      by_label: whether the answer is the right option's label, and not its text.
    """

    start: str
    item: str
    separator: str
    end: str
    by_label: bool

    def show(self, options: Sequence[str]) -> str:
        """The list."""
        inline = self.separator == INLINE and not any(
            ";" in option or "\n" in option for option in options
        )
        marks = _marks(self.item, len(options))
        items = [mark + option for mark, option in zip(marks, options, strict=True)]
        blank, between = (" ", INLINE) if inline else ("\n", "\n")
        shown = self.start + blank + between.join(items)
        return f"{shown}\n{self.end}" if self.end else shown

    def answer(self, options: Sequence[str], place: int) -> str:
        """What to write where the option at this place, from 0, is right."""
        return _labels(self.item, len(options))[place] if self.by_label else options[place]


def draw_style(draws: KeyedRandom, *, num_options: int, lettered: bool = False) -> OptionStyle:
    """Draws a style for lists of at most so many options.

    Args:
      draws: where the choices come from.
      num_options: the length of the longest list.
      lettered: whether labels must be capital letters, and the answer the label; such a list ends
        with its last item, since reasoning comes before the answer.
    """
    item = draws.pick(_usable_items(num_options, lettered))
    start = draws.pick(STARTS)
    separator = draws.pick(SEPARATORS)
    if lettered:
        return _make_style(item, start, separator, "")
    ends = UNLABELLED_ENDS if item in UNLABELLED else LABEL_OR_TEXT_ENDS
    return _make_style(item, start, separator, draws.pick(ends))


@functools.cache
def _make_style(item: str, start: str, separator: str, end: str) -> OptionStyle:
    if item in UNLABELLED:
        # Bullets belong in lines of their own.
        return OptionStyle(start, item, "\n" if item else separator, end, by_label=False)
    noun = "letter" if _counter(item) in "Aa" else "number"
    shown_end = end.replace("{noun}", noun)
    return OptionStyle(start, item, separator, shown_end, by_label=end not in TEXT_ENDS)


@functools.cache
def _usable_items(num_options: int, lettered: bool) -> tuple[str, ...]:
    """The items that can count so far; bullets and letters each get their share."""
    if lettered:
        return tuple(item for item in LABELLED if _counter(item) == "A")
    fitting = [item for item in LABELLED if num_options <= len(_counted(item, num_options))]
    # Half as many bullets as labels, so that about half of the answers are texts.
    return (*fitting, *(UNLABELLED * max(1, len(fitting) // (2 * len(UNLABELLED)))))


def _counter(item: str) -> str:
    found = re.search(r"\{(\w)\}", item)
    assert found is not None, item
    return found[1]


def _counted(item: str, num_options: int) -> tuple[str, ...]:
    """The labels of an item's counter: at least so many, if it can count so far."""
    counter = _counter(item)
    if counter == "1":
        return tuple(str(number) for number in range(1, num_options + 1))
    return _COUNTERS[counter]


@functools.cache
def _marks(item: str, num_options: int) -> tuple[str, ...]:
    """What stands before each option."""
    if item in UNLABELLED:
        return (item,) * num_options
    slot = f"{{{_counter(item)}}}"
    labels = _counted(item, num_options)[:num_options]
    return tuple(item.replace(slot, label) for label in labels)


@functools.cache
def _labels(item: str, num_options: int) -> tuple[str, ...]:
    """The labels as answers: brackets stay where they enclose the label."""
    enclosed = item[0] in "(["
    marks = _marks(item, num_options)
    return tuple(mark.strip() for mark in marks) if enclosed else _counted(item, num_options)
