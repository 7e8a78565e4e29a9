"""Scores of answers: what is right, what an interval is of, and what cannot be compared."""

import pytest

from t5lite.synthetic_data.prompt2model.scores import BERTSCORE, CHRF, EXACT_MATCH, score

pytest.importorskip("sacrebleu")


def test_what_is_right():
    references = {"a": "Yes", "b": ["no", "never"], "c": "café", "d": "x y", "e": "", "f": "z"}
    found = score(
        references,
        {"a": " Yes\n", "b": "never", "c": "cafe\u0301", "d": "x  y", "e": " ", "f": None},
    )
    assert found.exact == [1, 1, 0, 0, 1, 0]
    assert found.num_unanswered == 1 and found.ids == [*"abcdef"]
    exact, chrf = found.estimates().values()
    assert exact.value == 0.5 and 0 < exact.low < 0.5 < exact.high < 1
    assert 0 < chrf.low < chrf.value < chrf.high <= 1


def test_nothing_right_and_one_example():
    found = score({1: "a"}, {}).estimates()
    assert found[EXACT_MATCH].value == 0 and found[EXACT_MATCH].high > 0.5, "Wilson's"
    assert found[CHRF] == (0, 0, 0)
    assert BERTSCORE not in found


def test_two_models_on_the_same_examples():
    references = {i: f"text {i}" for i in range(30)}
    bad = score(references, dict.fromkeys(references, "text"))
    good = score(references, {i: f"text {i}" for i in references})
    found = bad.compare(good)
    assert found[EXACT_MATCH].difference.value == 1 and found[EXACT_MATCH].p_value < 1e-6
    assert found[CHRF].difference.low > 0 and found[CHRF].p_value == pytest.approx(1 / 1001)
    with pytest.raises(ValueError, match="the same examples"):
        bad.compare(score({0: "x"}, {0: "x"}))


def test_an_empty_split_is_said():
    with pytest.raises(ValueError, match="no examples to score"):
        score({}, {})
