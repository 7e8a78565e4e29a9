"""How often the search of data sets finds the right one of Natural Instructions' tasks.

The prompts (`retrieval_prompts.tsv`) were written for 20 tasks, drawn at random, in other words
than their definitions. The right task is the one that the prompt was written for, although others
may serve as well.

  python benchmarks/prompt2model/retrieval.py --data_dir=DIR [--tasks=tasks.flan]

Prints how many are the first, and among the first 5 and 25, of all tasks that are there; how many
of the first have at least some score, and how many of these are right; and the seconds that a
search takes of so many descriptions, and of 2,000 (the same, repeated).
"""

from __future__ import annotations

import argparse
import pathlib
import time
from collections.abc import Callable

import numpy as np

from t5lite.data.sources.local_files import read_tsv
from t5lite.messages.tables import format_markdown
from t5lite.synthetic_data.prompt2model.bm25 import Bm25
from t5lite.synthetic_data.prompt2model.descriptions import registered_tasks
from t5lite.synthetic_data.prompt2model.dual_encoder import DualEncoder

PROMPTS = pathlib.Path(__file__).with_name("retrieval_prompts.tsv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data_dir", required=True, help="folder that holds niv2/")
    parser.add_argument("--tasks", default="tasks.natural_instructions", help="what is searched")
    parser.add_argument("--dual_encoder", help="a folder of sentence-transformers, beside BM25")
    parser.add_argument("--show", action="store_true", help="print the place of each")
    args = parser.parse_args()
    found = registered_tasks([args.tasks], problems=[], data_dir=args.data_dir)
    names = [description.name for description in found]
    texts = [description.text for description in found]
    prompts = read_prompts(names)
    searches = {"BM25": Bm25(texts).scores}
    if args.dual_encoder:
        encoder = DualEncoder(args.dual_encoder)
        searches["dual encoder"] = lambda prompt: encoder.scores(prompt, texts)
    rows = []
    for search, scores in searches.items():
        places = [place_of(right, scores(prompt)) for right, prompt in prompts]
        shares = [sum(place <= most for place in places) / len(places) for most in (1, 5, 25)]
        rows.append((search, *(f"{share:.0%}" for share in shares)))
        for place, (right, _) in zip(places if args.show else (), prompts, strict=False):
            print(f"{search} {place:5} {names[right]}")
    print(f"{len(prompts)} prompts, {len(names):,} tasks\n")
    print(format_markdown(("search", "first", "in 5", "in 25"), rows, right=(1, 2, 3)))
    print(f"\n{taken(prompts, searches['BM25'])}")
    for count in (len(texts), 2000):
        time_search([texts[i % len(texts)] for i in range(count)], prompt=prompts[0][1])


def read_prompts(names: list[str]) -> list[tuple[int, str]]:
    """The place of the right task among the names, and the prompt, of those that are there."""
    found = []
    for _, row in read_tsv(PROMPTS, ("task", "prompt")):
        places = [place for place, name in enumerate(names) if row["task"] in name]
        if places:
            found.append((places[0], row["prompt"]))
        else:
            print(f"not there, and left out: {row['task']}")
    return found


def place_of(right: int, scores: np.ndarray) -> int:
    """The place of a task in the ranking, from 1; of equal scores the earlier name comes first."""
    order = np.argsort(-scores, kind="stable").tolist()
    return order.index(right) + 1


def taken(prompts: list[tuple[int, str]], scores: Callable[[str], np.ndarray]) -> str:
    """A table of what `--yes` takes with several values of `--min_score`."""
    firsts = []
    for right, prompt in prompts:
        of_all = scores(prompt)
        firsts.append((of_all.max(), of_all.argmax() == right))
    rows = []
    for least in (0.2, 0.3, 0.45):
        found = [is_right for score, is_right in firsts if score >= least]
        rows.append((f"{least:g}", str(len(found)), str(sum(found))))
    return format_markdown(("--min_score", "taken", "right"), rows, right=range(3))


def time_search(texts: list[str], *, prompt: str) -> None:
    """Prints how long it takes to read texts, and to search them once."""
    start = time.perf_counter()
    index = Bm25(texts)
    read = time.perf_counter()
    index.scores(prompt)
    print(
        f"\n{len(texts):,} descriptions: {read - start:.2f} s to read the words, "
        f"{time.perf_counter() - read:.2f} s a prompt"
    )


if __name__ == "__main__":
    main()
