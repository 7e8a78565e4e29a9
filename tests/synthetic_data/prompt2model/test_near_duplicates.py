import random

from t5lite.synthetic_data.prompt2model.near_duplicates import distinct


def _ratio(a: str, b: str) -> float:
    """1 - (insertions and deletions) / (both lengths), by the longest common subsequence."""
    lengths = [0] * (len(b) + 1)
    for x in a:
        row = [0]
        for j, y in enumerate(b, start=1):
            row.append(lengths[j - 1] + 1 if x == y else max(lengths[j], row[-1]))
        lengths = row
    both = len(a) + len(b)
    return 2 * lengths[-1] / both if both else 1.0


def test_those_left_out_are_near_one_that_is_kept_and_no_two_kept_are_near():
    rng = random.Random(0)
    # More than one block of those that are compared at once.
    texts = ["".join(rng.choice("ab ") for _ in range(rng.randint(1, 8))) for _ in range(260)]
    plain = [" ".join(text.split()) for text in texts]
    kept = []
    for index, text in enumerate(plain):
        if all(_ratio(plain[k], text) < 0.8 - 1e-6 for k in kept):
            kept.append(index)
    assert distinct(texts, similarity=0.8) == kept
    assert 1 < len(kept) < 260


def test_texts_without_a_word_are_alike():
    assert distinct(["?", "!"], similarity=1) == [0]
