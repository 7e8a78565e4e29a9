"""Ranges of numbers, written where a field, an argument or a flag says its type.

`value_types` compares values with them: `check_numbers` those of a config, `numbers_checked` the
arguments of a function; `configuration.macro_flags.number` reads a flag's.
"""

import dataclasses
from typing import Annotated


@dataclasses.dataclass(frozen=True, kw_only=True)
class Range:
    """Which numbers may stand somewhere.

    Attributes:
      least: the smallest.
      above: what all are greater than.
      most: the largest.
      below: what all are less than.
      also: one more, outside of these bounds.
      note: what else there is to say of it, such as what a value at its end means.
    """

    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None
    also: float | None = None
    note: str = ""

    def holds(self, value: float) -> bool:
        """Whether a number is one of them; NaN never is."""
        return value == self.also or (
            (self.least is None or value >= self.least)
            and (self.above is None or value > self.above)
            and (self.most is None or value <= self.most)
            and (self.below is None or value < self.below)
        )

    def __str__(self) -> str:
        """As in "an integer from 1 to 2147483647", "a number above 0 and below 1"."""
        bounds = {
            f"of {self.least} or more": self.least,
            f"above {self.above}": self.above,
            f"at most {self.most}": self.most,
            f"below {self.below}": self.below,
        }
        text = " and ".join(words for words, bound in bounds.items() if bound is not None)
        if self.least is not None and self.most is not None:
            text = f"from {self.least} to {self.most}"
        if self.also is not None:
            text += f", or {self.also}"
        return f"{text} ({self.note})" if self.note else text


# Sizes, ids and steps are counted in 32 bits on devices.
_INT32 = (1 << 31) - 1

# What an array has along one axis, and what is counted: rows, tokens, widths, steps.
Size = Annotated[int, Range(least=1, most=_INT32)]
# The same, where there may be none; and ids.
Count = Annotated[int, Range(least=0, most=_INT32)]
# What is added to or taken from a step; their sum still fits.
StepOffset = Annotated[int, Range(least=-(1 << 30), most=1 << 30)]
# Examples are counted in 64 bits.
NumExamples = Annotated[int, Range(least=1)]
# Of an n-gram, which is put together a word at a time.
NumWords = Annotated[int, Range(least=1, most=1000)]
# Of a vocabulary that is trained; the trainer makes room for all ids at once.
VocabularySize = Annotated[int, Range(least=1, most=10_000_000)]
# Of a vocabulary's sentinels, each of which is made.
NumExtraIds = Annotated[int, Range(least=0, most=100_000)]
IdOrNone = Annotated[int, Range(least=0, most=_INT32, also=-1, note="-1 is none")]
Port = Annotated[int, Range(least=0, most=65_535)]
NumBytes = Annotated[int, Range(least=1)]
# Of a mesh's axis.
NumDevices = Annotated[
    int, Range(least=1, most=1 << 20, also=-1, note="-1 is what the other axes leave")
]
# Each pass over a Task is a token store of its own.
NumPasses = Annotated[int, Range(least=1, most=10_000)]
# Layers are looped over by name.
NumLayers = Annotated[int, Range(least=1, most=10_000)]
NumLayersOrNone = Annotated[int, Range(least=0, most=10_000)]
# JAX makes a key of 32 bits of a seed: one beyond them would be another seed.
Seed = Annotated[int, Range(least=0, most=(1 << 32) - 1)]

# Of OpenAI's API.
PresencePenalty = Annotated[float, Range(least=-2, most=2)]
Positive = Annotated[float, Range(above=0)]
NotNegative = Annotated[float, Range(least=0)]
# A probability that leaves something: of dropping, or the decay of a mean.
Rate = Annotated[float, Range(least=0, below=1)]
Share = Annotated[float, Range(least=0, most=1)]
