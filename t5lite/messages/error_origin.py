"""Where an error came from: our own code, in words for the user, or a line of the user's."""

from __future__ import annotations

import pathlib
import sysconfig
import traceback

from t5lite import tasks_finder


def raised_by_us(error: BaseException) -> bool:
    """Whether t5lite or one of its task modules raised it; anything else is a bug somewhere."""
    if isinstance(error, FloatingPointError):
        return True
    if error.__traceback__ is None:
        return False
    frame = traceback.extract_tb(error.__traceback__)[-1]
    file = pathlib.Path(frame.filename).resolve()
    ours = (pathlib.Path(__file__).resolve().parents[1], tasks_finder.folder())
    return any(file.parent.is_relative_to(folder) for folder in ours)


def place_of(error: BaseException) -> str:
    """The file and line of the user's where an error arose, as "FILE, line N"; '' if in none."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if _is_of_user(f.filename)]
    return f"{frames[-1].filename}, line {frames[-1].lineno}" if frames else ""


def _is_of_user(file: str) -> bool:
    """Whether a file is neither ours nor a library's nor Python's own."""
    path = pathlib.Path(file)
    if not path.is_file() or {"site-packages", "dist-packages"} & set(path.parts):
        return False
    others = (
        pathlib.Path(sysconfig.get_path("stdlib")),
        pathlib.Path(__file__).parents[1],
        tasks_finder.folder(),
    )
    return not any(path.is_relative_to(folder) for folder in others)
