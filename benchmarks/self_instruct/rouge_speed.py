"""The ROUGE-L filter over a pool that grows, beside comparing pairs one by one with rouge-score.

    python -m benchmarks.self_instruct.rouge_speed

Ours filters all texts. The plain way takes a time per pair that does not depend on the pool, so it
is measured on a sample of the same pairs, and its whole time is said to be that times their number.
Seconds are of CPU. docs/self_instruct.md shows what came out.
"""

from __future__ import annotations

import argparse
import random
import time

from t5lite.synthetic_data.self_instruct.rouge_filter import MAX_ROUGE_L, RougeFilter

_SAMPLE = 4000


def make_texts(num_texts: int) -> list[str]:
    """Texts as long as instructions are, some twenty words, of words as frequent as in English."""
    rng = random.Random(0)
    words = [f"w{number}" for number in range(20_000)]
    weights = [1 / (rank + 3) for rank in range(len(words))]  # Zipf's law
    lengths = [min(150, max(4, int(rng.lognormvariate(2.7, 0.55)))) for _ in range(num_texts)]
    drawn = iter(rng.choices(words, weights, k=sum(lengths)))
    return [" ".join(next(drawn) for _ in range(length)) for length in lengths]


def main() -> None:
    """Measures both, and prints them with their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num_texts", type=int, default=50_000)
    num_texts = parser.parse_args().num_texts
    texts = make_texts(num_texts)
    num_pairs = num_texts * (num_texts - 1) // 2

    began = time.process_time()
    pool = RougeFilter()
    pool.add_new(texts)
    ours = time.process_time() - began

    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=False)
    rng = random.Random(1)
    pairs = [rng.sample(range(num_texts), 2) for _ in range(_SAMPLE)]
    began = time.process_time()
    plain = [scorer.score(texts[a], texts[b])["rougeL"].fmeasure for a, b in pairs]
    per_pair = (time.process_time() - began) / _SAMPLE
    for (a, b), score in zip(pairs, plain, strict=True):
        found = RougeFilter([texts[a]]).nearest([texts[b]])[0].rouge_l
        assert abs(found - score) < 1e-9, (texts[a], texts[b], found, score)

    print(f"{num_texts:,} texts, {num_pairs:,} pairs at most; ROUGE-L above {MAX_ROUGE_L} refused")
    print(
        f"ours, all of them: {ours:,.1f} s, {ours / num_pairs * 1e9:,.0f} ns a pair; "
        f"{len(pool):,} kept"
    )
    print(
        f"rouge-score, {_SAMPLE:,} of the pairs: {per_pair * 1e6:,.0f} us a pair, so "
        f"{per_pair * num_pairs / 3600:,.0f} hours for all"
    )
    print(f"ratio: {per_pair * num_pairs / ours:,.0f}")


if __name__ == "__main__":
    main()
