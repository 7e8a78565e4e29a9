"""Tries what comes from outside with damage at random, and counts what came of it.

    python benchmarks/fuzz.py --seconds=60

Run it in the repository's folder. Each kind (files of models, tokenizers, checkpoints, token
stores, rows of tasks, archives, templates, flags) gets an equal share of the time. What is tried
must work or be an error in words: no traceback, no hang, and nothing read without a word that is
not what was written. The status is 1 if there was one; `--kind=KIND --number=N` tries it again.
"""

from __future__ import annotations

import argparse
import collections
import faulthandler
import itertools
import logging
import pathlib
import random
import sys
import tempfile
import time
from collections.abc import Iterator

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from tests.fuzz.kinds import KINDS, Bench  # noqa: E402
from tests.fuzz.outcomes import BUGS, ERROR, WORKS, Outcome, attempt  # noqa: E402

MIN_CASES = 20
COLUMNS = (ERROR, WORKS, *BUGS)


def try_one(bench: Bench, kind: str, *, seed: int, number: int) -> tuple[str, Outcome]:
    """One case of a kind, which seed and number say; what it was, and what came of it."""
    case = KINDS[kind](bench, random.Random(f"{seed}/{kind}/{number}"))
    try:
        return case.what, attempt(case.run)
    finally:
        case.undo()


def case_numbers(number: int | None, seconds: float) -> Iterator[int]:
    """The cases of one kind to try: the one that was asked for, or as many as there is time for."""
    if number is not None:
        yield number
        return
    until = time.monotonic() + seconds
    for count in itertools.count():
        if count >= MIN_CASES and time.monotonic() > until:
            return
        yield count


def main() -> None:
    """Prints a table of the outcomes by kind, and each bug."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", choices=KINDS, help="only this one")
    parser.add_argument("--number", type=int, help="only this case of it")
    options = parser.parse_args()
    faulthandler.enable()
    logging.disable(logging.WARNING)
    kinds = [options.kind] if options.kind else list(KINDS)
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(pathlib.Path(scratch))
        for kind in kinds:
            for number in case_numbers(options.number, options.seconds / len(kinds)):
                what, outcome = try_one(bench, kind, seed=options.seed, number=number)
                counts[kind, outcome.name] += 1
                if outcome.name in BUGS or options.number is not None:
                    print(f"{kind} {number}, {what[:300]}: {outcome.name}\n{outcome.said}\n")
    print(f"{'kind':20}" + "".join(f"{column:>11}" for column in COLUMNS))
    for kind in kinds:
        print(f"{kind:20}" + "".join(f"{counts[kind, column]:11,}" for column in COLUMNS))
    totals = [sum(counts[kind, column] for kind in kinds) for column in COLUMNS]
    print(f"{'all':20}" + "".join(f"{total:11,}" for total in totals))
    sys.exit(1 if any(counts[kind, bug] for kind in kinds for bug in BUGS) else 0)


if __name__ == "__main__":
    main()
