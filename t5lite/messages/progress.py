"""How far a verb has come, on standard error: a bar on a terminal, a few whole lines elsewhere.

A bar that redraws itself fills the log of a batch job with one endless line.
"""

from __future__ import annotations

import sys
from typing import Any, Protocol, Self

import tqdm

# Of a whole job, where there is no terminal.
_NUM_LINES = 20


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
    *, total: float | None, desc: str, unit: str, initial: float = 0, disable: bool, **more: Any
) -> Bar:
    """A bar of tqdm's on a terminal; else lines, at most twenty of them.

    Args:
      total: how far it goes; None where nobody knows.
      desc: what is done.
      unit: what is counted.
      initial: where it starts.
      disable: whether to show nothing.
      **more: what else tqdm takes; lines heed `file` alone.
    """
    file = more.get("file") or sys.stderr
    if disable or file.isatty():
        return tqdm.tqdm(
            total=total, desc=desc, unit=unit, initial=initial, disable=disable, **more
        )
    return _Lines(total, desc, unit.strip(), initial, file)


class _Lines:
    """Prints a line whenever another twentieth of the whole is done."""

    disable = False

    def __init__(self, total: float | None, desc: str, unit: str, initial: float, file: Any):
        self.n = initial
        self.total, self._desc, self._unit, self._file = total, desc, unit, file
        self._postfix = ""
        self._shown = self._part()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def update(self, n: float = 1) -> None:
        """See `Bar`."""
        self.n += n
        self.refresh()

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
        """See `Bar`."""
        self._postfix = s
        if refresh:
            self.refresh()

    def refresh(self) -> None:
        """See `Bar`; prints where another part is done."""
        if self.total and self._part() > self._shown:
            self._shown = self._part()
            behind = f", {self._postfix}" if self._postfix else ""
            done = f"{_written(self.n)} of {_written(self.total)} {self._unit}"
            print(f"{self._desc}: {done}{behind}", file=self._file, flush=True)

    def close(self) -> None:
        """See `Bar`; the last line stands already."""

    def _part(self) -> int:
        return int(_NUM_LINES * self.n / self.total) if self.total else 0


def _written(number: float) -> str:
    return f"{number:,.0f}" if number == int(number) else f"{number:,.2f}"
