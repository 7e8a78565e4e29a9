"""Whether an error was raised by our own code, in words for the user."""

from __future__ import annotations

import pathlib
import traceback

from t5lite import tasks_finder


def is_told_by_us(error: BaseException) -> bool:
    """Whether t5lite or one of its registry modules raised it; anything else is a bug somewhere."""
    if isinstance(error, FloatingPointError):
        return True
    if error.__traceback__ is None:
        return False
    frame = traceback.extract_tb(error.__traceback__)[-1]
    file = pathlib.Path(frame.filename).resolve()
    ours = (pathlib.Path(__file__).resolve().parents[1], tasks_finder.folder())
    return any(file.parent.is_relative_to(folder) for folder in ours)
