"""What a run may cost at most, said before the first call: for `--dry_run`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from t5lite.messages.tables import format_table
from t5lite.synthetic_data.teachers.asking import Asking
from t5lite.synthetic_data.teachers.requests import Request


@dataclasses.dataclass(frozen=True)
class Expected:
    """A kind of request that a run makes.

    Attributes:
      what: What is asked for, such as "instructions".
      requests: How many at most.
      example: A typical one, whose tokens are counted.
    """

    what: str
    requests: int
    example: Request


def forecast(asking: Asking, expected: Sequence[Expected]) -> str:
    """A table of calls, tokens and price at most, of a run that finds no answer on disk.

    Tokens of requests are those of the examples, about; of answers, the longest that are allowed.
    """
    limits = asking.limits
    has_price = bool(limits.prompt_price or limits.completion_price)
    counted = [
        (
            e.what,
            e.requests,
            e.requests * e.example.count_tokens(),
            e.requests * e.example.n * e.example.max_tokens,
        )
        for e in expected
    ]
    total = (
        sum(calls for _, calls, _, _ in counted),
        sum(tokens for _, _, tokens, _ in counted),
        sum(tokens for _, _, _, tokens in counted),
    )
    rows = [
        [
            what,
            f"{calls:,}",
            f"{prompt_tokens:,}",
            f"{completion_tokens:,}",
            f"{limits.price(prompt_tokens, completion_tokens):,.4f}" if has_price else "",
        ]
        for what, calls, prompt_tokens, completion_tokens in [*counted, ("all", *total)]
    ]
    table = format_table(
        [f"asked of {asking.teacher_name}", "calls", "tokens of requests", "of answers", "price"],
        rows,
        right=range(1, 5),
        drops_empty=True,
    )
    return "\n".join([f"At most, without retries:\n{table}", *_notes(asking, total)])


def _notes(asking: Asking, total: tuple[int, ...]) -> list[str]:
    """What the folder holds already, and which bound ends the run before."""
    limits, notes = asking.limits, []
    calls, prompt_tokens, completion_tokens = asking.spent
    if calls:
        notes.append(
            f"The folder holds {calls:,} answers of {prompt_tokens + completion_tokens:,} tokens, "
            "which are not asked for again and count for the bounds."
        )
    most = (a + b for a, b in zip(asking.spent, total, strict=True))
    notes += [f"{bound} may end it before." for bound in limits.exceeded(*most)]
    if not (limits.prompt_price or limits.completion_price):
        notes.append("For a price give --prompt_price and --completion_price, of a million tokens.")
    return notes
