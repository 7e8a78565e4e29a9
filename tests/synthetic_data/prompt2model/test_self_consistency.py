import random

import pytest

from t5lite.synthetic_data.prompt2model.self_consistency import Ballot


def _plain_vote(outputs: list[str]) -> str:
    """The same by the words of the paper's code: most frequent, then a stable sort by length."""
    most = max(map(outputs.count, outputs))
    most_frequent = [o for o in dict.fromkeys(outputs) if outputs.count(o) == most]
    return sorted(most_frequent, key=len)[0]


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


def test_votes_of_an_output_and_of_all():
    ballot = Ballot()
    for input, output in [("q", "yes"), ("q", "yes"), ("q", "no"), ("r", "yes")]:
        ballot.add(input, output)
    assert ballot.votes("q", "yes") == (2, 3)
    assert ballot.votes("q", "never seen") == (0, 3)
