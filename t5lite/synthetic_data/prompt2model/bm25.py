"""Searching texts by their words: BM25, of the library bm25s, over words of any language."""

from __future__ import annotations

import functools
import logging
import re
import unicodedata
from collections.abc import Callable, Sequence

import numpy as np

# Scripts that put no blanks between words; their characters are searched in pairs, as Lucene's
# CJKBigramFilter has it, which needs no dictionary of any language.
_UNSPACED = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f"  # Myanmar
    "\u1780-\u17ff"  # Khmer
    "\u3040-\u30ff"  # Hiragana, Katakana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
_RUNS = re.compile(rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}]+")
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")


def words(text: str) -> list[str]:
    """The words of a text, lower-cased; pairs of characters where a script has no blanks."""
    found: list[str] = []
    for run in _RUNS.findall(_with_marks(unicodedata.normalize("NFKC", text).lower())):
        if _IS_UNSPACED.match(run) and len(run) > 1:
            found += [run[i : i + 2] for i in range(len(run) - 1)]
        else:
            found.append(run)
    return found


def _with_marks(text: str) -> str:
    r"""The text without marks, which `\w` does not take for parts of words (Hindi's vowels)."""
    if text.isascii():
        return text
    return "".join(char for char in text if unicodedata.category(char)[0] != "M")


class Bm25:
    """Texts that are searched by BM25 in the form that Lucene has, k1 1.5 and b 0.75.

    English stop words are left out and words stemmed (Snowball), as in Prompt2Model's own search
    (retriv).
    """

    def __init__(self, texts: Sequence[str]) -> None:
        """Reads all texts."""
        self._texts = [searched_words(text) for text in texts]

    def scores(self, query: str) -> np.ndarray:
        """The score of each text, float32 `[number of texts]`, in shares of what is possible.

        It is divided by the score that the query would have as one of the texts, so that 1 is a
        text in the query's own words, whatever the number of texts, and 0 one without any of them.
        All are 0 where the query has no words.
        """
        asked = searched_words(query)
        if not asked or not self._texts:
            return np.zeros(len(self._texts), np.float32)
        scores = bm25_scores([*self._texts, asked], asked)
        return scores[:-1] / scores[-1]


def bm25_scores(texts: Sequence[Sequence[str]], query: Sequence[str]) -> np.ndarray:
    """BM25 of texts, one of which has words, for a query; all given as words.

    Returns:
      float32 `[number of texts]`.
    """
    import bm25s

    logging.getLogger("bm25s").setLevel(logging.WARNING)  # It sets DEBUG when it is imported.
    index = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
    index.index([list(text) for text in texts], show_progress=False)
    known = index.get_tokens_ids(list(query))
    return np.asarray(index.get_scores_from_ids(known), np.float32)


def ranked(scores: np.ndarray) -> list[int]:
    """Places of all scores above 0, the highest first; of equal ones the earlier first."""
    order = np.argsort(-scores, kind="stable")
    return [int(place) for place in order if scores[place] > 0]


def searched_words(text: str) -> list[str]:
    """The words of a text that are searched: without English stop words, stemmed."""
    from bm25s.stopwords import STOPWORDS_EN_PLUS

    stop = frozenset(STOPWORDS_EN_PLUS)
    return [_stem(word) for word in words(text) if word not in stop]


@functools.lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    return _stemmer()(word) if word.isascii() else word


@functools.cache
def _stemmer() -> Callable[[str], str]:
    import snowballstemmer

    stem: Callable[[str], str] = snowballstemmer.stemmer("english").stemWord
    return stem
