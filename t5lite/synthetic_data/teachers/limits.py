"""How much a teacher is asked at most, and how fast."""

# Not `from __future__ import annotations`: TeacherConfig, of another module, inherits these fields,
# and what reads its types looks for their names there.

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator

from t5lite.messages.ranges import Count, NotNegative, NumExamples, Positive, Size
from t5lite.messages.value_types import check_numbers
from t5lite.synthetic_data.teachers.requests import Request


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """What asking may take. None is no limit.

    Attributes:
      requests_per_minute: Calls sent in a minute, retries among them, evenly spaced.
      max_concurrent: Calls that wait for an answer at once.
      max_retries: How often a call that failed is sent again.
      max_failures: Requests in a row that may fail with all their retries before the run stops.
      max_retry_wait: Seconds before a retry at most. A teacher that wants to be left alone for
        longer stops the run.
      max_calls: Answered calls and failed ones together. This and what follows is what the folder
        of answers may cost in all: what is in it when a run starts counts.
      max_total_tokens: Of requests and answers.
      max_price: In the unit of the prices below.
      prompt_price: Of a million tokens of requests.
      completion_price: Of a million tokens of answers.
    """

    requests_per_minute: Positive | None = None
    max_concurrent: Size = 16
    max_retries: Count = 6
    max_failures: Size = 10
    max_retry_wait: NotNegative = 300.0
    max_calls: NumExamples | None = None
    max_total_tokens: NumExamples | None = None
    max_price: Positive | None = None
    prompt_price: NotNegative = 0.0
    completion_price: NotNegative = 0.0

    def __post_init__(self) -> None:
        check_numbers(self, of=Limits)
        if self.max_price is not None and not (self.prompt_price or self.completion_price):
            raise ValueError(
                f"max_price = {self.max_price} bounds nothing without prices. Give --prompt_price "
                "and --completion_price, of a million tokens each."
            )

    def price(self, prompt_tokens: int, completion_tokens: int) -> float:
        """What tokens cost, in the unit of the prices."""
        return (
            prompt_tokens * self.prompt_price + completion_tokens * self.completion_price
        ) / 1_000_000

    def exceeded(self, calls: int, prompt_tokens: int, completion_tokens: int) -> list[str]:
        """The bounds that so much is beyond, as their flags: "--max_calls=100"."""
        wanted = {
            "max_calls": calls,
            "max_total_tokens": prompt_tokens + completion_tokens,
            "max_price": self.price(prompt_tokens, completion_tokens),
        }
        bounds = {name: getattr(self, name) for name in wanted}
        return [
            f"--{name}={bound}"
            for name, bound in bounds.items()
            if bound is not None and wanted[name] > bound
        ]


class BudgetOver(Exception):
    """A call that the budget has no room for; the message says which bound it is."""


class Budget:
    """What is spent, and what calls under way may still come to.

    A call is let through when there is room for its longest answer; it waits while calls under way
    may leave room.

    Attributes:
      calls: Sent so far and before.
      prompt_tokens: Of all requests that were answered.
      completion_tokens: Of all answers.
    """

    def __init__(
        self, limits: Limits, *, calls: int = 0, prompt_tokens: int = 0, completion_tokens: int = 0
    ) -> None:
        self._limits = limits
        self.calls, self.prompt_tokens = calls, prompt_tokens
        self.completion_tokens = completion_tokens
        self._reserved: list[tuple[int, int, int]] = []
        self._changed = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def room_for(self, requests: list[tuple[Request, int]]) -> AsyncIterator[None]:
        """Keeps room for a call of requests with their tokens while it is under way.

        Raises:
          BudgetOver: There is none, and calls under way will leave none.
        """
        wanted = (
            len(requests),
            sum(tokens for _, tokens in requests),
            sum(request.max_tokens * request.n for request, _ in requests),
        )
        async with self._changed:
            while why := self._over(*wanted):
                if not self._reserved:
                    raise BudgetOver(why)
                await self._changed.wait()
            self._reserved.append(wanted)
        try:
            yield
        finally:
            self._reserved.remove(wanted)
            async with self._changed:
                self._changed.notify_all()

    def spend(self, *, calls: int, prompt_tokens: int = 0, completion_tokens: int = 0) -> None:
        """Counts what was sent and what came back."""
        self.calls += calls
        self.prompt_tokens += prompt_tokens
        self.completion_tokens += completion_tokens

    def _over(self, calls: int, prompt_tokens: int, completion_tokens: int) -> str:
        """Which bound a call would break; "" for none."""
        calls += self.calls + sum(reserved[0] for reserved in self._reserved)
        prompt_tokens += self.prompt_tokens + sum(r[1] for r in self._reserved)
        completion_tokens += self.completion_tokens + sum(r[2] for r in self._reserved)
        return next(iter(self._limits.exceeded(calls, prompt_tokens, completion_tokens)), "")
