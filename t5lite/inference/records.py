"""What an evaluation keeps of each example: one line of `predictions.jsonl`."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from t5lite.files import strict_json
from t5lite.files.json_files import read_lines
from t5lite.messages.suggest import did_you_mean
from t5lite.messages.value_types import check_type

PREDICTIONS = "predictions.jsonl"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    """One of several answers drawn for an example.

    Attributes:
      text: As it was generated.
      answer: What the Task's postprocessor made of it, in JSON's types; None where it found none.
      log_likelihood: In nats, under the model itself.
    """

    text: str
    answer: Any
    log_likelihood: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """One example: what was asked, answered and scored.

    Attributes:
      task: The Task's name.
      index: The example's place among the Task's examples.
      id: What names the example within its Task, where the Task says so.
      inputs: The prompt that was asked, as text.
      targets: The reference as text.
      references: All references, as texts.
      prediction: The answer as text, before the Task's postprocessor; of a ranking the option that
        was chosen; None where the example was skipped.
      answer: What the Task's postprocessor made of it, in JSON's types; None where it found none.
      score: From 0 to 1, by the first of the Task's metrics that is a mean over examples; None
        where there is none such.
      metrics: The example's value of each metric that is a mean over examples, by name.
      num_shots: How many exemplars the prompt shows; None where the Task does not say, or where its
        text was cut.
      num_dropped: How many were left out since the prompt was too long.
      skipped: Why the example was not asked; None where it was.
      options: What there was to choose from; empty where an answer was generated.
      option_scores: What each option was compared by.
      samples: All answers, where the prediction was chosen by a vote among several.
    """

    task: str
    index: int
    id: str | int | None = None
    inputs: str
    targets: str
    references: Sequence[str]
    prediction: str | None
    answer: Any = None
    score: float | None = None
    metrics: Mapping[str, float] = dataclasses.field(default_factory=dict)
    num_shots: int | None = None
    num_dropped: int = 0
    skipped: str | None = None
    options: Sequence[str] = ()
    option_scores: Sequence[float] = ()
    samples: Sequence[Sample] = ()

    def to_json(self) -> dict[str, Any]:
        """The record's fields; without those of another kind of evaluation, and without no id."""
        fields = dataclasses.asdict(self)
        of_some = ("id", "options", "option_scores", "samples")
        return {n: v for n, v in fields.items() if n not in of_some or v not in (None, (), [])}


def write_records(path: pathlib.Path, records: Iterable[Record]) -> None:
    """Writes records as JSON Lines; a file of this name is replaced."""
    with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
        for record in records:
            file.write(strict_json.dumps(record.to_json(), ensure_ascii=False) + "\n")


def read_records(path: pathlib.Path) -> list[Record]:
    """Reads what `write_records` wrote; fields that are not of a `Record` are left aside.

    Raises:
      ValueError: A line is malformed, lacks a field, or repeats an example; names file and line.
    """
    records, seen = [], set()
    for where, line in read_lines(path, any_text=True):
        record = _read(Record, line, where, but=("samples",))
        samples = line.get("samples", [])
        check_type(samples, list[dict], name=f"{where}, samples")
        record = dataclasses.replace(record, samples=[_read(Sample, s, where) for s in samples])
        if (record.task, record.index) in seen:
            raise ValueError(f"{where}: example {record.index} of {record.task} is there twice")
        seen.add((record.task, record.index))
        records.append(record)
    return records


def _read(kind: type, line: Mapping[str, Any], where: str, *, but: Sequence[str] = ()) -> Any:
    """A dataclass of an object of JSON, its fields compared with their types."""
    hints = typing.get_type_hints(kind)
    values = {}
    for field in dataclasses.fields(kind):
        is_optional = field.default is not dataclasses.MISSING
        is_optional |= field.default_factory is not dataclasses.MISSING
        if field.name not in line and not is_optional:
            raise ValueError(f"{where} has no {field.name!r}.{did_you_mean(field.name, line)}")
        if field.name in line and field.name not in but:
            check_type(line[field.name], hints[field.name], name=f"{where}, {field.name}")
            values[field.name] = line[field.name]
    return kind(**values)


def plain(value: Any, *, other: Callable[[Any], Any] = repr) -> Any:
    """What a Task's postprocessor gave, in JSON's types.

    Args:
      value: Anything; sets become lists, in an order that equal sets have in common.
      other: Makes something of what JSON has no type like.
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, Mapping):
        return {str(name): plain(item, other=other) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, other=other) for item in value]
    if isinstance(value, set | frozenset):
        items = [plain(item, other=other) for item in value]
        return sorted(items, key=functools.partial(strict_json.dumps, sort_keys=True))
    return other(value)


def unit_scores(values: Sequence[float]) -> list[float] | None:
    """Scores from 0 to 1 as they are, those from 0 to 100 a hundredth; None for any others."""
    for most in (1.0, 100.0):
        if all(0.0 <= value <= most for value in values):
            return [value / most for value in values]
    return None
