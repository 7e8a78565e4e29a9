"""The Tasks `self_instruct` and `self_instruct_alpaca`: what `t5lite self_instruct` writes.

Both read `examples.jsonl` under the data root (`--data_dir`, gin macro `DATA_DIR` or
`T5LITE_DATA_DIR`), the folder that `t5lite self_instruct --output` was given: an instruction, an
input, which may be empty, and an output. The first asks in one of several wordings, chosen for each
example once and for all, so that a model does not come to depend on one, as Self-Instruct does
(arXiv:2212.10560); the second always with Alpaca's prompt.
"""

from __future__ import annotations

from t5lite.data.sources import local_files

from . import alpaca
from .field_templates import Record, one_text
from .files import add_file_task
from .natural_instructions_metrics import rouge_l

__all__: list[str] = []

_WITH_INPUT = (
    "{instruction}\n\n{input}\n\n",
    "{instruction}\n\n{input}\n\nAnswer:",
    "{instruction}\nInput: {input}\nOutput:",
    "{instruction}\n\nInput:\n{input}\n\nOutput:\n",
    "Task: {instruction}\n\n{input}\n\nOutput: ",
    "Instruction: {instruction}\nInput: {input}\nResponse:",
    "Follow the instruction.\n\nInstruction: {instruction}\n\nText: {input}\n\nResult:",
)
_WITHOUT_INPUT = (
    "{instruction}\n\n",
    "{instruction}\n\nAnswer:",
    "{instruction}\nOutput:",
    "Task: {instruction}\n\nOutput: ",
    "Instruction: {instruction}\nResponse:",
    "Follow the instruction.\n\nInstruction: {instruction}\n\nResult:",
)


def prompt(record: Record) -> str:
    """What is asked for a record, in the wording that its own texts choose."""
    where = "Task 'self_instruct'"
    texts = [one_text(field, record, where=where) for field in ("instruction", "input")]
    wordings = _WITH_INPUT if texts[1] else _WITHOUT_INPUT
    wording = wordings[local_files.keyed_hash("wording", *texts) % len(wordings)]
    return one_text(wording, record, where=where)


for _name, _prompt in (("self_instruct", prompt), ("self_instruct_alpaca", alpaca.prompt)):
    add_file_task(
        _name,
        files={"train": "examples.jsonl"},
        inputs=_prompt,
        targets="output",
        metrics=[rouge_l],
    )
