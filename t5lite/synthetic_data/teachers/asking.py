"""Asks a teacher many requests at once: rate, retries, budget, and every answer kept on disk."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import dataclasses
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from t5lite.files.strict_json import encodable
from t5lite.messages.progress import Bar, progress_bar
from t5lite.messages.tables import format_table
from t5lite.synthetic_data.teachers import read_json
from t5lite.synthetic_data.teachers.answers import Answers
from t5lite.synthetic_data.teachers.limits import Budget, BudgetOver, Limits
from t5lite.synthetic_data.teachers.requests import Choice, Reply, Request
from t5lite.synthetic_data.teachers.teacher import Teacher, TeacherError

log = logging.getLogger(__name__)

# Seconds that a first retry waits at most; each further one twice as long.
_FIRST_WAIT = 1.0

_FROM_DISK = "found on disk"
_ANSWERED = "answered now"
_FAILED = "failed with all retries"
_OVER = "left out, the budget is spent"


@dataclasses.dataclass(frozen=True)
class Answered:
    """What became of a request.

    Attributes:
      digest: The request's, which `provenance.Origin.request` is.
      reply: None where it was not answered.
      problem: Why it was not: the budget is spent, or it failed with all retries.
      budget_spent: Whether it was the budget.
    """

    digest: str
    reply: Reply | None
    problem: str = ""
    budget_spent: bool = False


class Asking:
    """A teacher with its limits and the answers on disk; use as a context manager.

    Attributes:
      teacher_name: Part of what digests are made of.
      limits: How much is asked, and how fast.
      counts: What happened how often, as `summary` shows it.
    """

    def __init__(self, teacher: Teacher, answers: Answers, limits: Limits | None = None) -> None:
        """Takes over the teacher and the answers: both are closed at the end."""
        self.teacher_name = teacher.name
        self.counts: collections.Counter[str] = collections.Counter()
        self._teacher, self._answers = teacher, answers
        self.limits = limits or Limits()
        self._budget = Budget(
            self.limits,
            calls=len(answers),
            prompt_tokens=answers.prompt_tokens,
            completion_tokens=answers.completion_tokens,
        )
        self._found_tokens = (answers.prompt_tokens, answers.completion_tokens)
        self._failed_in_a_row = 0
        self._left_alone_until = 0.0
        self._rate: Any = None
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._runner.run(self._teacher.close())
        finally:
            self._runner.close()
            self._answers.close()

    @property
    def spent(self) -> tuple[int, int, int]:
        """Calls, tokens of requests and tokens of answers, with those that were on disk."""
        return self._budget.calls, self._budget.prompt_tokens, self._budget.completion_tokens

    def ask(self, requests: Sequence[Request], *, desc: str | None) -> list[Answered]:
        """Asks what is not on disk yet.

        Args:
          requests: In any number; one that comes twice is asked once.
          desc: What the progress bar says; None shows none.

        Returns:
          What became of each, in the order of the requests.

        Raises:
          ValueError: The teacher will answer none, such as for a key that is refused; or
            `Limits.max_failures` failed in a row, or all that there were.
          OSError: An answer cannot be written.
          KeyboardInterrupt: After Ctrl-C; what was answered by then is on disk.
        """
        digests = [request.digest(self.teacher_name) for request in requests]
        new = {
            digest: request
            for digest, request in zip(digests, requests, strict=True)
            if digest not in self._answers
        }
        self.note("requests", len(requests))
        self.note(_FROM_DISK, sum(digest not in new for digest in digests))
        problems: dict[str, str] = {}
        if new:
            with progress_bar(
                total=len(requests),
                desc=desc or "",
                unit="request",
                initial=len(requests) - len(new),
                disable=desc is None,
            ) as bar:
                problems = self._runner.run(self._ask(new, bar))
            failed = [problem for problem in problems.values() if not _is_over(problem)]
            if len(failed) == len(new) == len(set(digests)):
                raise ValueError(f"{self._of_teacher} answered nothing: {failed[-1]}")
        return [self._answered(digest, problems) for digest in digests]

    def read_json(self, choice: Choice, fields: Mapping[str, Any]) -> dict[str, Any] | str:
        """The JSON object that an answer is to be, or why it is none, which is counted.

        Args:
          choice: The answer.
          fields: Type hints of the fields that it must have, as `value_types.check_type` takes
            them; those whose type has None may be missing.

        Returns:
          These fields, or in words what was wrong.
        """
        try:
            return read_json.read_json(choice, fields)
        except read_json.NotAsAskedError as error:
            self.note(error.args[0])
            return str(error)

    def note(self, what: str, n: int = 1) -> None:
        """Counts something that `summary` is to show."""
        self.counts[what] += n

    def summary(self) -> str:
        """A table of what was counted, of tokens and of the price."""
        rows = [(what, f"{n:,}") for what, n in self.counts.items() if n]
        prompt_tokens, completion_tokens = (
            self._budget.prompt_tokens,
            self._budget.completion_tokens,
        )
        here = (prompt_tokens - self._found_tokens[0], completion_tokens - self._found_tokens[1])
        rows.append(("tokens of requests, now", f"{here[0]:,}"))
        rows.append(("tokens of answers, now", f"{here[1]:,}"))
        if any(self._found_tokens):
            rows.append(("tokens in the folder, all", f"{prompt_tokens + completion_tokens:,}"))
        if self.limits.prompt_price or self.limits.completion_price:
            total = self.limits.price(prompt_tokens, completion_tokens)
            rows.append(("price, now", f"{self.limits.price(*here):,.4f}"))
            rows.append(("price of the folder", f"{total:,.4f}"))
        return format_table([self._of_teacher, ""], rows, right=[1])

    @property
    def _of_teacher(self) -> str:
        return f"teacher {self.teacher_name}"

    def _answered(self, digest: str, problems: Mapping[str, str]) -> Answered:
        found = self._answers.find(digest)
        if found is None:
            return Answered(digest, None, problems[digest], _is_over(problems[digest]))
        return Answered(digest, found.reply)

    async def _ask(self, new: Mapping[str, Request], bar: Bar) -> dict[str, str]:
        """Asks requests by their digests; returns why those failed that did."""
        groups = iter(_groups(new, self._teacher.batch_size))
        problems: dict[str, str] = {}

        async def work() -> None:
            for group in groups:
                problems.update(await self._ask_group(group, bar))

        workers = [asyncio.create_task(work()) for _ in range(self.limits.max_concurrent)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        return problems

    async def _ask_group(self, group: Mapping[str, Request], bar: Bar) -> dict[str, str]:
        """Asks until all are answered or out of retries; returns why those failed that did."""
        import tenacity

        waiting, problems = dict(group), dict[str, str]()

        def failed_for_good(errors: Mapping[str, TeacherError]) -> None:
            for digest, error in errors.items():
                del waiting[digest]
                problems[digest] = str(error)
                bar.update()
                self._note_failure(error)

        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(_SomeFailedError),
            stop=tenacity.stop_after_attempt(self.limits.max_retries + 1),
            # Drawn from a span that doubles.
            wait=tenacity.wait_random_exponential(
                multiplier=_FIRST_WAIT, max=self.limits.max_retry_wait
            ),
            sleep=asyncio.sleep,
            reraise=True,
        )
        try:
            async for attempt in retrying:
                with attempt:
                    errors = await self._call(waiting, bar)
                    final = {digest: error for digest, error in errors.items() if error.is_final}
                    failed_for_good(final)
                    if waiting:
                        raise _SomeFailedError([errors[digest] for digest in waiting])
        except _SomeFailedError as error:
            failed_for_good(dict(zip(list(waiting), error.errors, strict=True)))
        except BudgetOver as error:
            if len(waiting) > 1:  # Part of a batch may have room.
                for half in _groups(waiting, (len(waiting) + 1) // 2):
                    problems |= await self._ask_group(half, bar)
                return problems
            self.note(_OVER)
            problems |= dict.fromkeys(waiting, f"{_OVER} ({error})")
        return problems

    async def _call(self, waiting: dict[str, Request], bar: Bar) -> dict[str, TeacherError]:
        """Sends one call, keeps its answers, takes those answered out of what waits.

        Returns:
          How the others failed.
        """
        loop = asyncio.get_running_loop()
        counted = [(request, request.count_tokens()) for request in waiting.values()]
        async with self._budget.room_for(counted):
            while (patience := self._left_alone_until - loop.time()) > 0:
                await asyncio.sleep(patience)
            async with self._rate_limiter():
                pass
            replies = await self._teacher.reply(list(waiting.values()))
            errors = {}
            for digest, reply in zip(list(waiting), replies, strict=True):
                if isinstance(reply, TeacherError):
                    errors[digest] = reply
                    self._budget.spend(calls=1)
                    self.note(reply.kind)
                    if reply.retry_after is not None:
                        self._leave_alone(reply.retry_after, reply)
                    continue
                self._keep(waiting.pop(digest), reply)
                bar.update()
            return errors

    def _keep(self, request: Request, reply: Reply) -> None:
        choices = tuple(
            dataclasses.replace(choice, text=encodable(choice.text)) for choice in reply.choices
        )
        if choices != reply.choices:
            self.note("answers with half a character")
            reply = dataclasses.replace(reply, choices=choices)
        self._answers.add(self.teacher_name, request, reply)
        self._budget.spend(
            calls=1, prompt_tokens=reply.prompt_tokens, completion_tokens=reply.completion_tokens
        )
        self._failed_in_a_row = 0
        self.note(_ANSWERED)

    def _leave_alone(self, seconds: float, error: TeacherError) -> None:
        """Lets no call go out before the teacher wants one."""
        if seconds > self.limits.max_retry_wait:
            raise ValueError(
                f"{self._of_teacher} wants to be left alone for {seconds:,.0f} seconds ({error}), "
                f"which is more than --max_retry_wait={self.limits.max_retry_wait:g}. What was "
                "answered is kept: give the same command again later."
            )
        until = asyncio.get_running_loop().time() + seconds
        self._left_alone_until = max(self._left_alone_until, until)

    def _note_failure(self, error: TeacherError) -> None:
        self.note(_FAILED)
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= self.limits.max_failures:
            raise ValueError(
                f"{self._of_teacher}: {self._failed_in_a_row} requests in a row failed, each with "
                f"all its retries; the last: {error}. What was answered is kept: the same command "
                "goes on."
            )

    def _rate_limiter(self) -> contextlib.AbstractAsyncContextManager[Any]:
        if self.limits.requests_per_minute is None:
            return contextlib.nullcontext()
        if self._rate is None:
            import aiolimiter

            # One at a time, not a minute's share at once.
            self._rate = aiolimiter.AsyncLimiter(1, 60 / self.limits.requests_per_minute)
        return self._rate


class _SomeFailedError(Exception):
    """Some requests of a call failed, and are to be put again."""

    def __init__(self, errors: list[TeacherError]) -> None:
        super().__init__(str(errors[0]))
        self.errors = errors


def _is_over(problem: str) -> bool:
    return problem.startswith(_OVER)


def _groups(requests: Mapping[str, Request], size: int) -> Iterator[dict[str, Request]]:
    items = list(requests.items())
    for start in range(0, len(items), size):
        yield dict(items[start : start + size])
