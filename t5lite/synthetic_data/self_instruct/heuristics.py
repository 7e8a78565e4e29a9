"""Which instructions are dropped by their words alone: Self-Instruct's rules, as data.

The defaults are the paper's, for English and for models that read and write texts only. For another
language give others: gin/recipes/self_instruct/other_language.gin does.
"""

from __future__ import annotations

import dataclasses
import re
import string
from collections.abc import Sequence

from t5lite.messages.ranges import Count, Size
from t5lite.messages.value_types import check_numbers, check_type
from t5lite.synthetic_data.provenance import Verdict
from t5lite.synthetic_data.self_instruct.rouge_filter import Alphabet, split_words

# What a model that knows texts only cannot see or do.
_BEYOND_TEXT = (
    *("image", "images", "graph", "graphs", "picture", "pictures", "file", "files"),
    *("map", "maps", "draw", "plot", "go to"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class InstructionHeuristics:
    """Rules that an instruction has to pass, in the order of these attributes.

    Attributes:
      min_words: Fewer are dropped: the paper drops those of up to three.
      max_words: More are dropped.
      unwanted_words: Words, or several in a row, that must not stand in an instruction; upper or
        lower case is the same.
      unwanted_beginnings: What it must not begin with; models asked for a program wrote many.
      allow_leading_punctuation: Whether it may begin with a mark such as "-" or "(".
      allow_non_ascii_beginning: Whether it may begin with a character beyond ASCII.
    """

    min_words: Count = 4
    max_words: Size = 150
    unwanted_words: Sequence[str] = _BEYOND_TEXT
    unwanted_beginnings: Sequence[str] = ("Write a program",)
    allow_leading_punctuation: bool = False
    allow_non_ascii_beginning: bool = False

    def __post_init__(self) -> None:
        check_numbers(self, of=InstructionHeuristics)
        for name in ("unwanted_words", "unwanted_beginnings"):
            value = getattr(self, name)
            check_type(value, Sequence[str], name=f"InstructionHeuristics.{name}")
            object.__setattr__(self, name, tuple(value))
        if self.min_words > self.max_words:
            raise ValueError(
                f"InstructionHeuristics.min_words is {self.min_words}, more than max_words, "
                f"{self.max_words}; no instruction would pass."
            )

    def verdicts(self, instruction: str, *, alphabet: Alphabet = "ascii") -> tuple[Verdict, ...]:
        """What each rule says, up to the first that drops it.

        Args:
          instruction: Without blanks around it.
          alphabet: What a word is: "unicode" counts as the ROUGE-L filter does, "ascii" what blanks
            separate, as the paper's code.
        """
        num_words = len(
            instruction.split()
            if alphabet == "ascii"
            else split_words(instruction, alphabet=alphabet)
        )
        found: list[Verdict] = []
        for name, why in (
            ("min_words", _if(num_words < self.min_words, f"{num_words} words")),
            ("max_words", _if(num_words > self.max_words, f"{num_words} words")),
            ("unwanted_words", self._unwanted_word(instruction)),
            ("unwanted_beginnings", self._unwanted_beginning(instruction)),
            ("leading_punctuation", self._punctuation(instruction)),
            ("non_ascii_beginning", self._beyond_ascii(instruction)),
        ):
            found.append(Verdict(name, kept=not why, why=why))
            if why:
                break
        return tuple(found)

    def _unwanted_word(self, instruction: str) -> str:
        for word in self.unwanted_words:
            if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", instruction, re.IGNORECASE):
                return repr(word)
        return ""

    def _unwanted_beginning(self, instruction: str) -> str:
        beginnings = (b for b in self.unwanted_beginnings if instruction.startswith(b))
        return next((repr(beginning) for beginning in beginnings), "")

    def _punctuation(self, instruction: str) -> str:
        is_mark = not self.allow_leading_punctuation and instruction[:1] in string.punctuation
        return _if(is_mark and bool(instruction), repr(instruction[:1]))

    def _beyond_ascii(self, instruction: str) -> str:
        is_beyond = not self.allow_non_ascii_beginning and not instruction[:1].isascii()
        return _if(is_beyond, repr(instruction[:1]))


def _if(holds: bool, why: str) -> str:
    return why if holds else ""
