"""BM25 beside its formula, and words of scripts without blanks."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t5lite.synthetic_data.prompt2model.bm25 import Bm25, bm25_scores, ranked, words

WORDS = st.sampled_from(["cat", "dog", "tree", "house", "日本", "naïve"])


def lucene(texts, query, k1=1.5, b=0.75):
    """The formula of Kamphuis et al. 2020, table 1 (Lucene, accurate)."""
    mean_length = sum(map(len, texts)) / len(texts)
    scores = []
    for text in texts:
        counts, score = Counter(text), 0.0
        for word in query:
            df = sum(word in other for other in texts)
            tf = counts[word]
            idf = math.log(1 + (len(texts) - df + 0.5) / (df + 0.5))
            score += idf * tf / (tf + k1 * (1 - b + b * len(text) / mean_length))
        scores.append(score)
    return scores


@settings(deadline=None, max_examples=50)
@given(
    texts=st.lists(st.lists(WORDS, max_size=6), min_size=1, max_size=6).filter(any),
    query=st.lists(WORDS, max_size=4),
)
def test_scores_are_those_of_the_formula(texts, query):
    # bm25s keeps each word's part in float32 and adds up to 4 of them.
    np.testing.assert_allclose(bm25_scores(texts, query), lucene(texts, query), rtol=1e-5)


def test_a_text_in_the_prompts_own_words_scores_one_and_one_without_any_nothing():
    scores = Bm25(["Classify the sentiment of reviews", "Translate into French"]).scores(
        "classify the sentiment of reviews"
    )
    assert scores == pytest.approx([1, 0])


def test_forms_of_a_word_are_one_word():
    scores = Bm25(["A classification of reviewers", "A translation of classics"]).scores(
        "classifying reviews"
    )
    assert scores[0] > 0 == scores[1]


@pytest.mark.parametrize("query", ["", " \n", "the of and", "?!", "wombat"])
def test_a_query_without_words_of_the_texts_finds_nothing(query):
    assert ranked(Bm25(["A cat", "A dog"]).scores(query)) == []


@pytest.mark.parametrize("texts", [[], [""], ["", "..."]])
def test_texts_without_words_are_not_found(texts):
    scores = Bm25(texts).scores("a dog")
    assert scores.shape == (len(texts),)
    assert ranked(scores) == []


def test_equal_scores_keep_the_order_of_the_texts():
    texts = ["bird", "a dog", "cat", "one dog more", "a dog"]
    assert ranked(Bm25(texts).scores("dog"))[:2] == [1, 4]


def test_scripts_without_blanks_are_searched_by_pairs_of_characters():
    assert words("日本語を Python3 に") == ["日本", "本語", "語を", "python3", "に"]
    scores = Bm25(["英語の文章を日本語に翻訳する", "映画の評価を分類する"]).scores("翻訳")
    assert ranked(scores) == [0]
    assert ranked(Bm25(["แปลภาษาอังกฤษ", "สภาพอากาศ"]).scores("ภาษาอังกฤษ"))[0] == 0


def test_marks_are_no_ends_of_words():
    assert words("हिन्दी में") == words("हिन्दी") + words("में")
    assert len(words("हिन्दी")) == 1
