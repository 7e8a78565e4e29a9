"""Stop strings: texts that end an answer wherever they come up in it.

A stop string can begin and end inside tokens, so it is looked for in text, not among ids.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

Decode = Callable[[Sequence[int]], str]


def cut(text: str, stop_strings: Sequence[str]) -> str:
    """The text before the first stop string in it."""
    found = [place for stop in stop_strings if (place := text.find(stop)) >= 0]
    return text[: min(found)] if found else text


def stopped_length(
    tokens: Sequence[int], *, decode: Decode, stop_strings: Sequence[str], known: int = 0
) -> int | None:
    """How many tokens it takes until their text holds a stop string.

    Args:
      tokens: Tokens of an answer.
      decode: From tokens to text.
      stop_strings: The texts to look for.
      known: The text of so many tokens is known to hold none.

    Returns:
      The smallest such number; None where there is none.
    """

    def has_stopped(length: int) -> bool:
        text = decode(tokens[:length])
        return any(stop in text for stop in stop_strings)

    if not has_stopped(len(tokens)):
        return None
    # A text can lose its end as tokens come (half a character), so no halving.
    return next(length for length in range(known + 1, len(tokens) + 1) if has_stopped(length))


def pieces(
    tokens: Iterable[int], *, decode: Decode, stop_strings: Sequence[str] = ()
) -> Iterator[str]:
    """Pieces of text, as tokens come, that together are the text of all tokens up to a stop string.

    A token alone may have no text (half a character) or other text than in its place (a leading
    space), so all tokens so far are decoded each time, and what is new is shown. What may be the
    beginning of a stop string waits until it is known.
    """
    so_far: list[int] = []
    shown = text = ""
    for token in tokens:
        so_far.append(token)
        text = cut(decode(so_far), stop_strings)
        sure = text[: len(text) - _waiting(text, stop_strings)]
        if sure.startswith(shown) and not sure.endswith("\ufffd"):
            yield sure[len(shown) :]
            shown = sure
    if text != shown:
        yield text[len(shown) :] if text.startswith(shown) else "\n" + text


def _waiting(text: str, stop_strings: Sequence[str]) -> int:
    """How many characters at the end of a text may be the beginning of a stop string."""
    return max(
        (
            length
            for stop in stop_strings
            for length in range(1, len(stop))
            if text.endswith(stop[:length])
        ),
        default=0,
    )
