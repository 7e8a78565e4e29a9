"""The ROUGE-L filter against the library rouge-score, pair by pair."""

import json
import random
from fractions import Fraction

import pytest
from rouge_score.rouge_scorer import RougeScorer

from t5lite.synthetic_data.self_instruct import rouge_filter
from t5lite.synthetic_data.self_instruct.rouge_filter import Nearest, RougeFilter, split_words
from tests.conftest import shared_path

# Both compute in float64, by formulas that round differently.
_TOLERANCE = 1e-9
_SCORER = RougeScorer(["rougeL"], use_stemmer=False)
_PIECES = [
    *("write", "Write", "a", "the", "poem", "poems", "don't", "e-mail", "3.5", "naïve", "日本"),
    *("日", "…", "?", "\n", "\t", "\u2028", "ß", "İ", "ﬁne", "x" * 70, "😀", "A1b2", "_", "ＡＢ"),
]


def _rouge_l(one, other):
    return _SCORER.score(one, other)["rougeL"].fmeasure


def _random_text(rng):
    separators = [" ", " ", " ", "", ", ", "\n"]
    return "".join(
        rng.choice(_PIECES) + rng.choice(separators)
        for _ in range(rng.choice([0, 1, 3, 8, 20, 90]))
    )


def _instructions():
    seeds = shared_path("data", "self_instruct", "seed_tasks.jsonl").read_text("utf-8").split("\n")
    return [json.loads(line)["instruction"] for line in seeds if line]


@pytest.mark.parametrize("source", ["random", "seeds"])
def test_scores_are_those_of_rouge_score(source):
    rng = random.Random(source)
    texts = [_random_text(rng) for _ in range(90)] if source == "random" else _instructions()[:90]
    pool = texts[:40]
    filter_ = RougeFilter(pool)
    compared = 0
    for text, found in zip(texts, filter_.nearest(texts), strict=True):
        scores = [_rouge_l(other, text) for other in pool]
        assert found.rouge_l == pytest.approx(max(scores), abs=_TOLERANCE)
        if found.index is None:
            assert max(scores) == 0
        else:
            assert scores[found.index] == pytest.approx(max(scores), abs=_TOLERANCE)
        compared += len(scores)
    assert compared == 3600


def test_every_pair_is_scored_as_rouge_score_does():
    rng = random.Random(0)
    texts = [_random_text(rng) for _ in range(50)] + _instructions()[90:140]
    for text in texts[::4]:
        alone = RougeFilter([text])
        for other, found in zip(texts, alone.nearest(texts), strict=True):
            assert found.rouge_l == pytest.approx(_rouge_l(text, other), abs=_TOLERANCE)


def test_what_is_kept_is_what_the_plain_loop_keeps(monkeypatch):
    monkeypatch.setattr(rouge_filter, "_CHUNK", 7)
    rng = random.Random(3)
    words = sorted({word for text in _instructions()[:3] for word in text.split()})[:13]
    texts = [" ".join(rng.choices(words, k=rng.randint(2, 6))) for _ in range(150)]
    kept: list[str] = []
    wanted: list[bool] = []
    for text in texts:
        scores = [_rouge_l(other, text) for other in kept]
        # rouge-score may say 0.7000000000000001 where the fraction is 7/10.
        wanted.append(all(Fraction(s).limit_denominator(1000) <= Fraction(7, 10) for s in scores))
        if wanted[-1]:
            kept.append(text)
    assert 20 < len(kept) < 140
    filter_ = RougeFilter()
    found = filter_.add_new(texts[:60]) + filter_.add_new(texts[60:])
    assert [is_new for is_new, _ in found] == wanted
    assert len(filter_) == len(kept)
    # One that goes on from what was kept decides the same.
    first = [text for text, is_new in zip(texts[:60], wanted, strict=False) if is_new]
    resumed = RougeFilter(first)
    assert resumed.add_new(texts[60:]) == found[60:]


def test_exactly_the_limit_is_kept():
    filter_ = RougeFilter(["a b c d e f g x y z"])
    assert filter_.add_new(["a b c d e f g 1 2 3"]) == [(True, Nearest(0, 0.7))]
    assert filter_.add_new(["a b c d e f g x 2 3"]) == [(False, Nearest(1, 0.9))]


def test_texts_without_words_share_nothing():
    filter_ = RougeFilter(["", "?!"])
    assert filter_.add_new(["", "日本語"]) == [(True, Nearest(None, 0.0))] * 2
    assert RougeFilter().nearest(["a"]) == [Nearest(None, 0.0)]


def test_words_of_other_languages():
    assert split_words("日本の詩 über-Größe 3x สวัส", alphabet="unicode") == [
        *("日", "本", "の", "詩", "über", "größe", "3x", "ส", "ว", "ั", "ส")
    ]
    filter_ = RougeFilter(["海についての詩を書いてください"], alphabet="unicode")
    assert [is_new for is_new, _ in filter_.add_new(["海についての歌を書いてください"])] == [False]
    with pytest.raises(ValueError, match="alphabet is 'unicod'; choose one of ascii, unicode"):
        RougeFilter(alphabet="unicod")


def test_more_words_than_characters_is_refused(monkeypatch):
    monkeypatch.setattr(rouge_filter, "_MOST_WORDS", 3)
    RougeFilter(["a b c a"])
    with pytest.raises(ValueError, match="3 different words"):
        RougeFilter(["a b c d"])


def test_words_beyond_the_surrogates_are_told_apart():
    words = [f"w{number}" for number in range(0xD7F0, 0xE010)]
    first = [f"v{number}" for number in range(0xD7F0)]
    filter_ = RougeFilter([" ".join(first), *words])
    assert [found.index for found in filter_.nearest(words)] == [*range(1, len(words) + 1)]
