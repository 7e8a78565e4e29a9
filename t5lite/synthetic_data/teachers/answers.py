"""Answers kept on disk, found again by the digests of their requests.

A folder holds `answers.jsonl`, a line an answer. The head of a line says what an index needs, so
that a folder of many answers opens without reading them all; what follows is read, and compared
with its digest, when somebody asks for it.
"""

from __future__ import annotations

import dataclasses
import io
import itertools
import pathlib
import re
from collections.abc import Iterator
from typing import IO, Any

from t5lite.files import strict_json
from t5lite.files.appended_file import AppendedFile
from t5lite.files.json_files import line_of
from t5lite.files.local_paths import storage_path, writable_folder
from t5lite.files.locks import Lock, delete_lock, take_lock
from t5lite.files.regular_files import check_regular
from t5lite.messages.value_types import check_fields, dataclass_of
from t5lite.synthetic_data.teachers.requests import Choice, Reply, Request

ANSWERS_FILE = "answers.jsonl"
# Where a system keeps the answers of its run, in the run's folder.
ANSWERS_FOLDER = "answers"

_HEAD = re.compile(
    rb'\{"digest": "([0-9a-f]{64})", "teacher": ("(?:[^"\\]|\\.)*"), '
    rb'"prompt_tokens": (\d{1,18}), "completion_tokens": (\d{1,18}), "request": \{'
)
_CHUNK = 1 << 24


@dataclasses.dataclass(frozen=True)
class Answer:
    """One request with its reply, as they lie on disk."""

    teacher: str
    request: Request
    reply: Reply


@dataclasses.dataclass(frozen=True)
class _Line:
    number: int
    start: int
    num_bytes: int


