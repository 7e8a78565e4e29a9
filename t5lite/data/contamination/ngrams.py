"""Word n-grams: what a word is, and an index that finds n-grams of some texts in others.

A word is as in GPT-3's study of contamination (Brown et al. 2020, arXiv:2005.14165, appendix C):
what blanks delimit, in lower case and without punctuation. For that study's English this is all;
for other scripts
- texts are normalised first (Unicode's NFKC), so that composed and full-width letters are equal;
- punctuation is every character of Unicode's categories P and S, so signs like `$` and `+` too;
- in scripts that write no blanks between words, each character is a word.

Names: W words of all indexed texts, X those texts, S sets of them, P places of n-grams, G distinct
n-grams, K words of the texts to search, C candidates.
"""

from __future__ import annotations

import array
import dataclasses
import json
import pathlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from t5lite.files import strict_json

# Chinese characters, kana, Thai, Lao, Burmese, Khmer.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff]"
)
_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd: multiplying by it loses nothing modulo 2**64
_LARGEST_TABLE = 28  # bits: 256 MB
# So many words in a row that most texts of a set have are no chance.
INSTRUCTION_WORDS = 5
_ARRAYS = ("stream", "text_start", "set_start", "place", "group_start", "group_hash", "table")


class _WithoutPunctuation(dict[int, int | None]):
    """What `str.translate` puts for each character; filled as characters are met."""

    def __missing__(self, code: int) -> int | None:
        kept = None if unicodedata.category(chr(code))[0] in "PS" else code
        self[code] = kept
        return kept


_WITHOUT_PUNCTUATION = _WithoutPunctuation()


def words(text: str) -> list[str]:
    """The words of a text, as the module's docstring defines them."""
    ascii_only = text.isascii()
    if not ascii_only:
        text = unicodedata.normalize("NFKC", text)
    text = text.lower().translate(_WITHOUT_PUNCTUATION)
    if not ascii_only:
        text = _UNSPACED.sub(r" \g<0> ", text)
    return text.split()


