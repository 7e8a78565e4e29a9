"""Exact match and F1 beside lm-evaluation-harness's, which descend from SQuAD's evaluation."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("seqio")  # The suites' package registers their Tasks.
from tasks.eval.squad import answer_accuracy_and_f1

# The harness drops punctuation of all scripts, SQuAD's evaluation that of ASCII.
ANSWERS = st.text(st.sampled_from("aAn the. ,x-50\n"), max_size=12)


@pytest.fixture(scope="module")
def harness():
    if not os.environ.get("T5LITE_PEERS"):
        pytest.skip("T5LITE_PEERS=1 compares with lm-evaluation-harness")
    return pytest.importorskip("lm_eval.tasks.tydiqa.utils")


@given(prediction=ANSWERS, references=st.lists(ANSWERS, min_size=1, max_size=3))
@settings(deadline=None)
def test_scores_are_those_of_lm_evaluation_harness(harness, prediction, references):
    def best(score):
        return harness.metric_max_over_ground_truths(score, prediction, references, "en")

    assert answer_accuracy_and_f1([references], [prediction]) == {
        "accuracy": best(harness.exact_match_score),
        "f1": best(harness.f1_score),
        "unparsed": 0,
    }


def test_no_answer_is_wrong():
    assert answer_accuracy_and_f1(["", "a dog"], [None, "The dog!"]) == {
        "accuracy": 0.5,
        "f1": 0.5,
        "unparsed": 0.5,
    }


def test_lists_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="2 targets for 1 predictions"):
        answer_accuracy_and_f1(["a", "b"], ["a"])
