"""ROUGE-L and exact match as Super-NaturalInstructions scores them: the best over all references.

Source of the definitions: `eval/automatic` of github.com/allenai/natural-instructions (Wang et al.
2022, arXiv 2204.07705). A target is one reference, or a list of equally good ones.
Values are shares from 0 to 1, as everywhere in this project; papers print them times 100.
"""

import functools
import string
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

Target = str | Sequence[str]

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
# Scripts written without blanks between words: each character counts as a token.
_UNSPACED_SCRIPTS = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")


def exact_match(targets: Sequence[Target], predictions: Sequence[str]) -> dict[str, float]:
    """Share of predictions equal to one of their references after normalisation.

    Both sides are lower-cased, lose ASCII punctuation and have runs of blanks made one; articles
    stay (SQuAD's normalisation without that step, as in the official evaluation).

    Args:
      targets: references, one entry a prediction.
      predictions: the model's texts.

    Returns:
      `{"exact_match": share, 0 to 1}`.
    """
    return {"exact_match": mean_of_best(_equal, targets, predictions)}


def rouge_l(targets: Sequence[Target], predictions: Sequence[str]) -> dict[str, float]:
    """ROUGE-L for English: mean over predictions of the best F-measure over the references.

    As in the official evaluation: the rouge-score package with its own tokenizer (lower case,
    runs of a-z and 0-9) and Porter stemming.

    Args:
      targets: references, one entry a prediction.
      predictions: the model's texts.

    Returns:
      `{"rouge_l": F-measure, 0 to 1}`.
    """
    return {"rouge_l": mean_of_best(_rouge_l_of(english=True), targets, predictions)}


def rouge_l_any_language(targets: Sequence[Target], predictions: Sequence[str]) -> dict[str, float]:
    """ROUGE-L for texts in any language; arguments and result as in `rouge_l`.

    The rouge-score package's own tokenizer drops every letter that is not a-z. The official
    evaluation takes GPT-2's byte-level pieces instead; to need no download, tokens here are runs
    of letters, marks and digits, or single characters in scripts that put no blanks between
    words. Figures are thus close to the official cross-lingual ones, not equal.
    """
    return {"rouge_l": mean_of_best(_rouge_l_of(english=False), targets, predictions)}


class UnicodeTokenizer:
    """Words of any script, lower-cased, for `rouge_score.rouge_scorer.RougeScorer`."""

    def tokenize(self, text: str) -> list[str]:
        """Splits at everything that is not a letter, a mark or a digit."""
        spaced = []
        for char in unicodedata.normalize("NFKC", text).lower():
            if unicodedata.category(char)[0] not in "LMN":
                spaced.append(" ")
            elif unicodedata.name(char, "").startswith(_UNSPACED_SCRIPTS):
                spaced.append(f" {char} ")
            else:
                spaced.append(char)
        return "".join(spaced).split()


def _normalize(text: str) -> str:
    return " ".join(text.lower().translate(_NO_PUNCTUATION).split())


def _equal(reference: str, prediction: str) -> float:
    return float(_normalize(reference) == _normalize(prediction))


@functools.cache
def _rouge_l_of(*, english: bool) -> Callable[[str, str], float]:
    """F-measure of one reference and one prediction."""
    from rouge_score import rouge_scorer

    scorer = (
        rouge_scorer.RougeScorer(["rougeL"], use_stemmer=True)
        if english
        else rouge_scorer.RougeScorer(["rougeL"], tokenizer=UnicodeTokenizer())
    )

    def score(reference: str, prediction: str) -> float:
        scores: Any = scorer.score(target=reference, prediction=prediction)
        return scores["rougeL"].fmeasure

    return score


def mean_of_best(
    score: Callable[[str, str], float], targets: Sequence[Target], predictions: Sequence[str]
) -> float:
    """The mean over predictions of their best score against any of their references.

    Args:
      score: of a reference and a prediction.
      targets: references, one entry a prediction.
      predictions: the model's texts.

    Raises:
      ValueError: the two differ in number, or there are none.
    """
    if len(targets) != len(predictions):
        raise ValueError(f"{len(targets)} targets for {len(predictions)} predictions")
    if not targets:
        raise ValueError("no predictions to score")
    total = 0.0
    for target, prediction in zip(targets, predictions, strict=True):
        references = [target] if isinstance(target, str) else target
        total += max(score(reference, prediction) for reference in references)
    return total / len(targets)
