"""The Task `prompt2model`: what `t5lite prompt2model --output=DIR` trains and evaluates on.

The data root (`--data_dir`) is DIR. Its `prompt_spec.json` has the instruction, and
`data/{train,validation,test}.jsonl` an example a line: `input`, `output`, and where they have them
`id` and `dataset`, the number of the data set that it comes from, which the prompt begins with (0
of what was made for the prompt). Both are read when the Task is used.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Any

from t5lite.data.sources.local_files import read_jsonl, require
from t5lite.data.tasks import environment
from t5lite.data.tasks.data_status import DataStatus
from t5lite.data.tasks.instructed import OWN_TASK, instructed_inputs
from t5lite.files.json_files import read_object

from .metrics import chrf_plus_plus, exact_match
from .python_tasks import Example, add_python_task

# Several prompts' folders may be trained on in one process, one after the other.
DATA_DIR_IS_READ_WHEN_USED = True

TASK = "prompt2model"
SPLITS = ("train", "validation", "test")

_WANTED_BY = f"Task {TASK!r}; --data_dir is the --output of `t5lite prompt2model`"


@dataclasses.dataclass(frozen=True)
class ExampleReader:
    """The examples of a folder that `t5lite prompt2model` fills."""

    def __call__(self, split: str) -> list[Example]:
        """All of them."""
        return list(self.examples(split))

    def examples(self, split: str) -> Iterator[Example]:
        """Yields a split's examples in the order of their lines.

        Raises:
          ValueError: A file is missing, or a line of it is malformed (file, line and field).
        """
        instruction = _instruction()
        lines = read_jsonl(_file(split), wanted_by=_WANTED_BY)
        for index, (where, record) in enumerate(lines):
            number = record.get("dataset", OWN_TASK)
            if not isinstance(number, int) or isinstance(number, bool) or number < 0:
                raise ValueError(
                    f"{where}: field 'dataset' is {number!r}; expected the number of a data set"
                )
            output = require(record, "output", str, where=where)
            name = f"{split}_{index:05d}"
            yield Example(
                id=require(record, "id", str, where=where) if "id" in record else name,
                inputs=instructed_inputs(
                    instruction, require(record, "input", str, where=where), task=number
                ),
                targets=output,
                references=(output,),
            )

    def data_status(self) -> DataStatus:
        """Whether the files are there."""
        try:
            missing = [str(_file(split)) for split in SPLITS if not _file(split).is_file()]
        except ValueError as error:
            return DataStatus(TASK, TASK, "missing", "data", str(error))
        if missing:
            return DataStatus(TASK, TASK, "missing", missing[0], "there is no such file")
        return DataStatus(TASK, TASK, "present", str(_file("train")))

    def fingerprint_parts(self) -> list[Any]:
        """The files, and what the prompts begin with."""
        return [environment.data_dir() / _SPEC_FILE, *map(_file, SPLITS)]


_SPEC_FILE = "prompt_spec.json"


def _file(split: str) -> pathlib.Path:
    return environment.data_dir() / "data" / f"{split}.jsonl"


def _instruction() -> str:
    path = environment.data_dir() / _SPEC_FILE
    if not path.is_file():
        raise ValueError(f"there is no {path} ({_WANTED_BY})")
    return require(read_object(path), "instruction", str, where=str(path))


add_python_task(TASK, ExampleReader(), splits=SPLITS, metrics=[exact_match, chrf_plus_plus])
