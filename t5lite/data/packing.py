"""Packing: which examples share a row.

The plan is made from lengths alone, and is the same on every host, row by row. Examples wait in
the order of the draws. A row takes those that fit as they come, until three quarters of some
capacity are used; then, of `MAX_WAITING` that wait, the one that leaves least unused, again and
again until none fits. The oldest always opens the next row, so none waits for more than
`MAX_WAITING` rows, and what waits at the end of a batch is, with the mixture's window and offset,
the whole state.

Rows of 512 and 96 positions, of Natural Instructions and chains of thought
(`benchmarks/finetune.py`), are 90% full, and were 87% by first fit; of 1,024 and 160, 94% and 87%.

Names: N examples of a batch, or of a window; W that wait.
"""

import dataclasses
from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from t5lite.data.drawn_examples import DrawnExamples
from t5lite.data.features.feature_converters import FeatureConverter
from t5lite.data.mixing.mixing import MixtureReader

MAX_WAITING = 64
# The rule's name, kept with checkpoints: another one makes other rows of the same draws.
PACKING = "best fit"

_NO_FIT = np.iinfo(np.int64).max

# What it takes of the row's first and second capacity, its index in the corpus, its Task's draw.
_Candidate = tuple[int, int, int, int]


class Position(TypedDict):
    """Where a planner stands, in JSON's types.

    Attributes:
      window: the mixture's window it draws from.
      offset: draws of that window already seen.
      waiting: (task, example, draw) of those seen and not yet placed, oldest first. Before
        transforms there was no draw, and it did not matter.
    """

    window: int
    offset: int
    waiting: list[list[int]]


@dataclasses.dataclass(frozen=True)
class Plan:
    """The examples of consecutive rows.

    Attributes:
      index_N: int64, indices in the corpus.
      draw_N: int64, of which draw of its Task each is.
      row_N: int64, the row of each, ascending.
    """

    index_N: npt.NDArray[np.int64]
    draw_N: npt.NDArray[np.int64]
    row_N: npt.NDArray[np.int64]


class RowPlanner:
    """Fills rows with the draws of a mixture, one batch after another."""

    def __init__(
        self,
        reader: MixtureReader,
        examples: DrawnExamples,
        *,
        converter: FeatureConverter,
        position: Position | None = None,
    ):
        """Starts at the mixture's beginning, or where an equal planner stood.

        Args:
          reader: the order of draws.
          examples: what is drawn, and its lengths.
          converter: says what a row holds, and whether to pack.
          position: as `position()` gave it.

        Raises:
          ValueError: the position does not fit the mixture.
        """
        self._examples = examples
        self._converter = converter
        capacities = converter.capacities
        self._capacities = (capacities[0], capacities[1] if len(capacities) > 1 else 0)
        position = position or Position(window=0, offset=0, waiting=[])
        waiting = [(*draw, 0)[:3] for draw in position["waiting"]]
        task_N, example_N, draw_N = np.array(waiting, np.int64).reshape(-1, 3).T
        self._waiting = self._candidates(examples.corpus.index(task_N, example_N), draw_N)
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
        index_N, draw_N = np.array(self._waiting, np.int64).reshape(-1, 4)[:, 2:].T
        waiting_N3 = np.stack([*self._examples.corpus.locate(index_N), draw_N], axis=-1)
        return Position(window=self._window, offset=self._offset, waiting=waiting_N3.tolist())

    def plan(self, num_rows: int) -> Plan | None:
        """Fills the next rows.

        Args:
          num_rows: how many.

        Returns:
          The plan, the last rows empty where the mixture ends; None if nothing is left.
        """
        fill_row = self._pack_row if self._converter.pack else self._take_one
        placed: list[_Candidate] = []
        ends = []
        for _ in range(num_rows):
            fill_row(placed)
            ends.append(len(placed))
        if not placed:
            return None
        row_N = np.repeat(np.arange(num_rows), np.diff(ends, prepend=0))
        index_N, draw_N = np.array(placed, np.int64)[:, 2:].T
        return Plan(index_N, draw_N, row_N)

    def _pack_row(self, placed: list[_Candidate]) -> None:
        free = list(self._capacities)
        self._take_in_order(free, placed)
        while len(self._waiting) < MAX_WAITING and self._wait_for_next():
            pass
        self._take_best(free, placed)

    def _take_in_order(self, free: list[int], placed: list[_Candidate]) -> None:
        """Takes what fits as it comes, until three quarters of some capacity are used."""
        least_first, least_second = (capacity / 4 for capacity in self._capacities)
        passed_over: list[_Candidate] = []
        seen = 0
        while free[0] >= least_first and free[1] >= least_second and len(passed_over) < MAX_WAITING:
            if seen == len(self._waiting) and not self._wait_for_next():
                break
            candidate = first, second, _, _ = self._waiting[seen]
            seen += 1
            if first <= free[0] and second <= free[1]:
                free[0] -= first
                free[1] -= second
                placed.append(candidate)
            else:
                passed_over.append(candidate)
        self._waiting[:seen] = passed_over

    def _take_best(self, free: Sequence[int], placed: list[_Candidate]) -> None:
        """Takes, while any fits, what leaves least of the capacity of which most is left."""
        free_first, free_second = free
        first_W, second_W = (
            np.array([candidate[axis] for candidate in self._waiting], np.int64) for axis in (0, 1)
        )
        while self._waiting:
            left_first_W, left_second_W = free_first - first_W, free_second - second_W
            # Shares of the capacities, in integers.
            left_W = np.maximum(
                left_first_W * max(self._capacities[1], 1), left_second_W * self._capacities[0]
            )
            left_W[np.minimum(left_first_W, left_second_W) < 0] = _NO_FIT
            best = int(left_W.argmin())
            if left_W[best] == _NO_FIT:
                break
            free_first, free_second = left_first_W[best], left_second_W[best]
            placed.append(self._waiting.pop(best))
            has_next = self._wait_for_next()
            for axis, need_W in ((0, first_W), (1, second_W)):
                need_W[best:-1] = need_W[best + 1 :]
                if has_next:
                    need_W[-1] = self._waiting[-1][axis]
            if not has_next:
                first_W, second_W = first_W[:-1], second_W[:-1]

    def _wait_for_next(self) -> bool:
        """Lets the next draw wait behind the others; False where there is none."""
        if self._offset == len(self._fresh) and not self._next_window():
            return False
        self._waiting.append(self._fresh[self._offset])
        self._offset += 1
        return True

    def _take_one(self, placed: list[_Candidate]) -> None:
        if self._offset < len(self._fresh) or self._next_window():
            placed.append(self._fresh[self._offset])
            self._offset += 1

    def _next_window(self) -> bool:
        """Goes on to the next window that has draws; False, and stays, where there is none."""
        for window, draws in self._windows:
            if len(draws):
                index_N = self._examples.corpus.index(draws.task_D, draws.example_D)
                self._window, self._offset = window, 0
                self._fresh = self._candidates(index_N, draws.draw_D)
                return True
        return False

    def _candidates(
        self, index_N: npt.NDArray[np.int64], draw_N: npt.NDArray[np.int64]
    ) -> list[_Candidate]:
        num_N2 = self._converter.num_tokens(
            self._examples.lengths(index_N, draw_N),
            is_chat_N=self._examples.corpus.is_chat(index_N),
        )
        needs = self._converter.needs(num_N2)
        first = needs[:, 0].tolist()
        second: Sequence[int] = needs[:, 1].tolist() if needs.shape[1] > 1 else [0] * len(first)
        return list(zip(first, second, index_N.tolist(), draw_N.tolist(), strict=True))
