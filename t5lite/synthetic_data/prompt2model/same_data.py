"""Whether two data sets hold the same examples, under other names or in other prompts.

Descriptions do not tell: those of two translation tasks differ by the name of a language, and two
copies of one data set may have cards of different people. So the first examples decide.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from t5lite.synthetic_data.prompt2model.bm25 import words

# Of each data set, so many first examples are looked at.
LOOKED_AT = 20
# Two sets are the same if this share of the examples of the smaller sample are in the other. Labels
# of two classes agree as often by chance once in 170 times, if the inputs are the same at all.
_SHARE_ALIKE = 0.8
# An example is in the other sample if one there has its output, and this share of the words of the
# shorter input: prompts put more words around the same input.
_SHARE_OF_WORDS = 0.9
# Where fewer can be compared, chance is likelier, and descriptions must be alike too: rapidfuzz's
# ratio, from 0 to 100.
_ENOUGH = 5
_ALIKE = 90.0


@dataclasses.dataclass(frozen=True)
class Sample:
    """The first examples of a data set, ready to compare.

    Attributes:
      text: Its description.
      examples: Of each, the words of the input and the output.
    """

    text: str
    examples: tuple[tuple[frozenset[str], str], ...]

    @classmethod
    def of(cls, text: str, examples: Sequence[tuple[str | None, str | None]]) -> Sample:
        """A sample of inputs and outputs; those that lack one are passed over.

        Words that all inputs have, such as an instruction, are left out where there are several.
        """
        found = [
            (frozenset(words(asked)), " ".join(words(answer)) or answer)
            for asked, answer in examples
            if asked is not None and answer is not None
        ]
        common = frozenset.intersection(*(asked for asked, _ in found)) if len(found) > 1 else ()
        return cls(text, tuple((asked.difference(common), answer) for asked, answer in found))


def are_same(first: Sample, second: Sample) -> bool:
    """Whether two samples are of the same data."""
    fewer, more = sorted((first, second), key=lambda sample: len(sample.examples))
    if not fewer.examples:
        return False
    num_alike = sum(
        any(_is_same_example(one, other) for other in more.examples) for one in fewer.examples
    )
    if num_alike < _SHARE_ALIKE * len(fewer.examples):
        return False
    if len(fewer.examples) >= _ENOUGH:
        return True
    from rapidfuzz import fuzz

    return fuzz.ratio(first.text, second.text, score_cutoff=_ALIKE) > 0


def _is_same_example(one: tuple[frozenset[str], str], other: tuple[frozenset[str], str]) -> bool:
    shorter = min(len(one[0]), len(other[0]))
    return (
        one[1] == other[1] and shorter > 0 and len(one[0] & other[0]) >= _SHARE_OF_WORDS * shorter
    )
