"""chrF++ beside sacrebleu's own score, interval and test."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t5lite.evaluation.chrf import ChrF

pytest.importorskip("sacrebleu")
from sacrebleu.metrics import CHRF
from sacrebleu.significance import PairedTest

TEXTS = st.text(st.sampled_from("aé b\u0301日!\n"), max_size=12)


@given(st.lists(st.tuples(TEXTS, st.lists(TEXTS, min_size=1, max_size=3)), min_size=1, max_size=5))
@settings(deadline=None, max_examples=50)
def test_the_score_is_sacrebleus(pairs):
    answers, references = zip(*pairs, strict=True)
    most = max(map(len, references))
    streams = [[r[i] if i < len(r) else None for r in references] for i in range(most)]
    expected = CHRF(word_order=2).corpus_score(list(answers), streams).score
    found = ChrF(references, answers)
    # Sums of the same integers, as floats.
    assert 100 * found.value == pytest.approx(expected, rel=1e-12)
    singles = [CHRF(word_order=2).sentence_score(a, r).score for a, r in pairs]
    assert [100 * value for value in found.by_example()] == pytest.approx(singles, rel=1e-12)


@pytest.fixture(scope="module")
def corpus():
    """References, answers, and answers that are a little better."""
    draw = random.Random(0)

    def words():
        return " ".join(draw.choice(["alpha", "beta", "gamma", "it's.", "x"]) for _ in range(6))

    references = [(words(),) for _ in range(120)]
    worse = [words() for _ in references]
    better = [r[0] if draw.random() < 0.3 else a for r, a in zip(references, worse, strict=True)]
    return references, worse, better


def test_the_interval_is_that_of_sacrebleus_bootstrap(corpus):
    references, answers, _ = corpus
    theirs = CHRF(word_order=2).corpus_score(answers, [[r[0] for r in references]], 1000)
    value, low, high = (100 * number for number in ChrF(references, answers).estimate())
    # Both of 1,000 resamples, of other draws: ends vary by about a twentieth of the width.
    assert (high - low) / 2 == pytest.approx(theirs._ci, rel=0.15)
    assert low < value < high


def test_a_difference_is_found_where_there_is_one(corpus):
    references, worse, better = corpus
    found = ChrF(references, worse).compare(ChrF(references, better))
    low, high = found.difference[1:]
    assert 0 < low < found.difference.value < high
    assert found.difference.value == pytest.approx(found.mean_b - found.mean_a)
    assert found.num_better > found.num_worse == 0 and found.num_pairs == len(references)


def test_the_test_is_sacrebleus_approximate_randomization(corpus):
    references, answers, _ = corpus
    others = [*answers[1:], answers[0]]
    test = PairedTest(
        [("one", answers), ("other", others)],
        {"chrF": CHRF(word_order=2, references=[[r[0] for r in references]])},
        None,
        n_samples=1000,
    )
    _, theirs = test()
    (p_value,) = [row[1].p_value for name, row in theirs.items() if name != "System"]
    found = ChrF(references, answers).compare(ChrF(references, others))
    # Shares of 1,000 draws each.
    assert 0.05 < p_value < 0.95 and found.p_value == pytest.approx(p_value, abs=0.08)


def test_no_difference_is_none(corpus):
    references, answers, _ = corpus
    same = ChrF(references, answers)
    found = same.compare(ChrF(references, answers))
    assert found.difference == (0, 0, 0) and found.p_value == 1.0
