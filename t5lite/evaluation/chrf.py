"""chrF++ of many answers: its interval, and the difference of two models' on the same examples.

chrF++ (Popović 2017, https://aclanthology.org/W17-4770) is the F2 of n-grams of one to six
characters and of one and two words, counted over all answers together, so that it is no mean over
examples. The counts and the score are sacrebleu's. Resampling is done here, for sacrebleu holds
every resample in memory at once, 1 GB for 10,000 answers, and gives no interval of a difference.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from t5lite.evaluation.estimates import Estimate
from t5lite.evaluation.paired_difference import PairedDifference

_NUM_RESAMPLES = 1000
# Resamples whose counts are drawn at once, so that memory does not grow with their number.
_BATCH = 50
_SEED = 0


class ChrF:
    """The chrF++ of one model's answers, from 0 to 1.

    Attributes:
      value: Of all answers together.
    """

    def __init__(self, references: Sequence[Sequence[str]], answers: Sequence[str]) -> None:
        """Counts n-grams; of several references that count whose F is the best.

        Args:
          references: The right answers to each example; one or more.
          answers: The model's, in the same order.
        """
        from sacrebleu.metrics import CHRF

        assert len(references) == len(answers) and answers, "an answer to each, and at least one"
        self._metric = CHRF(word_order=2)
        streams = [*itertools.zip_longest(*references)]
        # The score is that of their sums; sacrebleu has no public name for either.
        counts = self._metric._extract_corpus_statistics(list(answers), streams)
        # Whole numbers far below 2^53, as floats, which are multiplied faster.
        self._counts_NC = np.asarray(counts, np.float64)
        self.value = self._score(self._counts_NC.sum(0))

    def estimate(self) -> Estimate:
        """The value with its 95% interval, of a bootstrap over examples."""
        found = [self._score(counts_C) for (counts_C,) in _resampled(self._counts_NC)]
        return Estimate(self.value, *_interval(found))

    def by_example(self) -> list[float]:
        """Each answer's own chrF++; their mean is not `value`."""
        return [self._score(counts_C) for counts_C in self._counts_NC]

    def compare(self, other: ChrF) -> PairedDifference:
        """The other model's chrF++ minus this one's, of the same examples in the same order.

        The interval is of a bootstrap over examples, the test exchanges the two models' answers
        within examples (approximate randomization, Riezler and Maxwell 2005).
        """
        a_NC, b_NC = self._counts_NC, other._counts_NC
        assert a_NC.shape == b_NC.shape, "answers to the same examples"
        difference = other.value - self.value
        resampled = [self._score(b_C) - self._score(a_C) for a_C, b_C in _resampled(a_NC, b_NC)]
        exchanged = [self._score(b_C) - self._score(a_C) for a_C, b_C in _exchanged(a_NC, b_NC)]
        # Sums that are equal must not differ by their rounding.
        as_far = sum(abs(found) >= abs(difference) - 1e-12 for found in exchanged)
        change_N = np.subtract(other.by_example(), self.by_example())
        return PairedDifference(
            num_pairs=len(a_NC),
            mean_a=self.value,
            mean_b=other.value,
            num_better=int((change_N > 0).sum()),
            num_worse=int((change_N < 0).sum()),
            difference=Estimate(difference, *_interval(resampled)),
            p_value=(as_far + 1) / (len(exchanged) + 1),
            test="approximate randomization",
        )

    def _score(self, counts_C: np.ndarray) -> float:
        return float(self._metric._compute_score_from_stats(counts_C.tolist()).score) / 100


def _interval(values: Sequence[float]) -> tuple[float, float]:
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def _resampled(*counts_NC: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Sums of counts over as many examples, drawn with replacement, the same of each model."""
    num = len(counts_NC[0])
    shares = np.full(num, 1 / num)
    yield from _sums(lambda random: random.multinomial(num, shares, size=_BATCH), *counts_NC)


def _exchanged(a_NC: np.ndarray, b_NC: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Sums of counts where each example's two answers have changed places or not."""
    for (moved_C,) in _sums(
        lambda random: random.integers(2, size=(_BATCH, len(a_NC))), b_NC - a_NC
    ):
        yield a_NC.sum(0) + moved_C, b_NC.sum(0) - moved_C


def _sums(
    draw: Callable[[np.random.Generator], np.ndarray], *counts_NC: np.ndarray
) -> Iterator[tuple[np.ndarray, ...]]:
    random = np.random.default_rng(_SEED)
    for _ in range(0, _NUM_RESAMPLES, _BATCH):
        weights_BN = draw(random).astype(np.float64)
        yield from zip(*(weights_BN @ counts for counts in counts_NC), strict=True)
