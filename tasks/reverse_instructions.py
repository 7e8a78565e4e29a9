"""The Task `reverse_instructions`: what `t5lite reverse_instructions` writes.

It reads `examples.jsonl` under the data root (`--data_dir`, gin macro `DATA_DIR` or
`T5LITE_DATA_DIR`), the folder that the command was given as --output. The instruction is asked as
it is, and the document is the target.
"""

from __future__ import annotations

from .files import add_file_task
from .natural_instructions_metrics import rouge_l

__all__: list[str] = []

add_file_task(
    "reverse_instructions",
    files={"train": "examples.jsonl"},
    inputs="instruction",
    targets="output",
    metrics=[rouge_l],
)
