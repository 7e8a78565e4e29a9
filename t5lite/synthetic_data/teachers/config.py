"""Which teacher a run asks, and within which limits: what gin/runs/teacher.gin configures."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re

from t5lite.files import buckets
from t5lite.messages.ranges import Positive, Size
from t5lite.messages.value_types import check_numbers
from t5lite.synthetic_data.teachers.answers import Answers
from t5lite.synthetic_data.teachers.asking import Asking
from t5lite.synthetic_data.teachers.endpoint import URL_VARIABLE, Endpoint, checked_url
from t5lite.synthetic_data.teachers.limits import Limits
from t5lite.synthetic_data.teachers.local_model import LocalModel
from t5lite.synthetic_data.teachers.recorded import Recorded
from t5lite.synthetic_data.teachers.teacher import Teacher

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TeacherConfig(Limits):
    """A teacher and its limits.

    Attributes:
      teacher: Who is asked: a model folder of any format that `eval --model_dir` takes; the base
        URL of an endpoint that speaks OpenAI's API; "endpoint" for the URL in $OPENAI_BASE_URL; or
        "recorded" for the answers on disk alone. None where a run asks nobody.
      model: The model's name at an endpoint; of recorded answers the name of who gave them, which
        may be left out where one teacher gave them all.
      answers: Folder of the answers, where they are to lie elsewhere than in the run's own folder;
        runs may share one, though not at once.
      api_key_variable: Environment variable that holds the key of an endpoint.
      timeout: Seconds until a call without an answer has failed.
      batch_size: Rows that a model folder answers at once.
      cache_dir: Where checkpoints of other formats are kept converted; None is the default place.
    """

    teacher: str | None = None
    model: str | None = None
    answers: str | None = None
    api_key_variable: str = "OPENAI_API_KEY"
    timeout: Positive = 120.0
    batch_size: Size = 16
    cache_dir: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, of=type(self))
        if not _VARIABLE.fullmatch(self.api_key_variable):
            # What stands there may be the key itself, so the message does not show it.
            raise ValueError(
                "--api_key_variable is the name of an environment variable such as "
                "OPENAI_API_KEY; the key itself is never given on a command line or in a file"
            )
        if self.teacher and "://" in self.teacher and not buckets.is_address(self.teacher):
            checked_url(self.teacher)

    def open(self, answers: str | pathlib.Path, *, dry_run: bool = False) -> Asking:
        """The teacher, ready to be asked.

        Args:
          answers: Folder of the answers that are kept, unless `self.answers` names another.
          dry_run: Whether nothing will be asked; then no folder is made, and none is locked.

        Raises:
          ValueError: There is no such teacher, or the folder cannot be used.
        """
        answers = answers if self.answers is None else self.answers
        if self.teacher == "recorded":
            kept = Answers(answers, writes=False, name="--teacher=recorded:")
            return Asking(self._recorded(kept), kept, self)
        teacher = self._teacher()
        return Asking(teacher, Answers(answers, writes=not dry_run, must_exist=False), self)

    def _teacher(self) -> Teacher:
        url = self.teacher
        if url is None:
            raise ValueError(
                "nobody is named to ask: give --teacher=URL of an endpoint, a model folder, or "
                "recorded"
            )
        if url == "endpoint":
            url = os.environ.get(URL_VARIABLE, "")
            if not url:
                raise ValueError(
                    f"--teacher=endpoint is the URL in ${URL_VARIABLE}, which is not set; set it, "
                    "or give the URL itself"
                )
        elif "://" not in url or buckets.is_address(url):
            if self.model:
                raise ValueError(
                    f"--teacher_model={self.model} names a model at an endpoint, and --teacher="
                    f"{url} is a folder; leave it out"
                )
            return LocalModel(url, batch_size=self.batch_size, cache_dir=self.cache_dir)
        if not self.model:
            raise ValueError(
                f"--teacher={self.teacher} wants --teacher_model: the model's name at the endpoint"
            )
        return Endpoint(url, self.model, key_variable=self.api_key_variable, timeout=self.timeout)

    def _recorded(self, answers: Answers) -> Recorded:
        names = sorted(answers.teachers)
        name = self.model or (names[0] if len(names) == 1 else None)
        if not names:
            raise ValueError(
                f"--teacher=recorded: {answers.folder} holds no answers; give their folder with "
                "--answers"
            )
        if name not in names:
            found = ", ".join(names)
            remedy = f", not of {name!r}" if name else "; say of whom with --teacher_model"
            raise ValueError(
                f"--teacher=recorded: {answers.folder} holds answers of {found}{remedy}"
            )
        return Recorded(name, answers.folder)
