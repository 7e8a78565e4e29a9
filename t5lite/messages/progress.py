"""How far a verb has come, on standard error: a bar on a terminal, a few whole lines elsewhere.

A bar that redraws itself fills the log of a batch job with one endless line.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol, Self

import tqdm

from t5lite.messages.streams import Unbroken

# Where there is no terminal: lines of a whole job, and seconds between two of them.
_NUM_LINES = 20
_SECONDS = 5.0


class Bar(Protocol):
    """What tqdm's bars and ours have in common, as far as it is used."""

    n: Any
    total: Any
    disable: bool

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: Any) -> None: ...

    def update(self, n: float = 1) -> Any:
        """Goes on by `n`."""

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
        """What stands behind the figures."""

    def refresh(self) -> Any:
        """Shows `n` as it is now."""

    def close(self) -> None:
        """Leaves the last state."""


def progress_bar(
    *,
    total: float | None,
    desc: str,
    unit: str,
    initial: float = 0,
    disable: bool,
    clock: Callable[[], float] = time.monotonic,
    **more: Any,
) -> Bar:
    """A bar of tqdm's on a terminal; else lines, some twenty at most and seconds apart.

    Args:
      total: how far it goes; None where nobody knows.
      desc: what is done.
      unit: what is counted.
      initial: where it starts.
      disable: whether to show nothing.
      clock: seconds since some moment, by which lines keep their distance.
      **more: what else tqdm takes; lines heed `file` alone.
    """
    file = more.setdefault("file", Unbroken())
    if disable or file.isatty():
        return tqdm.tqdm(
            total=total, desc=desc, unit=unit, initial=initial, disable=disable, **more
        )
    return _Lines(total, desc, unit.strip(), initial, file, clock)


class _Lines:
    """Prints a line when another twentieth of the whole is done, not too soon after the last.

    Where it ends is always printed.
    """

    disable = False

    def __init__(
        self,
        total: float | None,
        desc: str,
        unit: str,
        initial: float,
        file: Any,
        clock: Callable[[], float],
    ):
        self.n = self._shown = initial
        self.total, self._desc, self._unit = total, desc, unit
        self._file, self._clock = file, clock
        self._shown_at = clock()
        self._postfix = ""
        self._patience = _SECONDS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def update(self, n: float = 1) -> None:
        """See `Bar`."""
        self.n += n
        self._patience = _SECONDS
        self.refresh()

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
        """See `Bar`; where this alone changes, it is shown less and less often."""
        is_new, self._postfix = s != self._postfix, s
        if not refresh:
            return
        if self.n != self._shown or not is_new:
            self.refresh()
        elif self._clock() - self._shown_at >= self._patience:
            self._patience *= 2
            self._show()

    def refresh(self) -> None:
        """See `Bar`; prints where a line is due."""
        if not self.total or self.n == self._shown:
            return
        is_due = self._part(self.n) > self._part(self._shown)
        if self.n >= self.total or (is_due and self._clock() - self._shown_at >= _SECONDS):
            self._show()

    def close(self) -> None:
        """See `Bar`; prints where it ends, unless that stands there already."""
        if self.total and self.n != self._shown:
            self._show()

    def _show(self) -> None:
        self._shown, self._shown_at = self.n, self._clock()
        behind = f", {self._postfix}" if self._postfix else ""
        done = f"{_written(self.n)} of {_written(self.total or 0)} {self._unit}"
        print(f"{self._desc}: {done}{behind}", file=self._file, flush=True)

    def _part(self, n: float) -> int:
        return int(_NUM_LINES * n / self.total) if self.total else 0


def _written(number: float) -> str:
    return f"{number:,.0f}" if number == int(number) else f"{number:,.2f}"
