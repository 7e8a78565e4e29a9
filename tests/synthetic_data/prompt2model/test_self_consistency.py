import random

import pytest

from t5lite.synthetic_data.prompt2model.self_consistency import Ballot


def _plain_vote(outputs: list[str]) -> str:
    """The same by the words of the paper's code: most frequent, then a stable sort by length."""
    most = max(map(outputs.count, outputs))
    most_frequent = [o for o in dict.fromkeys(outputs) if outputs.count(o) == most]
    return sorted(most_frequent, key=len)[0]


def _ballot(pairs: list[tuple[str, str]]) -> Ballot:
    ballot = Ballot()
    for pair in pairs:
        ballot.add(*pair)
    return ballot


@pytest.mark.parametrize("seed", range(20))
def test_winners_are_those_of_a_plain_count_after_every_vote(seed):
    rng = random.Random(seed)
    inputs, outputs = ["a", "b", "c"], ["x", "y", "xy", "yx", "zzz"]
    pairs: list[tuple[str, str]] = []
    ballot = Ballot()
    for _ in range(60):
        pair = rng.choice(inputs), rng.choice(outputs)
        pairs.append(pair)
        ballot.add(*pair)
        of_input = {i: [o for other, o in pairs if other == i] for i, _ in pairs}
        assert all(ballot.winner(i) == _plain_vote(given) for i, given in of_input.items())


def test_ties_go_to_the_shortest_and_then_to_the_first():
    assert _ballot([("q", "long"), ("q", "no")]).winner("q") == "no"
    assert _ballot([("q", "ab"), ("q", "cd")]).winner("q") == "ab"
    assert _ballot([("q", "ab"), ("q", "cd"), ("q", "cd"), ("q", "ab")]).winner("q") == "ab"


def test_votes_of_an_output_and_of_all():
    ballot = _ballot([("q", "yes"), ("q", "yes"), ("q", "no"), ("r", "yes")])
    assert ballot.votes("q", "yes") == (2, 3)
    assert ballot.votes("q", "never seen") == (0, 3)
