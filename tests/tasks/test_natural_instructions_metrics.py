"""ROUGE-L and exact match over several references."""

import pytest

from tasks import natural_instructions_metrics as metrics


def test_exact_match_takes_any_reference_and_ignores_case_punctuation_and_blanks():
    targets = [["The cat.", "A dog"], "yes", ["an apple"], ["no"]]
    predictions = ["a  DOG!", "Yes.", "apple", "nope"]
    # Articles stay: "apple" is not "an apple".
    assert metrics.exact_match(targets, predictions) == {"exact_match": 0.5}


def test_rouge_l_by_hand():
    # Longest common subsequence of 3 words; precision 3/4, recall 3/3: F = 6/7.
    score = metrics.rouge_l(["the cat sat"], ["the cat never sat"])["rouge_l"]
    assert score == pytest.approx(6 / 7)


def test_rouge_l_stems_and_takes_the_best_reference():
    score = metrics.rouge_l([["unrelated words", "running dogs"]], ["run dog"])["rouge_l"]
    # Porter leaves words of three letters or fewer as they are: run = run, dogs -> dog.
    assert score == pytest.approx(1.0)


def test_rouge_l_is_a_mean_over_predictions():
    assert metrics.rouge_l(["a b", "c d"], ["a b", "e f"])["rouge_l"] == pytest.approx(0.5)


def test_other_scripts_score_in_the_other_rouge_only():
    for text in ("今日は雨です", "नमस्ते दुनिया", "Привет, мир"):
        assert metrics.rouge_l([text], [text])["rouge_l"] == 0.0
        assert metrics.rouge_l_any_language([text], [text])["rouge_l"] == pytest.approx(1.0)
    half = metrics.rouge_l_any_language(["привет мир"], ["привет дом"])["rouge_l"]
    assert half == pytest.approx(0.5)


def test_unicode_tokenizer():
    tokenize = metrics.UnicodeTokenizer().tokenize
    assert tokenize("Él dijo: ¡sí, 3,5!") == ["él", "dijo", "sí", "3", "5"]
    assert tokenize("東京へ行く") == list("東京へ行く")
    assert tokenize("नमस्ते") == ["नमस्ते"]


@pytest.mark.parametrize("fn", [metrics.exact_match, metrics.rouge_l])
def test_lengths_must_agree(fn):
    with pytest.raises(ValueError, match="2 targets for 1"):
        fn(["a", "b"], ["a"])
    with pytest.raises(ValueError, match="no predictions"):
        fn([], [])
