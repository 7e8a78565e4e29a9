"""The Task `alpaca`: instructions in the layout of Stanford Alpaca's `alpaca_data.json`.

Records have an instruction, an input, which may be empty, and an output. A prompt is Alpaca's,
which LLaMA-Adapter (arXiv:2303.16199) asks with too: one wording with an input, one without. All
files `alpaca*.json` under the data root (`--data_dir`, gin macro `DATA_DIR` or `T5LITE_DATA_DIR`)
are the split train; they are looked for when the Task is used.
"""

from __future__ import annotations

from .field_templates import Record, one_text
from .files import add_file_task
from .natural_instructions_metrics import rouge_l

_TASK = "Below is an instruction that describes a task"
_WANTED = "Write a response that appropriately completes the request.\n\n### Instruction:\n"
_WITHOUT_INPUT = f"{_TASK}. {_WANTED}{{instruction}}\n\n### Response:"
_WITH_INPUT = (
    f"{_TASK}, paired with an input that provides further context. "
    f"{_WANTED}{{instruction}}\n\n### Input:\n{{input}}\n\n### Response:"
)

__all__: list[str] = []


def prompt(record: Record) -> str:
    """What is asked for a record."""
    template = _WITH_INPUT if record.get("input") else _WITHOUT_INPUT
    return one_text(template, record, where="Task 'alpaca'")


add_file_task(
    "alpaca",
    files={"train": "alpaca*.json"},
    inputs=prompt,
    targets="output",
    metrics=[rouge_l],
)
