"""What came out of a run: how much was kept and why, how long it is, how unlike the seeds."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from t5lite.files.json_files import write_object
from t5lite.messages.tables import format_table
from t5lite.synthetic_data.provenance import Origin
from t5lite.synthetic_data.self_instruct import folder as files
from t5lite.synthetic_data.self_instruct.folder import KeptInstruction
from t5lite.synthetic_data.self_instruct.rouge_filter import RougeFilter, split_words
from t5lite.synthetic_data.self_instruct.seeds import SeedTask
from t5lite.synthetic_data.self_instruct.settings import SelfInstructConfig
from t5lite.synthetic_data.self_instruct.verbs_and_nouns import count_verbs_and_nouns

# Of the histogram of ROUGE-L, from 0 to 1.
NUM_BINS = 20
_PERCENTILES = (5, 25, 50, 75, 95)


def write_statistics(
    folder: pathlib.Path,
    *,
    seeds: Sequence[SeedTask],
    kept: Sequence[KeptInstruction],
    classifications: Mapping[str, bool | None],
    origins: Sequence[Origin],
    config: SelfInstructConfig,
    num_examples: int,
    remarks: Sequence[str],
    workers: int = 1,
) -> dict[str, Any]:
    """Computes the statistics of a folder, and writes `folder.STATISTICS`.

    Args:
      folder: The run's.
      seeds: Its seeds.
      kept: Its instructions.
      classifications: Whether each is one; None where the teacher said neither.
      origins: Of all instances.
      config: Its settings.
      num_examples: Examples that were written.
      remarks: What else there is to say, such as why a step ended early.
      workers: Threads that compare texts.

    Returns:
      What the file holds: counts, shares in [0, 1], lengths in words, ROUGE-L in [0, 1].
    """
    rounds = files.read(folder, files.ROUNDS)
    dropped: collections.Counter[str] = collections.Counter()
    for record in rounds:
        dropped.update(record["dropped"])
    made = [one for one in origins if one.kept]
    seed_texts = [seed.instruction for seed in seeds]
    to_seeds = RougeFilter(seed_texts, alphabet=config.alphabet, workers=workers).nearest(
        [one.instruction for one in kept]
    )
    # 1 lets every seed in, each compared with those before it: what the filter would say of it.
    among_seeds = RougeFilter(max_rouge_l=1, alphabet=config.alphabet, workers=workers).add_new(
        seed_texts
    )
    pairs = count_verbs_and_nouns(one.instruction for one in kept)
    found: dict[str, Any] = {
        "remarks": list(remarks),
        "seeds": len(seeds),
        "rounds": rounds,
        "instructions": _shares(sum(r["candidates"] for r in rounds), len(kept), dropped),
        "answers": {
            name: sum(record[name] for record in rounds)
            for name in ("requests", "not_answered", "cut", "no_list")
        },
        "classifications": {
            "yes": sum(answer is True for answer in classifications.values()),
            "no": sum(answer is False for answer in classifications.values()),
            "neither": sum(answer is None for answer in classifications.values()),
        },
        "instances": _shares(
            len(origins),
            len(made),
            collections.Counter(one.left_out_by for one in origins if one.left_out_by),
        ),
        "instructions_with_instances": len({one.demonstrations[0] for one in made}),
        "examples": num_examples,
        "examples_with_input": sum(bool(one.example["input"]) for one in made),
        "words": {
            "instruction": _lengths((one.instruction for one in kept), config),
            "input": _lengths(
                (one.example["input"] for one in made if one.example["input"]), config
            ),
            "output": _lengths((one.example["output"] for one in made), config),
        },
        "rouge_l_to_seeds": _histogram([nearest.rouge_l for nearest in to_seeds]),
        "rouge_l_among_seeds": _histogram([nearest.rouge_l for _, nearest in among_seeds][1:]),
        "verbs_and_nouns": {
            "instructions_with": sum(pairs.values()),
            "pairs": [[*dataclasses.astuple(pair), count] for pair, count in pairs.items()],
        },
    }
    write_object(folder / files.STATISTICS, found)
    return found


def table(statistics: Mapping[str, Any]) -> str:
    """What a user reads first: what was kept of each step, and why the rest was not."""
    rows = []
    for step in ("instructions", "instances"):
        shares = statistics[step]
        rows.append((step, f"{shares['candidates']:,}", ""))
        rows.append(("  kept", f"{shares['kept']:,}", f"{shares['kept_share']:.1%}"))
        for name, number in shares["dropped"].items():
            share = number / shares["candidates"]
            rows.append((f"  dropped: {name}", f"{number:,}", f"{share:.1%}"))
    rows.append(("examples", f"{statistics['examples']:,}", ""))
    return format_table(("", "number", "share"), rows, right=(1, 2))


def _shares(candidates: int, kept: int, dropped: Mapping[str, int]) -> dict[str, Any]:
    return {
        "candidates": candidates,
        "kept": kept,
        "kept_share": kept / candidates if candidates else 0.0,
        "dropped": dict(sorted(dropped.items(), key=lambda item: (-item[1], item[0]))),
    }


def _lengths(texts: Iterable[str], config: SelfInstructConfig) -> dict[str, float]:
    """Number of texts, mean and percentiles of their words; nothing else of none."""
    lengths = [len(split_words(text, alphabet=config.alphabet)) for text in texts]
    if not lengths:
        return {"texts": 0}
    values = np.percentile(lengths, _PERCENTILES)
    named = {f"p{p}": float(value) for p, value in zip(_PERCENTILES, values, strict=True)}
    return {"texts": len(lengths), "mean": float(np.mean(lengths)), **named}


def _histogram(scores: Sequence[float]) -> dict[str, Any]:
    counts, _ = np.histogram(scores, bins=NUM_BINS, range=(0, 1))
    mean = float(np.mean(scores)) if scores else None
    return {"mean": mean, "counts": counts.tolist()}
