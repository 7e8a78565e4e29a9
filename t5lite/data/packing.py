"""Packing: which examples share a row.

The plan is made from lengths alone, and is the same on every host. It is first-fit, row by row: a
row takes, in order, every waiting example that fits, then goes on with fresh draws until
`MAX_WAITING` examples have been passed over. The oldest waiting example always opens the next row,
so none waits for more than `MAX_WAITING` rows, and what waits at the end of a batch is, with the
mixture's window and offset, the whole state.

Names: N examples of a batch.
"""

import dataclasses
from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from t5lite.data.corpus import Corpus
from t5lite.data.features.feature_converters import FeatureConverter
from t5lite.data.mixing.mixing import MixtureReader

MAX_WAITING = 64

# What it takes of the row's first and second capacity, and its index in the corpus.
_Candidate = tuple[int, int, int]


class Position(TypedDict):
    """Where a planner stands, in JSON's types.

    Attributes:
      window: the mixture's window it draws from.
      offset: draws of that window already seen.
      waiting: (task, example) of those seen and not yet placed, oldest first.
    """

    window: int
    offset: int
    waiting: list[list[int]]


@dataclasses.dataclass(frozen=True)
class Plan:
    """The examples of consecutive rows.

    Attributes:
      index_N: int64, indices in the corpus.
      row_N: int64, the row of each, ascending.
    """

    index_N: npt.NDArray[np.int64]
    row_N: npt.NDArray[np.int64]


class RowPlanner:
    """Fills rows with the draws of a mixture, one batch after another."""

    def __init__(
        self,
        reader: MixtureReader,
        corpus: Corpus,
        *,
        converter: FeatureConverter,
        position: Position | None = None,
    ):
        """Starts at the mixture's beginning, or where an equal planner stood.

        Args:
          reader: the order of draws.
          corpus: its examples and their lengths.
          converter: says what a row holds, and whether to pack.
          position: as `position()` gave it.

        Raises:
          ValueError: the position does not fit the mixture.
        """
        self._corpus = corpus
        self._converter = converter
        capacities = converter.capacities
        self._capacities = (capacities[0], capacities[1] if len(capacities) > 1 else 0)
        position = position or Position(window=0, offset=0, waiting=[])
        task_and_example = np.array(position["waiting"], np.int64).reshape(-1, 2)
        index_N = corpus.index(task_and_example[:, 0], task_and_example[:, 1])
        self._waiting = self._candidates(index_N)
        self._windows = reader.walk(position["window"])
        self._window, self._offset = position["window"], 0
        self._fresh: list[_Candidate] = []
        self._next_window()
        if position["offset"] > len(self._fresh):
            raise ValueError(
                f"data state: window {position['window']} has {len(self._fresh)} draws, but "
                f"{position['offset']} are said to be used up"
            )
        self._offset = position["offset"]

    def position(self) -> Position:
        """Where to resume after the rows planned so far."""
        waiting = np.array([index for *_, index in self._waiting], np.int64)
        task_and_example = np.stack(self._corpus.locate(waiting), axis=-1)
        return Position(window=self._window, offset=self._offset, waiting=task_and_example.tolist())

    def plan(self, num_rows: int) -> Plan | None:
        """Fills the next rows.

        Args:
          num_rows: how many.

        Returns:
          The plan, the last rows empty where the mixture ends; None if nothing is left.
        """
        fill_row = self._pack_row if self._converter.pack else self._take_one
        placed: list[int] = []
        ends = []
        for _ in range(num_rows):
            fill_row(placed)
            ends.append(len(placed))
        if not placed:
            return None
        row_N = np.repeat(np.arange(num_rows), np.diff(ends, prepend=0))
        return Plan(np.array(placed, np.int64), row_N)

    def _pack_row(self, placed: list[int]) -> None:
        free_first, free_second = self._capacities
        passed_over = []
        for candidate in self._waiting:
            first, second, index = candidate
            if first <= free_first and second <= free_second:
                free_first -= first
                free_second -= second
                placed.append(index)
            else:
                passed_over.append(candidate)
        while len(passed_over) < MAX_WAITING:
            if self._offset == len(self._fresh) and not self._next_window():
                break
            candidate = first, second, index = self._fresh[self._offset]
            self._offset += 1
            if first <= free_first and second <= free_second:
                free_first -= first
                free_second -= second
                placed.append(index)
            else:
                passed_over.append(candidate)
        self._waiting = passed_over

    def _take_one(self, placed: list[int]) -> None:
        if self._offset < len(self._fresh) or self._next_window():
            placed.append(self._fresh[self._offset][-1])
            self._offset += 1

    def _next_window(self) -> bool:
        """Goes on to the next window that has draws; False, and stays, where there is none."""
        for window, draws in self._windows:
            if len(draws):
                index_N = self._corpus.index(draws.task_D, draws.example_D)
                self._window, self._offset = window, 0
                self._fresh = self._candidates(index_N)
                return True
        return False

    def _candidates(self, index_N: npt.NDArray[np.int64]) -> list[_Candidate]:
        num_N2 = self._converter.num_tokens(
            self._corpus.lengths(index_N), is_chat_N=self._corpus.is_chat(index_N)
        )
        needs = self._converter.needs(num_N2)
        first = needs[:, 0].tolist()
        second: Sequence[int] = needs[:, 1].tolist() if needs.shape[1] > 1 else [0] * len(first)
        return list(zip(first, second, index_N.tolist(), strict=True))
