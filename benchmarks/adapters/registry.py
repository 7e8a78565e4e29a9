"""The study's Task: short instructions of a file in Alpaca's layout, in three parts.

Every eighth record is for the report (`test`), the ones behind them for choosing (`validation`).
"""

from collections.abc import Iterator

from t5lite.data.sources.split_files import SplitFiles
from t5lite.data.tasks import environment
from tasks.natural_instructions_metrics import rouge_l
from tasks.python_tasks import Example, add_python_task

# Characters of a prompt, and of an answer, at most: the model reads pieces of two.
_LONGEST = 160
_PARTS = {"test": (0,), "validation": (1,), "train": (2, 3, 4, 5, 6, 7)}


def _read(split: str) -> list[Example]:
    places = {"all": ("alpaca*.json",)}
    files = SplitFiles("Task 'instructions'", places, None, root=environment.data_dir)
    return list(_examples(files, split))


def _examples(files: SplitFiles, split: str) -> Iterator[Example]:
    index = 0
    for _, record in files.records("all"):
        asked = f"{record['instruction']} {record['input']}".strip()
        answer = record["output"].strip()
        if not answer or max(len(asked), len(answer)) > _LONGEST:
            continue
        if index % 8 in _PARTS[split]:
            yield Example(str(index), f"Question: {asked}\nAnswer: ", answer, (answer,))
        index += 1


add_python_task("instructions", _read, splits=tuple(_PARTS), metrics=[rouge_l])
