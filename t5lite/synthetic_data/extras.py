"""Packages that only some of what makes data needs."""

from __future__ import annotations

import importlib.util


def check_installed(*packages: str, extra: str, purpose: str) -> None:
    """Says which packages are missing before anything is done.

    Args:
      *packages: Names to import them by.
      extra: The extra of t5lite that brings them.
      purpose: What needs them, for the message: "searching data sets".

    Raises:
      ValueError: One is missing.
    """
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(
            f"{purpose} needs {', '.join(missing)}, which this installation lacks: "
            f"pip install 't5lite[{extra}]'"
        )
