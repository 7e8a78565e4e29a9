"""A few of what benchmarks/fuzz.py tries, of each kind."""

import random

import pytest

from tests.fuzz.kinds import KINDS, Bench
from tests.fuzz.outcomes import BUGS, attempt

# Of what takes longer to read, fewer.
NUM_CASES = {"JSON of models": 20, "weights": 8, "checkpoints": 3, "tokenizers": 10, "flags": 15}


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_from_outside_works_or_is_refused_in_words(bench, kind):
    for number in range(NUM_CASES.get(kind, 30)):
        case = KINDS[kind](bench, random.Random(f"0/{kind}/{number}"))
        try:
            outcome = attempt(case.run)
        finally:
            case.undo()
        assert outcome.name not in BUGS, f"{kind} {number}, {case.what}: {outcome.said}"
