"""Which new text is too near to one of a pool of texts, by ROUGE-L, fast enough for 50,000.

A text is its words. ROUGE-L's F1 of two of them is 2 L / (m + n), where L is the length of their
longest common subsequence, and m and n are their numbers of words (Lin, 2004, equations 2 to 4 with
beta 1). The similarity of rapidfuzz's `Indel`, 1 - (m + n - 2 L) / (m + n), is the same number, and
is computed for many texts at once; each word is a character to it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Literal, get_args

import numpy as np
import numpy.typing as npt

from t5lite.messages.ranges import Range, Size
from t5lite.messages.suggest import did_you_mean
from t5lite.messages.value_types import numbers_checked

# What a word is: as the library rouge-score has it, lower-cased runs of a to z and digits; or, for
# texts in any language, runs of letters and digits, and each sign of writings without spaces.
Alphabet = Literal["ascii", "unicode"]

MAX_ROUGE_L = 0.7

# Rows of the largest array of similarities that is ever held.
_CHUNK = 64
# Python's characters, less the surrogates that UTF-16 needs.
_SURROGATES = range(0xD800, 0xE000)
_MOST_WORDS = 0x110000 - len(_SURROGATES)

# Ideographs, kana, Thai, Lao, Myanmar, Khmer: nothing stands between their words.
_SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff"
)
_UNICODE_WORD = re.compile(rf"[{_SPACELESS}]|[^\W_{_SPACELESS}]+")


@dataclasses.dataclass(frozen=True)
class Nearest:
    """The text of a pool that is nearest to another one.

    Attributes:
      index: Its place in the pool; None where no text of the pool shares a word.
      rouge_l: ROUGE-L's F1 of the two, in [0, 1].
    """

    index: int | None
    rouge_l: float


def split_words(text: str, *, alphabet: Alphabet = "ascii") -> list[str]:
    """The words of a text.

    Raises:
      ValueError: There is no such alphabet.
    """
    return _splitter(alphabet)(text)


def _splitter(alphabet: str) -> Callable[[str], list[str]]:
    if alphabet == "ascii":
        from rouge_score import tokenize

        return lambda text: tokenize.tokenize(text, None)
    if alphabet == "unicode":
        return lambda text: _UNICODE_WORD.findall(text.lower())
    known = get_args(Alphabet)
    raise ValueError(
        f"alphabet is {alphabet!r}; choose one of {', '.join(known)}."
        f"{did_you_mean(alphabet, known)}"
    )


class RougeFilter:
    """A pool of texts, none of which a new one may be too near to.

    What it holds is a function of the texts alone, so that a run that was killed makes it anew.

    Attributes:
      max_rouge_l: A text with more than this to any of the pool is refused.
    """

    @numbers_checked
    def __init__(
        self,
        texts: Sequence[str] = (),
        *,
        max_rouge_l: Annotated[float, Range(least=0, most=1)] = MAX_ROUGE_L,
        alphabet: Alphabet = "ascii",
        workers: Size = 1,
    ) -> None:
        """Makes the pool.

        Args:
          texts: Its first texts, however near they are to each other.
          max_rouge_l: See the attribute; 1 refuses nothing.
          alphabet: What a word is. "ascii" makes scores those of the library rouge-score.
          workers: Threads that compare.

        Raises:
          ValueError: There is no such alphabet.
        """
        self.max_rouge_l = max_rouge_l
        self._split, self._workers = _splitter(alphabet), workers
        self._codes: dict[str, str] = {}
        self._pool = [self._encode(text) for text in texts]

    def __len__(self) -> int:
        return len(self._pool)

    def nearest(self, texts: Sequence[str]) -> list[Nearest]:
        """The nearest of the pool to each text; the first of several."""
        found: list[Nearest] = []
        for start in range(0, len(texts), _CHUNK):
            encoded = [self._encode(text) for text in texts[start : start + _CHUNK]]
            found += self._nearest(encoded)
        return found

    def add_new(self, texts: Sequence[str]) -> list[tuple[bool, Nearest]]:
        """Adds the texts that are new, one after another; each is compared with those before it.

        Returns:
          For each whether it was added, and the nearest that was in the pool then.
        """
        found: list[tuple[bool, Nearest]] = []
        for start in range(0, len(texts), _CHUNK):
            found += self._add_chunk([self._encode(t) for t in texts[start : start + _CHUNK]])
        return found

    def _add_chunk(self, encoded: list[str]) -> list[tuple[bool, Nearest]]:
        before, among = self._nearest(encoded), self._scores(encoded, encoded)
        found: list[tuple[bool, Nearest]] = []
        places: dict[int, int] = {}  # Of those that are added, in the pool.
        for row, nearest in enumerate(before):
            if places:
                added = list(places)
                column = added[int(among[row, added].argmax())]
                score = float(among[row, column])
                if score > nearest.rouge_l:
                    nearest = Nearest(places[column], score)
            is_new = nearest.rouge_l <= self.max_rouge_l
            if is_new:
                places[row] = len(self._pool)
                self._pool.append(encoded[row])
            found.append((is_new, nearest))
        return found

    def _nearest(self, encoded: list[str]) -> list[Nearest]:
        if not self._pool:
            return [Nearest(None, 0.0)] * len(encoded)
        scores = self._scores(encoded, self._pool)
        best = scores.argmax(axis=1)
        return [
            Nearest(int(column), float(score)) if score else Nearest(None, 0.0)
            for column, score in zip(best, scores[range(len(best)), best], strict=True)
        ]

    def _scores(self, rows: list[str], columns: list[str]) -> npt.NDArray[np.float64]:
        """ROUGE-L of each pair, `[rows, columns]`, correctly rounded."""
        from rapidfuzz import process
        from rapidfuzz.distance import Indel

        similarity = process.cdist(
            rows,
            columns,
            scorer=Indel.normalized_similarity,
            dtype=np.float32,
            workers=self._workers,
        )
        lengths = np.add.outer([len(row) for row in rows], [len(column) for column in columns])
        # A whole number whose 24 bits came through a division. The threshold is compared with the
        # nearest float64 to 2 L / (m + n), as a pair with exactly 0.7 is not above 0.7.
        common = np.rint(similarity * lengths / 2)
        # Nothing is common to two texts without words, which rapidfuzz calls the same.
        return np.where(lengths == 0, 0.0, 2 * common / np.maximum(lengths, 1))

    def _encode(self, text: str) -> str:
        codes = self._codes
        return "".join([codes.get(word) or self._new_code(word) for word in self._split(text)])

    def _new_code(self, word: str) -> str:
        number = len(self._codes)
        if number == _MOST_WORDS:
            raise ValueError(
                f"the pool of the ROUGE-L filter has {_MOST_WORDS:,} different words, as many "
                "as it can tell apart; compare fewer texts."
            )
        if number >= _SURROGATES.start:
            number += len(_SURROGATES)
        code = self._codes[word] = chr(number)
        return code