@dataclasses.dataclass(frozen=True, kw_only=True)
class NgramIndex:
    """The n-grams of sets of texts; equal n-grams are one group.

    What it reports was compared word by word, so no collision of hashes is ever reported.

    Attributes:
      n: words of an n-gram.
      set_names: names of the sets.
      vocabulary: the texts' words, numbered from 1.
      stream: int32 `[W]`, all texts as word numbers, one after another.
      text_start: int64 `[X + 1]`, where each text begins in `stream`, and the end.
      set_start: int64 `[S + 1]`, first text of each set, and the end.
      place: int64 `[P]`, where each n-gram begins in `stream`, those of a group together.
      group_start: int64 `[G + 1]`, where each group begins in `place`, and the end.
      group_hash: uint64 `[G]`, ascending.
      table: bool `[2**bits]`, whether a group's hash begins with these bits: a first, fast test.
    """

    n: int
    set_names: tuple[str, ...]
    vocabulary: Mapping[str, int]
    stream: npt.NDArray[np.int32]
    text_start: npt.NDArray[np.int64]
    set_start: npt.NDArray[np.int64]
    place: npt.NDArray[np.int64]
    group_start: npt.NDArray[np.int64]
    group_hash: npt.NDArray[np.uint64]
    table: npt.NDArray[np.bool_]

    @classmethod
    def build(
        cls, sets: Mapping[str, Iterable[str]], *, n: int, common_share: float | None = None
    ) -> NgramIndex:
        """Indexes the n-grams of texts, each text by itself.

        Args:
          sets: texts, by the name of the set they belong to.
          n: words of an n-gram, at least 1.
          common_share: `INSTRUCTION_WORDS` in a row (n, if those are fewer) that are in more than
            this share of a set's texts, and in more than one, are of its instruction: n-grams with
            any of these words are left out; None keeps all.
        """
        vocabulary: dict[str, int] = {}
        stream, text_start, set_start = array.array("i"), array.array("q", [0]), [0]
        for texts in sets.values():
            for text in texts:
                stream.extend(vocabulary.setdefault(w, len(vocabulary) + 1) for w in words(text))
                text_start.append(len(stream))
            set_start.append(len(text_start) - 1)
        stream_W = np.array(stream, np.int32)
        starts = np.array(text_start, np.int64)
        lengths_X = np.diff(starts)
        # Of an n-gram's places, only those from which n words of the same text follow.
        left_W = np.repeat(starts[1:], lengths_X) - np.arange(len(stream_W))
        place_P = np.flatnonzero(left_W >= n)
        if common_share is not None:
            k = min(n, INSTRUCTION_WORDS)
            place_I = np.flatnonzero(left_W >= k)
            text_I = np.searchsorted(starts, place_I, side="right") - 1
            gram_I = _hashes(stream_W, k)[place_I]
            common_I = _common(gram_I, text_I, np.array(set_start), share=common_share)
            place_P = place_P[~_touches(place_P, place_I[common_I], n=n, k=k, end=len(stream_W))]
        hash_P = _hashes(stream_W, n)[place_P]
        order = np.argsort(hash_P, kind="stable")
        place_P, hash_P = place_P[order], hash_P[order]
        differs = np.ones(len(place_P), bool)
        differs[1:] = hash_P[1:] != hash_P[:-1]
        for word in range(n):  # equal hashes of unequal n-grams are groups of their own
            differs[1:] |= stream_W[place_P[1:] + word] != stream_W[place_P[:-1] + word]
        first_G = np.flatnonzero(differs)
        group_hash = hash_P[first_G]
        bits = int(np.clip(np.ceil(np.log2(16 * len(first_G) + 1)), 8, _LARGEST_TABLE))
        table = np.zeros(1 << bits, bool)
        table[group_hash >> np.uint64(64 - bits)] = True
        return cls(
            n=n,
            set_names=tuple(sets),
            vocabulary=vocabulary,
            stream=stream_W,
            text_start=starts,
            set_start=np.array(set_start, np.int64),
            place=place_P,
            group_start=np.append(first_G, len(place_P)),
            group_hash=group_hash,
            table=table,
        )

    def save(self, folder: pathlib.Path) -> None:
        """Writes the index into an existing folder, for other processes."""
        for name in _ARRAYS:
            np.save(folder / f"{name}.npy", getattr(self, name))
        # No word holds a blank of any kind, and this order numbers them.
        meta = {"n": self.n, "set_names": self.set_names, "words": " ".join(self.vocabulary)}
        (folder / "index.json").write_text(strict_json.dumps(meta), encoding="utf-8")

    @classmethod
    def open(cls, folder: pathlib.Path) -> NgramIndex:
        """Maps an index that `save` wrote: processes share the memory, but for the vocabulary."""
        meta = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        return cls(
            n=meta["n"],
            set_names=tuple(meta["set_names"]),
            vocabulary={word: number for number, word in enumerate(meta["words"].split(), start=1)},
            # Plain arrays over the maps: indexing a numpy.memmap costs more.
            **{
                name: np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in _ARRAYS
            },
        )

    def find(self, texts: Sequence[str]) -> list[npt.NDArray[np.int64]]:
        """The groups of which each text holds an n-gram, sorted."""
        number = self.vocabulary.get
        ids, ends = array.array("i"), []
        for text in texts:
            ids.extend([number(word, 0) for word in words(text)])
            ends.append(len(ids))
        id_K = np.array(ids, np.int32)
        hash_K = _hashes(id_K, self.n)
        shift = np.uint64(64 - (len(self.table).bit_length() - 1))
        place_C = np.flatnonzero(self.table[hash_K >> shift])
        text_C = np.searchsorted(ends, place_C, side="right")
        within = place_C + self.n <= np.array(ends, np.int64)[text_C]
        place_C, text_C = place_C[within], text_C[within]
        found_C, group_C = self._verified(id_K, place_C, hash_K[place_C])
        text_F = text_C[found_C]
        return [np.unique(group_C[text_F == text]) for text in range(len(texts))]

    def texts_of(self, group: int) -> npt.NDArray[np.int64]:
        """The indexed texts that hold an n-gram of this group; each once, sorted."""
        places = self.place[self.group_start[group] : self.group_start[group + 1]]
        return np.unique(np.searchsorted(self.text_start, places, side="right") - 1)

    def sets_of(self, texts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The set of each indexed text."""
        return np.searchsorted(self.set_start, texts, side="right") - 1

    def ngrams(self, groups: Sequence[int]) -> list[str]:
        """The words of these groups' n-grams, with blanks between."""
        by_number = list(self.vocabulary)
        found = []
        for group in groups:
            first = self.place[self.group_start[group]]
            numbers = self.stream[first : first + self.n].tolist()
            found.append(" ".join(by_number[number - 1] for number in numbers))
        return found

    def _verified(
        self, id_K: npt.NDArray[np.int32], place_C: npt.NDArray[np.int64], hash_C: npt.NDArray
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """(candidate, group) of every candidate whose words are those of a group."""
        first_C = np.searchsorted(self.group_hash, hash_C, side="left")
        last_C = np.searchsorted(self.group_hash, hash_C, side="right")
        word_N = np.arange(self.n)
        candidates, groups = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        # Almost always one group has a hash, if any.
        for offset in range(int((last_C - first_C).max(initial=0))):
            (found,) = np.nonzero(first_C + offset < last_C)
            group = first_C[found] + offset
            theirs = self.stream[self.place[self.group_start[group]][:, None] + word_N]
            same = (theirs == id_K[place_C[found][:, None] + word_N]).all(axis=1)
            candidates.append(found[same])
            groups.append(group[same])
        return np.concatenate(candidates), np.concatenate(groups)


def _common(
    gram_P: npt.NDArray[np.uint64],
    text_P: npt.NDArray[np.int64],
    set_start: npt.NDArray[np.int64],
    *,
    share: float,
) -> npt.NDArray[np.bool_]:
    """Whether what stands at each place is in more than a share of the texts of its set, `[P]`.

    Args:
      gram_P: the hash of what stands there.
      text_P: which text the place is in.
      set_start: `[S + 1]`, as in `NgramIndex`.
      share: in [0, 1].
    """
    num_texts_S = np.diff(set_start)
    num_texts, num_sets = int(set_start[-1]), len(num_texts_S)
    _, group_P = np.unique(gram_P, return_inverse=True)
    # Each text once, however often it holds the words.
    group_U, text_U = np.divmod(np.unique(group_P * num_texts + text_P), max(num_texts, 1))
    set_U = np.searchsorted(set_start, text_U, side="right") - 1
    pairs, counts = np.unique(group_U * num_sets + set_U, return_counts=True)
    set_P = np.searchsorted(set_start, text_P, side="right") - 1
    count_P = counts[np.searchsorted(pairs, group_P * num_sets + set_P)]
    return (count_P > share * num_texts_S[set_P]) & (count_P > 1)


def _touches(
    place_P: npt.NDArray[np.int64], place_I: npt.NDArray[np.int64], *, n: int, k: int, end: int
) -> npt.NDArray[np.bool_]:
    """Whether the n words from each place on share one with the k words from some others, `[P]`."""
    depth = np.zeros(end + 1, np.int64)
    np.add.at(depth, place_I, 1)
    np.add.at(depth, place_I + k, -1)
    # How many words of instructions stand before each word, and before the end.
    before = np.concatenate([[0], np.cumsum(np.cumsum(depth[:-1]) > 0)])
    return before[place_P + n] > before[place_P]


def _hashes(id_K: npt.NDArray[np.int32], n: int) -> npt.NDArray[np.uint64]:
    """Hash of the n words from each place on, `[K]`; the last n - 1 are of fewer words.

    A polynomial in `_BASE` modulo 2**64 by Horner's rule, over scattered word numbers.
    """
    value_K = _scattered(np.concatenate([id_K, np.zeros(n - 1, np.int32)]))
    hash_K = np.zeros(len(id_K), np.uint64)
    for word in range(n):
        hash_K *= _BASE
        hash_K += value_K[word : word + len(id_K)]
    # The first bits, which the table looks at, must depend on all.
    return _scattered(hash_K)


def _scattered(number: npt.NDArray) -> npt.NDArray[np.uint64]:
    """A one-to-one map of 64 bits that spreads them: the finaliser of SplitMix64 (Steele 2014)."""
    x = number.astype(np.uint64)
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return x
