"""Exact match and F1 as SQuAD 1.1's evaluation, which TyDiQA's gold passage task is scored with.

Source: Rajpurkar et al. 2016 (arXiv 1606.05250), and the task's README in
github.com/google-research-datasets/tydiqa. Both sides are lower-cased and lose ASCII punctuation,
English articles and surplus blanks; of several references the best counts.
"""

from __future__ import annotations

import collections
import re
import string
from collections.abc import Sequence

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def answer_accuracy_and_f1(
    targets: Sequence[str | Sequence[str]], predictions: Sequence[str | None]
) -> dict[str, float]:
    """Share of exact matches, mean F1 over words, and share of predictions that are None.

    Args:
      targets: N references; a list where several are right.
      predictions: N answers, in the same order; None, for no answer, is wrong.

    Returns:
      `{"accuracy": value, "f1": value, "unparsed": value}`, each in [0, 1].

    Raises:
      ValueError: the two differ in number, or there are none.
    """
    if len(targets) != len(predictions) or not targets:
        raise ValueError(f"{len(targets)} targets for {len(predictions)} predictions")
    exact = f1 = 0.0
    for target, prediction in zip(targets, predictions, strict=True):
        if prediction is not None:
            references = (target,) if isinstance(target, str) else target
            exact += max(_words(text) == _words(prediction) for text in references)
            f1 += max(_f1(_words(text), _words(prediction)) for text in references)
    unparsed = sum(prediction is None for prediction in predictions)
    count = len(targets)
    return {"accuracy": exact / count, "f1": f1 / count, "unparsed": unparsed / count}


def _words(text: str) -> list[str]:
    plain = text.lower().translate(_NO_PUNCTUATION)
    return re.sub(r"\b(a|an|the)\b", " ", plain).split()


def _f1(reference: Sequence[str], prediction: Sequence[str]) -> float:
    """F-measure of the words that both have."""
    shared = (collections.Counter(reference) & collections.Counter(prediction)).total()
    if not shared:
        return 0.0
    precision, recall = shared / len(prediction), shared / len(reference)
    return 2 * precision * recall / (precision + recall)
