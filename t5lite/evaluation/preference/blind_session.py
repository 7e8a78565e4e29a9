"""A person's way through all pairs: what is shown next, what was said, and how to take it back.

Nothing that is shown says which model an answer is of. What was said is on disk before the next
pair is shown, and a session that was ended goes on with the pairs that are left.
"""

from __future__ import annotations

import threading
from typing import Any, Literal

from t5lite.evaluation.preference.judgments import (
    IDENTICAL,
    PERSON,
    Judgment,
    Verdict,
    check_judgments,
)
from t5lite.evaluation.preference.pairs import Pairs, Side, shuffled
from t5lite.files.appended_lines import AppendedLines

# What a person says of the two answers that are shown.
Choice = Literal["left", "right", "tie", "both_bad"]


class BlindSession:
    """The pairs to judge, in an order that the seed gives; several threads may ask."""

    def __init__(self, compared: Pairs, lines: AppendedLines, *, seed: int) -> None:
        """Continues where the file of judgments stops.

        Pairs of identical answers are ties that nobody is asked about; they are written at once.

        Args:
          compared: All pairs.
          lines: The file of judgments.
          seed: Of the order of pairs, and of who stands on the left.

        Raises:
          ValueError: The file holds judgments of other answers, of models of other names or of a
            model, two of one pair, or a malformed line.
        """
        self._compared = compared
        self._lines = lines
        self._seed = seed
        self._lock = threading.Lock()
        by_digest = {pair.digest: pair for pair in compared.pairs}
        judged = check_judgments(lines.records)
        for (where, _), judgment in zip(lines.records, judged, strict=True):
            if judgment.judge not in (PERSON, IDENTICAL):
                raise ValueError(
                    f"{where}: {judgment.judge!r} judges here, and not a person; choose another "
                    "--output"
                )
            if judgment.pair not in by_digest:
                raise ValueError(
                    f"{where}: judges other answers to {judgment.id!r} than those given; choose "
                    "another --output, or give the answers that it is about"
                )
            if (judgment.model_a, judgment.model_b) != (compared.model_a, compared.model_b):
                raise ValueError(
                    f"{where}: compares {judgment.model_a} with {judgment.model_b}, and the "
                    f"answers given are called {compared.model_a} and {compared.model_b}; give "
                    "them under the names of before, as NAME=FILE, or choose another --output"
                )
        done = {judgment.pair for judgment in judged}
        same = [p for p in compared.pairs if p.is_identical and p.digest not in done]
        lines.append(
            [Judgment.of(p, compared, verdict="tie", judge=IDENTICAL).record() for p in same]
        )
        self._left = [
            pair
            for pair in shuffled(compared.pairs, seed=seed)
            if pair.digest not in done and not pair.is_identical
        ]
        self._by_digest = by_digest

    @property
    def num_done(self) -> int:
        """How many pairs are judged."""
        return len(self._lines.records)

    @property
    def num_pairs(self) -> int:
        """How many there are."""
        return len(self._compared.pairs)

    def state(self) -> dict[str, Any]:
        """What the page shows: progress, and the next pair if there is one; JSON-able."""
        with self._lock:
            return self._state()

    def judge(self, pair: str, choice: Choice) -> dict[str, Any] | None:
        """Writes what was said of the pair that is shown.

        Args:
          pair: The digest of the pair that was looked at.
          choice: What was said.

        Returns:
          The new state; None where another pair is shown by now, and nothing was written.

        Raises:
          OSError: It could not be written.
        """
        with self._lock:
            if not self._left or self._left[0].digest != pair:
                return None
            shown = self._left[0]
            first = shown.first(self._seed)
            judgment = Judgment.of(
                shown,
                self._compared,
                verdict=_verdict(choice, left=first),
                judge=PERSON,
                first=first,
            )
            self._lines.append([judgment.record()])
            del self._left[0]
            return self._state()

    def undo(self, num_done: int) -> dict[str, Any] | None:
        """Takes back what was said last, and shows its pair again.

        Args:
          num_done: How many pairs were judged when that was asked for.

        Returns:
          The new state; None where that is another number by now, or there is nothing to take back.

        Raises:
          OSError: It could not be taken back.
        """
        with self._lock:
            if num_done != self.num_done or not self._can_undo():
                return None
            last = self._lines.records[-1][1]["pair"]
            self._lines.take_back()
            self._left.insert(0, self._by_digest[last])
            return self._state()

    def _can_undo(self) -> bool:
        return bool(self._lines.records) and self._lines.records[-1][1]["judge"] == PERSON

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = {
            "num_done": self.num_done,
            "num_pairs": self.num_pairs,
            "can_undo": self._can_undo(),
            "pair": None,
        }
        if self._left:
            pair = self._left[0]
            left = pair.first(self._seed)
            state["pair"] = {
                "digest": pair.digest,
                "category": pair.category,
                "prompt": pair.prompt,
                "left": pair.answer(left),
                "right": pair.answer(_other(left)),
            }
        return state


def _other(side: Side) -> Side:
    return "b" if side == "a" else "a"


def _verdict(choice: Choice, *, left: Side) -> Verdict:
    if choice == "left":
        return left
    return _other(left) if choice == "right" else choice
