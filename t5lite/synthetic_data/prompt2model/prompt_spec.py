"""A prompt in its parts: the instruction, and examples of what it asks for."""

from __future__ import annotations

import dataclasses
import pathlib

from t5lite.files.json_files import read_object, write_object
from t5lite.messages.value_types import check_fields

SPEC_FILE = "prompt_spec.json"


@dataclasses.dataclass(frozen=True)
class Demonstration:
    """An example of what a prompt asks for.

    Attributes:
      input: What is given; "" where the instruction alone asks.
      output: What is to be answered.
    """

    input: str
    output: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class PromptSpec:
    """A prompt in its parts, as `prompt_spec.json` keeps it.

    Attributes:
      instruction: What is to be done, without the examples.
      demonstrations: The examples that the prompt gives; there may be none.
      language: The language of the prompt as it was written, where it was translated or is known.
      original: The prompt as it was written.
    """

    instruction: str
    demonstrations: tuple[Demonstration, ...] = ()
    language: str | None = None
    original: str = ""

    def __post_init__(self) -> None:
        if not self.instruction.strip():
            raise ValueError(
                "the prompt has no instruction; say in a sentence or more what the model is to do"
            )

    def write(self, file: pathlib.Path) -> None:
        """Writes it as JSON, whole or not at all."""
        write_object(file, dataclasses.asdict(self), ensure_ascii=False)

    @classmethod
    def read(cls, file: pathlib.Path) -> PromptSpec:
        """Reads what `write` wrote, or somebody wrote by hand.

        Raises:
          ValueError: It is not a JSON object of these fields and their types, or the instruction is
            missing or empty; names the file.
          OSError: It cannot be read.
        """
        record = read_object(file)
        if unknown := set(record) - {field.name for field in dataclasses.fields(cls)}:
            raise ValueError(f"{file}: unknown field {min(unknown)!r}; a prompt has {_FIELDS}")
        check_fields(record, _TYPES, name=str(file))
        if not (record.get("instruction") or "").strip():
            raise ValueError(f"{file}: field 'instruction' is missing or empty; write it there")
        demonstrations = tuple(
            _demonstration(item, name=f"{file}: demonstrations[{index}]")
            for index, item in enumerate(record.get("demonstrations") or ())
        )
        return cls(
            instruction=record["instruction"],
            demonstrations=demonstrations,
            language=record.get("language"),
            original=record.get("original") or "",
        )


_TYPES = {"instruction": str, "demonstrations": list[dict], "language": str, "original": str}
_FIELDS = ", ".join(_TYPES)


def _demonstration(record: dict[str, object], *, name: str) -> Demonstration:
    check_fields(record, {"input": str, "output": str}, name=name)
    if not isinstance(record.get("output"), str):
        raise ValueError(f"{name}: field 'output' is missing; say what the answer is to be")
    return Demonstration(str(record.get("input") or ""), str(record["output"]))
