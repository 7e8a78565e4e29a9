"""Texts that say nearly what one before them says."""

from __future__ import annotations

from collections.abc import Sequence

from t5lite.data.contamination.ngrams import words

_BLOCK = 256  # texts compared with all before them at once
_ROUNDING = 1e-6  # scores are float32


def distinct(texts: Sequence[str], *, similarity: float) -> list[int]:
    """The places of the texts that repeat none before them nearly, of those that are kept.

    Two texts are as similar as the insertions and deletions of characters are few that make one the
    other (normalized Indel similarity, as `rapidfuzz` computes it), case and punctuation aside.

    Args:
      texts: In any number; the time grows with its square.
      similarity: What makes a near-duplicate, above 0 and at most 1.
    """
    from rapidfuzz import process
    from rapidfuzz.distance import Indel

    least = similarity - _ROUNDING
    plain = [" ".join(words(text)) for text in texts]
    kept: list[int] = []
    for start in range(0, len(plain), _BLOCK):
        block = plain[start : start + _BLOCK]
        before = len(kept)
        # Columns: what was kept before the block, then the block itself.
        similar = process.cdist(
            block,
            [plain[index] for index in kept] + block,
            scorer=Indel.normalized_similarity,
            score_cutoff=least,
        )
        for row, scores in enumerate(similar):
            columns = [*range(before), *(before + index - start for index in kept[before:])]
            if all(scores[column] < least for column in columns):
                kept.append(start + row)
    return kept
