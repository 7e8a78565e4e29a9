"""How often the search of data sets finds the right one of Natural Instructions' tasks.

The prompts (`retrieval_prompts.tsv`) were written for 20 tasks, drawn at random, in other words
than their definitions. The right task is the one that the prompt was written for, although others
may serve as well.

  python benchmarks/prompt2model/retrieval.py --data_dir=DIR_WITH_niv2

Prints recall in the first 1, 5 and 25 of all tasks there, and the seconds that a search takes of
so many descriptions, and of 2,000 (the same, repeated under other names).
"""

from __future__ import annotations

import argparse
import pathlib
import time

from t5lite.data.sources.local_files import read_tsv
from t5lite.messages.tables import format_markdown
from t5lite.synthetic_data.prompt2model.bm25 import Bm25, ranked
from t5lite.synthetic_data.prompt2model.descriptions import registered_tasks

PROMPTS = pathlib.Path(__file__).with_name("retrieval_prompts.tsv")
TASKS = "natural_instructions_"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data_dir", required=True, help="folder that holds niv2/")
    parser.add_argument("--dual_encoder", help="a folder of sentence-transformers, beside BM25")
    parser.add_argument("--show", action="store_true", help="print the place of each")
    args = parser.parse_args()
    found = registered_tasks(["tasks.natural_instructions"], data_dir=args.data_dir).descriptions
    names = [description.name for description in found]
    texts = [description.text for description in found]
    prompts = [
        (TASKS + row["task"].replace("-", "_"), row["prompt"])
        for _, row in read_tsv(PROMPTS, ("task", "prompt"))
    ]
    searches = {"BM25": Bm25(texts).scores}
    if args.dual_encoder:
        from t5lite.synthetic_data.prompt2model.dual_encoder import DualEncoder

        encoder = DualEncoder(args.dual_encoder)
        searches["dual encoder"] = lambda prompt: encoder.scores(prompt, texts)
    rows = []
    for search, scores in searches.items():
        places = []
        for name, prompt in prompts:
            of_all = scores(prompt)
            order = ranked(of_all)
            place = order.index(names.index(name)) if names.index(name) in order else len(names)
            places.append(place)
            if args.show:
                best = order[0]
                own = of_all[names.index(name)]
                print(f"{place + 1:4} {own:.3f} {name}   first: {of_all[best]:.3f} {names[best]}")
        shares = [sum(place < most for place in places) / len(places) for most in (1, 5, 25)]
        rows.append((search, *(f"{share:.0%}" for share in shares)))
    print(f"{len(prompts)} prompts, {len(names)} tasks\n")
    print(format_markdown(("search", "first", "in 5", "in 25"), rows, right=(1, 2, 3)))
    for count in (len(texts), 2000):
        many = [texts[i % len(texts)] for i in range(count)]
        start = time.perf_counter()
        index = Bm25(many)
        read = time.perf_counter()
        index.scores(prompts[0][1])
        print(
            f"\n{count:,} descriptions: {read - start:.2f} s to read the words, "
            f"{time.perf_counter() - read:.2f} s a prompt"
        )


if __name__ == "__main__":
    main()
