"""n-grams of words: what a word is, and an index that finds exactly those that are there."""

import random

import numpy as np
import pytest

from t5lite.data.contamination import ngrams
from t5lite.data.contamination.ngrams import NgramIndex, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't stop,\tBELIEVING!  -- (ever)", ["dont", "stop", "believing", "ever"]),
        ("don’t “stop” … believing—ever", ["dont", "stop", "believingever"]),
        ("It costs $5 + 3%.", ["it", "costs", "5", "3"]),
        ("Cafe\u0301 = CAFÉ", ["café", "café"]),
        ("ＡＢＣ １２", ["abc", "12"]),
        ("STRASSE Straße", ["strasse", "straße"]),
        ("今天3月，好。", ["今", "天", "3月"[0], "月", "好"]),
        ("ประเทศ ไทย", list("ประเทศไทย")),
        ("हिन्दी में।", ["हिन्दी", "में"]),
        ("", []),
        (" .,;!? ", []),
    ],
)
def test_words(text, expected):
    assert words(text) == expected


def brute_force(sets, texts, n, instruction=None):
    """For each text the (set, text, n-gram) it shares, by comparing all with all.

    Words of five in a row that are in more than a share `instruction` of a set's texts are none.
    """
    found = []
    for text in texts:
        mine = words(text)
        grams = {tuple(mine[i : i + n]) for i in range(len(mine) - n + 1)}
        hits = set()
        for name, theirs in sets.items():
            for number, other in enumerate(theirs):
                listed = words(other)
                places = range(len(listed) - n + 1)
                k = min(n, 5)
                left_out = {
                    i + j
                    for i in range(len(listed) - k + 1)
                    for j in range(k)
                    if instruction is not None
                    and is_common(tuple(listed[i : i + k]), theirs, instruction)
                }
                for i in places:
                    gram = tuple(listed[i : i + n])
                    if gram in grams and not left_out & set(range(i, i + n)):
                        hits.add((name, number, " ".join(gram)))
        found.append(hits)
    return found


def is_common(gram, theirs, share):
    count = sum(f" {' '.join(gram)} " in f" {' '.join(words(text))} " for text in theirs)
    return count > 1 and count > share * len(theirs)


def by_index(index, sets, texts):
    first = dict(zip(sets, index.set_start.tolist(), strict=False))
    found = []
    for groups in index.find(texts):
        hits = set()
        for group, gram in zip(groups.tolist(), index.ngrams(groups.tolist()), strict=True):
            texts_X = index.texts_of(group)
            for text, number in zip(texts_X.tolist(), index.sets_of(texts_X).tolist(), strict=True):
                name = index.set_names[number]
                hits.add((name, text - first[name], gram))
        found.append(hits)
    return found


@pytest.mark.parametrize("n", [1, 2, 3, 5, 13])
@pytest.mark.parametrize("hashes", ["whole", "colliding", "equal"])
def test_it_finds_what_brute_force_finds(n, hashes, monkeypatch, tmp_path):
    if hashes != "whole":  # 2 bits of a hash, or none: nearly all n-grams collide
        whole, bits = ngrams._hashes, np.uint64(3 if hashes == "colliding" else 0)
        monkeypatch.setattr(ngrams, "_hashes", lambda ids, n: (whole(ids, n) & bits) << 61)
    rng = random.Random(n)

    def text():
        return " ".join(rng.choice("ab") for _ in range(rng.choice([0, 1, n - 1, n, 2 * n, 40])))

    sets = {name: [text() for _ in range(6)] for name in ("x", "y", "z")}
    sets["empty"] = []
    texts = [text() + rng.choice(["", " c ", " c d"]) + text() for _ in range(40)]
    expected = brute_force(sets, texts, n)
    assert any(expected)
    index = NgramIndex.build(sets, n=n)
    assert by_index(index, sets, texts) == expected
    index.save(tmp_path)
    assert by_index(NgramIndex.open(tmp_path), sets, texts) == expected


def test_neither_ngrams_nor_texts_run_into_the_next_text():
    index = NgramIndex.build({"x": ["a b c", "d e f"]}, n=4)
    assert len(index.group_hash) == 0
    assert [g.tolist() for g in index.find(["a b c d e f"])] == [[]]
    index = NgramIndex.build({"x": ["a b c d e f"]}, n=4)
    assert [len(g) for g in index.find(["a b", "c d", "", "a b c d", "e f"])] == [0, 0, 0, 1, 0]


def test_nothing_to_search_or_to_find():
    assert [g.tolist() for g in NgramIndex.build({}, n=3).find(["a b c"])] == [[]]
    assert NgramIndex.build({"x": ["a b c"]}, n=3).find([]) == []


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("n", [3, 7])
def test_instructions_are_left_out_of_the_sets_they_are_of(share, n):
    rng = random.Random(0)
    sets = {
        "x": [
            f"say {i} who it is here {' '.join(rng.choice('ab') for _ in range(9))} end"
            for i in range(9)
        ],
        "y": ["say who it is here a a a b 0 b a", "nothing else at all", "say who it was b b a a"],
        "one": ["say who it is here a b once and again"],
    }
    texts = [text for listed in sets.values() for text in listed]
    found = by_index(NgramIndex.build(sets, n=n, common_share=share), sets, texts)
    expected = brute_force(sets, texts, n, instruction=share)
    assert found == expected and any(expected)
    assert share == 1.0 or expected != brute_force(sets, texts, n)
