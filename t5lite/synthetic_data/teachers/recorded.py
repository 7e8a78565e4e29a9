"""A teacher that is not there: answers on disk, and nothing else."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from t5lite.synthetic_data.teachers.requests import Reply, Request
from t5lite.synthetic_data.teachers.teacher import TeacherError


class Recorded:
    """Stands for the teacher whose answers a folder holds; whatever is not there is an error."""

    batch_size = 1

    def __init__(self, name: str, folder: pathlib.Path) -> None:
        """Takes the name of the teacher that answered, which is a part of each digest."""
        self.name, self._folder = name, folder

    async def reply(self, requests: Sequence[Request]) -> list[Reply | TeacherError]:
        """Says which request is missing.

        Raises:
          ValueError: Always: what is on disk never comes here.
        """
        request = requests[0]
        text = request.prompt if request.prompt is not None else request.messages[-1].content
        start = " ".join(text.split())[:80]
        raise ValueError(
            f"{self._folder} has no answer of {self.name!r} to the request "
            f"{request.digest(self.name)[:16]} ({start!r}...): recorded answers fit the settings, "
            "data and seed that they were recorded with. Give those, or a --teacher that answers."
        )

    async def close(self) -> None:
        """See `Teacher`."""