class Answers:
    """The answers of a folder; use as a context manager. One process at a time adds to them.

    A process that is killed leaves whole lines, and maybe a piece of one, which is cut off before
    the next is added.

    Attributes:
      folder: Where they are.
      prompt_tokens: Of all requests together.
      completion_tokens: Of all answers together.
      teachers: Who gave them.
    """

    def __init__(
        self,
        folder: str | pathlib.Path,
        *,
        writes: bool = True,
        must_exist: bool = True,
        name: str = "the answers",
    ) -> None:
        """Opens the folder, or makes it.

        Args:
          folder: Where the answers are kept.
          writes: Whether to add to them.
          must_exist: Whether a folder that is only read must be there; it holds none otherwise.
          name: What errors call the folder: the flag that gave it.

        Raises:
          ValueError: A line is none that is written here, another process adds to the folder, or it
            must be there and is not.
        """
        self.folder = storage_path(folder, name=name)
        self.prompt_tokens = self.completion_tokens = 0
        self.teachers: set[str] = set()
        self._path = self.folder / ANSWERS_FILE
        self._lines: dict[str, _Line] = {}
        self._lock: Lock | None = None
        if writes:
            writable_folder(self.folder, name=name).mkdir(parents=True, exist_ok=True)
            self._lock = take_lock(
                self._path.with_name(f"{ANSWERS_FILE}.lock"),
                held=f"another process asks for the answers in {self.folder}",
                remedy="wait for it, stop it, or give another folder.",
            )
        elif must_exist and not self._path.is_file():
            raise ValueError(f"{name} {self.folder}: there is no {ANSWERS_FILE} in it")
        try:
            check_regular(self._path)
            self._file: Any = AppendedFile(self._path) if writes else _ReadFile(self._path)
            self._index()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Answers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._lines)

    def __contains__(self, digest: object) -> bool:
        """Whether a request of this digest is answered."""
        return digest in self._lines

    def find(self, digest: str) -> Answer | None:
        """The answer to the request of a digest; None where it was never answered.

        Raises:
          ValueError: The line that says so is damaged.
        """
        line = self._lines.get(digest)
        return None if line is None else self._read(line, digest)

    def add(self, teacher: str, request: Request, reply: Reply) -> None:
        """Keeps an answer; it is on disk when this returns.

        Raises:
          OSError: Of the file, such as on a full disk; nothing of the answer is there then.
        """
        assert self._lock is not None, "opened to be read only"
        digest = request.digest(teacher)
        record = {
            "digest": digest,
            "teacher": teacher,
            "prompt_tokens": reply.prompt_tokens,
            "completion_tokens": reply.completion_tokens,
            "request": dataclasses.asdict(request),
            "choices": [dataclasses.asdict(choice) for choice in reply.choices],
        }
        content = line_of(record)
        self._file.append(content, durably=True)
        self._lines[digest] = _Line(self._num_lines + 1, self._end, len(content))
        self._num_lines += 1
        self._end += len(content)
        self._count(teacher, reply.prompt_tokens, reply.completion_tokens)

    def close(self) -> None:
        """Writes what is not in a bucket yet, and lets others add."""
        if file := getattr(self, "_file", None):
            file.close()
        if self._lock is not None:
            delete_lock(self._lock)
            self._lock = None

    def _count(self, teacher: str, prompt_tokens: int, completion_tokens: int) -> None:
        self.teachers.add(teacher)
        self.prompt_tokens += prompt_tokens
        self.completion_tokens += completion_tokens

    def _index(self) -> None:
        """Notes where each line is, and cuts off the piece of one at the end."""
        self._num_lines = self._end = 0
        names: dict[bytes, str] = {}
        for line in self._whole_lines():
            self._num_lines += 1
            head = _HEAD.match(line)
            if head is None or not line.endswith(b"]}\n"):
                raise ValueError(
                    f"{self._path}, line {self._num_lines}: no answer as t5lite writes them. "
                    "Give a folder of answers, or take the line out."
                )
            digest, teacher, *tokens = head.groups()
            if teacher not in names:
                where = f"{self._path}, line {self._num_lines}"
                names[teacher] = strict_json.loads(teacher.decode("utf-8", "replace"), where=where)
            self._lines[digest.decode()] = _Line(self._num_lines, self._end, len(line))
            self._end += len(line)
            self._count(names[teacher], int(tokens[0]), int(tokens[1]))
        if self._lock is not None:
            self._file.truncate(self._end)

    def _whole_lines(self) -> Iterator[bytes]:
        """Lines with the newline that ends them; a piece behind the last is none."""
        rest = b""
        for start in itertools.count(0, _CHUNK):
            chunk = self._file.read(start, _CHUNK)
            if not chunk:
                return
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line + b"\n"

    def _read(self, line: _Line, digest: str) -> Answer:
        where = f"{self._path}, line {line.number}"
        content = self._file.read(line.start, line.num_bytes)
        try:
            record = strict_json.loads(content.decode("utf-8"), where=where)
        except UnicodeDecodeError as error:
            raise ValueError(f"{where}: no UTF-8: {error}. Take the line out.") from error
        answer = _answer_of(record, where=where)
        if answer.request.digest(answer.teacher) != digest:
            raise ValueError(
                f"{where}: its request is not the one that its digest was made of; somebody "
                "changed it. Take the line out, and it is asked again."
            )
        return answer


def _answer_of(record: Any, *, where: str) -> Answer:
    """Checks a line's shape.

    Raises:
      ValueError: It has another; names the line and the field.
    """
    hints = {"choices": list[dict[str, Any]], "request": dict[str, Any]}
    check_fields(record, hints, name=where)
    for field, of in (("request", Request), ("choices", Choice)):
        fields = {f.name for f in dataclasses.fields(of)}
        for part in [record[field]] if field == "request" else record[field]:
            if set(part) != fields:
                odd = ", ".join(sorted(set(part) ^ fields))
                raise ValueError(f"{where}: {field}: missing or not known: {odd}")
    try:
        request = dataclass_of(Request, record["request"], name="request")
        choices = tuple(dataclass_of(Choice, one, name="choices") for one in record["choices"])
    except (ValueError, AssertionError) as error:
        raise ValueError(f"{where}: {error}") from None
    return Answer(
        record["teacher"],
        request,
        Reply(choices, record["prompt_tokens"], record["completion_tokens"]),
    )


class _ReadFile:
    """A file that is read in parts, as `AppendedFile` is; one that is not there is empty."""

    def __init__(self, path: pathlib.Path) -> None:
        self._file: IO[bytes] = path.open("rb") if path.exists() else io.BytesIO()

    def read(self, start: int = 0, num_bytes: int = -1) -> bytes:
        self._file.seek(start)
        return self._file.read(num_bytes)

    def close(self) -> None:
        self._file.close()
