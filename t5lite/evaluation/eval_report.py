"""What `t5lite eval` makes of several evaluations when all are done: the protocol."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Protocol, runtime_checkable


@runtime_checkable
class EvalReport(Protocol):
    """A report over the evaluations of one command; gin sets `evaluate.report`."""

    def write(self, folder: pathlib.Path, *, names: Sequence[str], model: str) -> None:
        """Prints the report, and writes its files.

        Args:
          folder: Where the evaluations lie, each in a folder of its name, and where files go.
          names: Of the evaluations, in their order.
          model: What the model is called.
        """
