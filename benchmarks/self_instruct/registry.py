"""The study's Tasks: what a student learns from, and the instructions it is tested on.

`run.py` writes the files; all are asked in one wording, for the student is small.
"""

from t5lite.data.sources.split_files import Place
from tasks.files import add_file_task
from tasks.natural_instructions_metrics import rouge_l


def _prompt(record) -> str:
    asked = f"{record['instruction']} {record['input']}".strip()
    return f"Question: {asked}\nAnswer: "


_FILES: dict[str, dict[str, Place]] = {
    "generated": {"train": "generated.jsonl"},
    "seeds": {"train": "seeds.jsonl"},
    "both": {"train": ["seeds.jsonl", "generated.jsonl"]},
    "held_out": {"validation": "validation.jsonl", "test": "test.jsonl"},
}
for _name, _files in _FILES.items():
    add_file_task(_name, files=_files, inputs=_prompt, targets="output", metrics=[rouge_l])
