"""Who is asked: the protocol that every teacher has, and how asking one fails."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol

from t5lite.synthetic_data.teachers.requests import Reply, Request


@dataclasses.dataclass(eq=False)
class TeacherError(Exception):
    """A request that failed and may succeed if it is put again: too many requests, a lost line.

    What never will, such as a key that is refused, is a `ValueError` that says so.

    Attributes:
      kind: What is counted and shown, such as "429 too many requests".
      retry_after: Seconds that the teacher wants to be left alone for; None where it does not say.
      is_final: This request will fail again, others may not: it is too long, say.
      said: What the teacher said of it, for a message.
    """

    kind: str
    _: dataclasses.KW_ONLY
    retry_after: float | None = None
    is_final: bool = False
    said: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.said}" if self.said else self.kind


class Teacher(Protocol):
    """A model that answers requests.

    Attributes:
      name: Tells its answers from those of every other teacher; a part of what a request's digest
        is made from.
      batch_size: Requests that it answers best at once: 1 of an endpoint, rows of a local model.
    """

    name: str
    batch_size: int

    async def reply(self, requests: Sequence[Request]) -> list[Reply | TeacherError]:
        """Answers up to `batch_size` requests.

        Returns:
          The reply to each, or how it failed.

        Raises:
          ValueError: No request will ever be answered, with the flag to change.
        """
        ...

    async def close(self) -> None:
        """Lets go of connections and devices."""
        ...
