"""A majority vote over the outputs that were generated for the same input.

As Prompt2Model (arXiv 2308.12261, section 3.3) filters what a teacher wrote: for each input the
output that was generated most often; among those, the shortest; among those, the first.
"""

from __future__ import annotations


class Ballot:
    """Counts the outputs of each input as they come; knows the winners at any moment.

    Inputs and outputs are compared as they are: strip them first.
    """

    def __init__(self) -> None:
        self._votes: dict[str, dict[str, int]] = {}
        self._winner: dict[str, str] = {}

    def add(self, input: str, output: str) -> None:
        """Counts one output more for an input."""
        votes = self._votes.setdefault(input, {})
        votes[output] = votes.get(output, 0) + 1
        winner = self._winner.setdefault(input, output)
        # Only the output that was just counted can take the place of the winner.
        if winner != output and self._rank(votes, output) < self._rank(votes, winner):
            self._winner[input] = output

    def winner(self, input: str) -> str:
        """The output that an input has by the vote so far."""
        return self._winner[input]

    def votes(self, input: str, output: str) -> tuple[int, int]:
        """How many of an input's outputs are this one, and how many it has in all."""
        votes = self._votes[input]
        return votes.get(output, 0), sum(votes.values())

    @staticmethod
    def _rank(votes: dict[str, int], output: str) -> tuple[int, int, int]:
        # A dict keeps the order in which its keys came.
        return -votes[output], len(output), list(votes).index(output)
