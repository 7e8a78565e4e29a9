"""The third step: instances of each instruction, the output first where it is a classification."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

from t5lite.files.appended_lines import AppendedLines
from t5lite.synthetic_data.self_instruct import folder as files
from t5lite.synthetic_data.self_instruct import parsing, prompts
from t5lite.synthetic_data.self_instruct.classification import CHUNK
from t5lite.synthetic_data.self_instruct.folder import KeptInstruction
from t5lite.synthetic_data.self_instruct.instructions import Ended
from t5lite.synthetic_data.self_instruct.settings import SelfInstructConfig
from t5lite.synthetic_data.teachers.asking import Asking
from t5lite.synthetic_data.teachers.requests import Choice


def write_instances(
    asking: Asking,
    instructions: Sequence[KeptInstruction],
    config: SelfInstructConfig,
    *,
    classifications: Mapping[str, bool],
    folder: pathlib.Path,
) -> Ended:
    """Asks for instances of each instruction, unless its line is there.

    Args:
      asking: The teacher.
      instructions: All that were kept.
      config: How many instances, and how they are asked for.
      classifications: Whether each is one, by its id; those without are left for a later start.
      folder: Where `INSTANCES` is.

    Raises:
      ValueError: As `Asking.ask`; or the file is malformed.
    """
    with AppendedLines(folder / files.INSTANCES, name="--output") as lines:
        known = {record["id"] for record in files.checked(lines.records, files.INSTANCES)}
        waiting = [one for one in instructions if one.id not in known and one.id in classifications]
        num_missing = 0
        for start in range(0, len(waiting), CHUNK):
            chunk = waiting[start : start + CHUNK]
            answers = asking.ask(
                [
                    prompts.instance_request(
                        one.instruction, config, is_classification=classifications[one.id]
                    )
                    for one in chunk
                ],
                desc="instances",
            )
            records = [
                {
                    "id": one.id,
                    "request": answer.digest,
                    "was_cut": answer.reply.choices[0].was_cut,
                    "instances": _read(answer.reply.choices[0]),
                }
                for one, answer in zip(chunk, answers, strict=True)
                if answer.reply is not None
            ]
            asking.note("answers cut short", sum(bool(record["was_cut"]) for record in records))
            lines.append(records)
            num_missing += len(chunk) - len(records)
            if any(answer.budget_spent for answer in answers):
                num_missing += len(waiting) - start - len(chunk)
                return Ended(False, f"The budget was spent: {num_missing:,} have no instances yet.")
        if num_missing:
            return Ended(False, f"{num_missing:,} requests for instances failed.")
        return Ended(True)


def _read(choice: Choice) -> list[dict[str, str] | None]:
    """The instances as they were written; null for one without an output."""
    return [
        None if instance is None else dataclasses.asdict(instance)
        for instance in parsing.read_instances(choice.text)
    ]
