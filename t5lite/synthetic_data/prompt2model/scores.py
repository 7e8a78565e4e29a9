"""Exact match, chrF++ and BERTScore of answers, and what tells two models' answers apart.

An answer is equal to a reference where the two are the same text once blanks around them are
stripped: case, punctuation and Unicode forms count (é as one code point is not e with an accent).
chrF++ passes over blanks inside a text too. Where there is no answer at all it is wrong, and to the
others an empty text.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from t5lite.evaluation.chrf import ChrF
from t5lite.evaluation.estimates import Estimate
from t5lite.evaluation.paired_difference import PairedDifference, compare_task
from t5lite.inference.intervals import of_mean
from t5lite.synthetic_data.prompt2model.bert_scorer import BertScorer

EXACT_MATCH, CHRF, BERTSCORE = "exact match", "chrF++", "BERTScore F1"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scores:
    """One model's scores, each from 0 to 1.

    Attributes:
      ids: The examples, in order.
      num_unanswered: Examples that there is no answer to.
      exact: Of each example 1 where the answer is right, else 0.
      chrf: Of all answers together.
      bert_f1: BERTScore's F1 of each example; None where it was not asked for.
    """

    ids: Sequence[str | int]
    num_unanswered: int
    exact: Sequence[float]
    chrf: ChrF
    bert_f1: Sequence[float] | None = None

    def estimates(self) -> dict[str, Estimate]:
        """Each score with its 95% interval.

        Wilson's of exact match, of a bootstrap over examples of chrF++, Student's t of BERTScore;
        where there is none, as of one example, both ends are the score.
        """
        found = {EXACT_MATCH: _mean(self.exact), CHRF: self.chrf.estimate()}
        if self.bert_f1 is not None:
            found[BERTSCORE] = _mean(self.bert_f1)
        return found

    def compare(self, other: Scores) -> dict[str, PairedDifference]:
        """The other model's scores minus these, of the same examples, by score.

        Raises:
          ValueError: The examples are others.
        """
        if list(self.ids) != list(other.ids):
            raise ValueError("two models can be compared on the same examples only")
        found = {
            EXACT_MATCH: compare_task(self.exact, other.exact),
            CHRF: self.chrf.compare(other.chrf),
        }
        if self.bert_f1 is not None and other.bert_f1 is not None:
            found[BERTSCORE] = compare_task(self.bert_f1, other.bert_f1)
        return found


def score(
    references: Mapping[str | int, str | Sequence[str]],
    answers: Mapping[str | int, str | None],
    *,
    bert: BertScorer | None = None,
) -> Scores:
    """Compares answers with references.

    Args:
      references: By id, what is right; a list where several are.
      answers: By id, what a model answered; None, or no entry, where it did not.
      bert: The model of BERTScore; it is left out when None.

    Raises:
      ValueError: There is nothing to compare, or as `BertScorer.f1`.
    """
    if not references:
        raise ValueError("there are no examples to score; the test split is empty")
    ids = list(references)
    right = [[r] if isinstance(r, str) else list(r) for r in references.values()]
    texts = [(answers.get(id) or "").strip() for id in ids]
    return Scores(
        ids=ids,
        num_unanswered=sum(answers.get(id) is None for id in ids),
        exact=[
            float(
                answers.get(id) is not None and text in [reference.strip() for reference in given]
            )
            for id, text, given in zip(ids, texts, right, strict=True)
        ],
        chrf=ChrF(right, texts),
        bert_f1=bert.f1(right, texts) if bert else None,
    )


def _mean(values: Sequence[float]) -> Estimate:
    mean = sum(values) / len(values)
    return Estimate(mean, *(of_mean(values, right=1.0) or (mean, mean)))
