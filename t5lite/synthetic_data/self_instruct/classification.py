"""The second step: which instructions are classifications, asked of the teacher by example."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from t5lite.files.appended_lines import AppendedLines
from t5lite.synthetic_data.self_instruct import folder as files
from t5lite.synthetic_data.self_instruct import parsing, prompts
from t5lite.synthetic_data.self_instruct.folder import KeptInstruction
from t5lite.synthetic_data.self_instruct.instructions import Ended
from t5lite.synthetic_data.self_instruct.settings import SelfInstructConfig
from t5lite.synthetic_data.teachers.asking import Asking

# Requests at once: what a killed run reads again from the answers on disk.
CHUNK = 256


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
    with AppendedLines(folder / files.CLASSIFICATION, name="--output") as lines:
        known = {record["id"] for record in files.checked(lines.records, files.CLASSIFICATION)}
        waiting = [one for one in instructions if one.id not in known]
        num_missing = 0
        for start in range(0, len(waiting), CHUNK):
            chunk = waiting[start : start + CHUNK]
            answers = asking.ask(
                [prompts.classification_request(one.instruction, config) for one in chunk],
                desc="classifications or not",
            )
            records = []
            for one, answer in zip(chunk, answers, strict=True):
                if answer.reply is None:
                    continue
                said = parsing.read_yes_or_no(answer.reply.choices[0].text)
                asking.note("answers neither yes nor no", said is None)
                records.append({"id": one.id, "classification": said, "request": answer.digest})
            lines.append(records)
            num_missing += len(chunk) - len(records)
            if any(answer.budget_spent for answer in answers):
                num_missing += len(waiting) - start - len(chunk)
                return Ended(
                    False, f"The budget was spent: {num_missing:,} are not classified yet."
                )
        if num_missing:
            return Ended(False, f"{num_missing:,} requests failed whether one is a classification.")
        return Ended(True)
