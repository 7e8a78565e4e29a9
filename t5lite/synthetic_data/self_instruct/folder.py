"""The folder of a run of Self-Instruct: its files, and what it was begun with."""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from t5lite.files import strict_json
from t5lite.files.json_files import read_lines, read_object, write_object
from t5lite.messages.ranges import Count
from t5lite.messages.value_types import check_type
from t5lite.synthetic_data.self_instruct.seeds import SeedTask
from t5lite.synthetic_data.self_instruct.settings import SelfInstructConfig

SETTINGS = "settings.json"
ROUNDS = "rounds.jsonl"
INSTRUCTIONS = "instructions.jsonl"
CLASSIFICATION = "classification.jsonl"
INSTANCES = "instances.jsonl"
EXAMPLES = "examples.jsonl"
STATISTICS = "statistics.json"
PAGE = "report.html"
PICTURE = "report.png"

# The fields of each file's lines; those that may be None may also be missing.
_FIELDS: Mapping[str, Mapping[str, Any]] = {
    ROUNDS: {
        "round": Count,
        "requests": Count,
        "not_answered": Count,
        "cut": Count,
        "no_list": Count,
        "candidates": Count,
        "kept": Count,
        "dropped": Mapping[str, Count],
    },
    INSTRUCTIONS: {
        "id": str,
        "instruction": str,
        "round": Count,
        "request": str,
        "input": str | None,
        "output": str | None,
    },
    CLASSIFICATION: {"id": str, "classification": bool | None, "request": str},
    INSTANCES: {
        "id": str,
        "request": str,
        "was_cut": bool,
        "instances": Sequence[Mapping[str, str] | None],
    },
}

# What a later start may change: it only says when a step ends, and what is written at the end.
_MAY_CHANGE = ("num_instructions", "max_rounds", "max_rounds_without_new", "include_seeds")


@dataclasses.dataclass(frozen=True)
class KeptInstruction:
    """An instruction of the teacher's that passed all filters.

    Attributes:
      id: Its name in the folder.
      instruction: What is asked.
      round: In which it was written.
      request: The digest of the request.
      input: Of a whole task; None where instances are asked for later.
      output: Likewise.
    """

    id: str
    instruction: str
    round: int
    request: str
    input: str | None = None
    output: str | None = None


def begin(
    folder: pathlib.Path, config: SelfInstructConfig, seeds: Sequence[SeedTask], *, teacher: str
) -> None:
    """Makes the folder, or compares what it was made with.

    Raises:
      ValueError: It was made with other settings, seeds or by another teacher.
    """
    pool = strict_json.dumps([dataclasses.asdict(seed) for seed in seeds])
    settings = {
        "teacher": teacher,
        "seeds_sha256": hashlib.sha256(pool.encode()).hexdigest(),
        **dataclasses.asdict(config),
    }
    settings = strict_json.read_again(settings)
    path = folder / SETTINGS
    found = read_object(path, missing_ok=True)
    if not found:
        folder.mkdir(parents=True, exist_ok=True)
        write_object(path, settings)
        return
    differences = [
        f"{name} was {_shown(found[name]) if name in found else 'not named'}, and is "
        f"{_shown(value)} now"
        for name, value in settings.items()
        if found.get(name) != value and name not in _MAY_CHANGE
    ]
    if differences:
        raise ValueError(
            f"--output={folder} was begun with other settings: {'; '.join(differences)}. Give "
            "those, or another --output."
        )
    write_object(path, settings)


def _shown(value: Any) -> str:
    text = strict_json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def read(folder: pathlib.Path, name: str) -> list[dict[str, Any]]:
    """The lines of a file.

    Raises:
      ValueError: A line is malformed, or has other fields; names it.
    """
    return checked(read_lines(folder / name, any_text=True), name)


def checked(lines: Iterable[tuple[str, dict[str, Any]]], name: str) -> list[dict[str, Any]]:
    """The lines of a file, which were read as `(where, object)`; raises as `read`."""
    records = []
    for where, record in lines:
        for field, hint in _FIELDS[name].items():
            check_type(record.get(field), hint, name=f"{where}: {field}")
        if unknown := set(record) - set(_FIELDS[name]):
            raise ValueError(f"{where}: unknown fields: {', '.join(sorted(unknown))}")
        records.append(record)
    return records


def read_instructions(folder: pathlib.Path) -> list[KeptInstruction]:
    """The lines of `INSTRUCTIONS`; raises as `read`."""
    return [KeptInstruction(**record) for record in read(folder, INSTRUCTIONS)]
