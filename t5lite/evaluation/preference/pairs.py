"""Two models' answers to the same prompts, from two files that `t5lite infer` wrote."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from t5lite.data.chat.conversations import field_of_messages, read_asked
from t5lite.data.sources.local_files import keyed_hash, require
from t5lite.files import strict_json
from t5lite.files.json_files import read_lines
from t5lite.files.local_paths import named_path

# A model of a comparison: the one whose answers were named first, or the other.
Side = Literal["a", "b"]


@dataclasses.dataclass(frozen=True)
class Pair:
    """A prompt and the two models' answers to it.

    Attributes:
      id: Names the prompt within its file.
      category: What it is counted under; "" where its file says nothing.
      prompt: The prompt as text.
      answers: A's and B's.
    """

    id: str
    category: str
    prompt: str
    answers: tuple[str, str]

    @functools.cached_property
    def digest(self) -> str:
        """Tells this pair from any other prompt or answers."""
        text = strict_json.dumps([self.id, self.prompt, *self.answers])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def is_identical(self) -> bool:
        """Whether there is nothing to prefer."""
        return self.answers[0].strip() == self.answers[1].strip()

    def answer(self, side: Side) -> str:
        """The answer of A or of B."""
        return self.answers["ab".index(side)]

    def first(self, seed: int) -> Side:
        """Whose answer is shown first, to somebody who must not know it."""
        return "a" if keyed_hash("first", str(seed), self.digest) & 1 else "b"


class Pairs(NamedTuple):
    """All pairs of two files.

    Attributes:
      pairs: In the files' order.
      model_a: What A is called.
      model_b: What B is called.
    """

    pairs: list[Pair]
    model_a: str
    model_b: str


class _Answer(NamedTuple):
    where: str
    category: str
    prompt: str
    text: str


def read_pairs(answers_a: str, answers_b: str, *, inputs_field: str = "inputs") -> Pairs:
    """Reads two models' answers, and pairs them by their prompts' names.

    A line is named by its `task` and `index`, as `t5lite infer --mixture` writes them, else by its
    `id`, else by its number; it is counted under its `category`, else under its `task`.

    Args:
      answers_a: A's answers, a JSONL file of `t5lite infer` with one answer a line, or `NAME=FILE`.
        Without a name the model is called as its file, without suffix.
      answers_b: B's.
      inputs_field: The field that holds the prompt, a text or a list of messages; lines without it
        may hold `messages`, `conversations` or `conversation`.

    Raises:
      ValueError: A line is malformed, holds several answers, or has the name of another; or the two
        files do not answer the same prompts (file, line and field are named); or both models have
        one name.
    """
    (name_a, path_a), (name_b, path_b) = (
        (label or path.name.removesuffix(".jsonl"), path)
        for label, path in (named_path(text, name="ANSWERS") for text in (answers_a, answers_b))
    )
    if name_a == name_b:
        raise ValueError(
            f"both models would be called {name_a!r}; name one of them, as in other={path_b}"
        )
    found_a, found_b = _read(path_a, inputs_field), _read(path_b, inputs_field)
    for ours, others, path in ((found_a, found_b, path_b), (found_b, found_a, path_a)):
        for name, answer in ours.items():
            if name not in others:
                raise ValueError(f"{answer.where}: {path} has no answer to this prompt, {name!r}")
    for name, answer in found_a.items():
        if answer.prompt != found_b[name].prompt:
            raise ValueError(
                f"{answer.where} and {found_b[name].where} are both of {name!r}, and their prompts "
                f"differ: {answer.prompt[:60]!r}... and {found_b[name].prompt[:60]!r}..."
            )
    pairs = [
        Pair(name, answer.category, answer.prompt, (answer.text, found_b[name].text))
        for name, answer in found_a.items()
    ]
    return Pairs(pairs, name_a, name_b)


def _read(path: pathlib.Path, inputs_field: str) -> dict[str, _Answer]:
    found: dict[str, _Answer] = {}
    for number, (where, record) in enumerate(read_lines(path, any_text=True), start=1):
        if "predictions" in record:
            raise ValueError(
                f"{where}: there are several answers a line; choose one of each with `t5lite "
                f"preference choose {path} --output=FILE`, and give that file"
            )
        text = require(
            record, "prediction", str, where=where, remedy="give a file that `t5lite infer` wrote"
        )
        name = _name(record) or str(number)
        if name in found:
            raise ValueError(
                f"{where}: {name!r} is the name of {found[name].where} too; give each prompt an "
                "`id` of its own"
            )
        category = record.get("category") or record.get("task")
        category = category if isinstance(category, str) else ""
        found[name] = _Answer(where, category, _prompt(record, inputs_field, where), text)
    if not found:
        raise ValueError(f"{path} holds no answers")
    return found


def _name(record: Mapping[str, Any]) -> str | None:
    if "task" in record and "index" in record:
        return f"{record['task']}/{record['index']}"
    return str(record["id"]) if record.get("id") is not None else None


def _prompt(record: Mapping[str, Any], field: str, where: str) -> str:
    """The prompt as text, a conversation with the roles before what was said."""
    if field not in record:
        field = field_of_messages(record) or field
    if not isinstance(record.get(field), list):
        remedy = "name the field of the prompt with --inputs_field"
        return require(record, field, str, where=where, remedy=remedy)
    messages = read_asked(record, where=where, field=field).messages
    return "\n\n".join(f"{message['role']}: {message['content']}" for message in messages)


def shuffled(pairs: Sequence[Pair], *, seed: int) -> list[Pair]:
    """The pairs in an order that depends on the seed and on what they are."""
    return sorted(pairs, key=lambda pair: keyed_hash("order", str(seed), pair.digest))
