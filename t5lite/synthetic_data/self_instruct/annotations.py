"""The steps in between: which instructions are classifications, and instances of each.

Instances of a classification are asked for with the output first.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from t5lite.files.appended_lines import AppendedLines
from t5lite.synthetic_data.self_instruct import folder as files
from t5lite.synthetic_data.self_instruct import parsing, prompts
from t5lite.synthetic_data.self_instruct.folder import KeptInstruction
from t5lite.synthetic_data.self_instruct.instructions import Ended
from t5lite.synthetic_data.self_instruct.settings import SelfInstructConfig
from t5lite.synthetic_data.teachers.asking import Asking
from t5lite.synthetic_data.teachers.requests import Choice, Request

# Requests at once: what a killed run reads again from the answers on disk.
_CHUNK = 256


def write_classification(
    asking: Asking,
    instructions: Sequence[KeptInstruction],
    config: SelfInstructConfig,
    *,
    folder: pathlib.Path,
) -> Ended:
    """Asks of each instruction whether it is a classification, unless its line is there.

    An answer that says neither yes nor no leaves an instruction no classification, as the paper's
    code has it; the line has null then.

    Raises:
      ValueError: As `Asking.ask`; or the file is malformed.
    """

    def read(choice: Choice) -> dict[str, Any]:
        said = parsing.read_yes_or_no(choice.text)
        asking.note("answers neither yes nor no", said is None)
        return {"classification": said}

    return _write(
        asking,
        instructions,
        lambda one: prompts.classification_request(one.instruction, config),
        read,
        folder=folder,
        name=files.CLASSIFICATION,
        asked_for="whether they are classifications",
    )


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

    def read(choice: Choice) -> dict[str, Any]:
        asking.note("answers cut short", choice.was_cut)
        found = parsing.read_instances(choice.text)
        instances = [None if one is None else dataclasses.asdict(one) for one in found]
        return {"was_cut": choice.was_cut, "instances": instances}

    return _write(
        asking,
        [one for one in instructions if one.id in classifications],
        lambda one: prompts.instance_request(
            one.instruction, config, is_classification=classifications[one.id]
        ),
        read,
        folder=folder,
        name=files.INSTANCES,
        asked_for="instances",
    )


def _write(
    asking: Asking,
    instructions: Sequence[KeptInstruction],
    request: Callable[[KeptInstruction], Request],
    read: Callable[[Choice], dict[str, Any]],
    *,
    folder: pathlib.Path,
    name: str,
    asked_for: str,
) -> Ended:
    """Asks of each instruction whose line is not there yet, and adds what is read of the answer."""
    with AppendedLines(folder / name, name="--output") as lines:
        known = {record["id"] for record in files.checked(lines.records, name)}
        waiting = [one for one in instructions if one.id not in known]
        num_missing = 0
        for start in range(0, len(waiting), _CHUNK):
            chunk = waiting[start : start + _CHUNK]
            answers = asking.ask([request(one) for one in chunk], desc=asked_for)
            records = [
                {"id": one.id, "request": answer.digest, **read(answer.reply.choices[0])}
                for one, answer in zip(chunk, answers, strict=True)
                if answer.reply is not None
            ]
            lines.append(records)
            num_missing += len(chunk) - len(records)
            if any(answer.budget_spent for answer in answers):
                num_missing += len(waiting) - start - len(chunk)
                why = f"The budget was spent: {num_missing:,} are not asked yet for {asked_for}."
                return Ended(False, why)
    if num_missing:
        return Ended(False, f"{num_missing:,} requests for {asked_for} failed.")
    return Ended(True)
