"""A few of what benchmarks/fuzz.py tries, of each kind."""

import functools
import random

import pytest

from tests.fuzz.command_lines import flags_of_commands, run_line, whole_line
from tests.fuzz.kinds import KINDS, Bench
from tests.fuzz.outcomes import BUGS, ERROR, WORKS, attempt

# Of what takes longer to read, fewer.
NUM_CASES = {"JSON of models": 20, "weights": 8, "checkpoints": 3, "tokenizers": 15, "flags": 25}
# Whatever is damaged in them is found by their hashes.
ALWAYS_REFUSED = ("checkpoints", "token stores")


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_from_outside_works_or_is_refused_in_words(bench, kind):
    outcomes = set()
    for number in range(NUM_CASES.get(kind, 30)):
        case = KINDS[kind](bench, random.Random(f"0/{kind}/{number}"))
        try:
            outcome = attempt(case.run)
        finally:
            case.undo()
        assert outcome.name not in BUGS, f"{kind} {number}, {case.what}: {outcome.said}"
        outcomes.add(outcome.name)
    # Else what is tried is refused for another reason than what was changed, or never was.
    assert outcomes == ({ERROR} if kind in ALWAYS_REFUSED else {ERROR, WORKS})


@pytest.mark.parametrize("command", flags_of_commands(), ids=" ".join)
def test_nothing_is_wrong_with_a_line_before_its_flag_is_varied(bench, command):
    words = whole_line(bench.ours(), command)
    outcome = attempt(functools.partial(run_line, words))
    assert outcome.name == WORKS, f"{words}: {outcome.said}"
