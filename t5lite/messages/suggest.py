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
      appended to a message; when none is close, `" Known names: ..."` with up to twelve of them;
      nothing where no name would be right.
    """
    known = sorted(set(choices))
    if not known:
        return ""
    folded = {choice.lower(): choice for choice in known}
    close = difflib.get_close_matches(name.lower(), folded, n=3, cutoff=0.5)
    if close:
        return f" Did you mean {' or '.join(repr(folded[choice]) for choice in close)}?"
    more = f" and {len(known) - 12} more" if len(known) > 12 else ""
    return f" Known names: {', '.join(known[:12])}{more}."


def is_misspelt(name: str, choices: Iterable[str]) -> bool:
    """Whether a name is so near to one of the choices that it was surely meant.

    Near is a slip or two of the keyboard, or some of the choice's words (`STEPS`, `TRAIN_STEPS`).
    """
    known = set(choices)
    words = set(name.split("_"))
    return bool(difflib.get_close_matches(name, known, n=1, cutoff=0.75)) or any(
        words < set(choice.split("_")) for choice in known
    )
