"""The "did you mean" of error messages."""

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Says which of the known names resemble a wrong one.

    Args:
      name: what was found.
      choices: the names that would have been right.

    Returns:
      `" Did you mean 'a' or 'b'?"` with the closest names first and a leading space, ready to be
      appended to a message; when none is close, `" Known names: ..."` with up to twelve of them.
    """
    known = sorted(set(choices))
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if close:
        return f" Did you mean {' or '.join(map(repr, close))}?"
    more = f" and {len(known) - 12} more" if len(known) > 12 else ""
    return f" Known names: {', '.join(known[:12])}{more}."
