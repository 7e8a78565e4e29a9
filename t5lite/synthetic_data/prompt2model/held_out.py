"""Whether an input that was generated or found is one that nobody may train on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from t5lite.data.contamination.ngrams import NgramIndex, words

# As in GPT-3's study of contamination; `data.contamination` has the same.
_NGRAM_WORDS = 13
# What is in more of a set's inputs is its frame, not what an input says.
_FRAME_SHARE = 0.5


class HeldOut:
    """Sets of inputs that are kept out of training.

    An input leaks if it has the words of one of theirs (case and punctuation aside), or 13 words in
    a row with one, but for such as more than half of a set's inputs have.
    """

    def __init__(
        self,
        sets: Mapping[str, Sequence[str]],
        *,
        same_words: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Indexes the inputs.

        Args:
          sets: Inputs by the name of the set that they are of, such as "test of squad".
          same_words: The same, of sets with which an input may share some words but not all.
        """
        self._names = {
            key: name
            for name, inputs in (dict(same_words or {}) | dict(sets)).items()
            for text in inputs
            if (key := tuple(words(text)))
        }
        self._index = NgramIndex.build(sets, n=_NGRAM_WORDS, common_share=_FRAME_SHARE)

    def leaks(self, inputs: Sequence[str]) -> list[str]:
        """Why each input is not to be trained on, "" of one that may be."""
        groups = self._index.find(inputs)
        return [self._leak(*pair) for pair in zip(inputs, groups, strict=True)]

    def _leak(self, text: str, groups: npt.NDArray[np.int64]) -> str:
        if name := self._names.get(tuple(words(text))):
            return f"the words of an input of {name}"
        if not groups.size:
            return ""
        group = int(groups[0])
        (first, *_) = self._index.sets_of(self._index.texts_of(group))
        return f"{self._index.set_names[first]} has {self._index.ngrams([group])[0]!r}"
