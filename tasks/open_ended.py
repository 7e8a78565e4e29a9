"""Open-ended prompts without a right answer, for people or a model to compare answers to.

`open_ended_190` has the shape of the set of Chung et al. 2022 (arXiv 2210.11416, section 6), whose
prompts were not published; these are this project's own (open_ended.jsonl). 20 prompts each of
creativity, contextual reasoning, complex reasoning, planning and explanation; the last three
again with a chain-of-thought trigger; and 30 few-shot prompts, six of each. A Task is a category
and a setting: `open_ended_planning`, `open_ended_planning_cot`, `open_ended_few_shot`.

`open_ended_self_instruct` are the 252 user-oriented instructions of Self-Instruct (Wang et al.
2022, arXiv 2212.10560), read from `self_instruct/user_oriented_instructions.jsonl` under the data
root (`--data_dir`), which only the reading of them needs. They have references.

All are evaluation sets: their only split is `test`.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from t5lite.data.sources.local_files import read_jsonl, require
from t5lite.data.tasks import environment
from t5lite.data.tasks.data_status import DataStatus
from t5lite.data.tasks.prompt_parts import Exemplar, PromptParts

from .natural_instructions_metrics import rouge_l
from .python_tasks import Example, MetricFn, add_python_task

SPLIT = "test"
MIXTURE = "open_ended_190"
CATEGORIES = (
    "creativity",
    "contextual_reasoning",
    "complex_reasoning",
    "planning",
    "explanation",
)
# Those that are asked with a chain of thought too, and what asks for one.
COT_CATEGORIES = CATEGORIES[-3:]
COT_TRIGGER = "Let's think step by step."

USER_ORIENTED = "self_instruct/user_oriented_instructions.jsonl"

_FILE = pathlib.Path(__file__).with_name("open_ended.jsonl")


@dataclasses.dataclass(frozen=True)
class PromptReader:
    """The prompts of one category in one setting; `add_python_task` reads examples with it.

    Attributes:
      task: the Task's name.
      setting: `zero_shot` or `few_shot`, as open_ended.jsonl has it.
      category: one of `CATEGORIES`; None for all.
      trigger: what stands behind each prompt, after a blank line.
    """

    task: str
    setting: str
    category: str | None = None
    trigger: str = ""

    def __call__(self, split: str) -> list[Example]:
        """All of them; there is one split only."""
        del split
        return [
            self._example(record)
            for _, record in read_jsonl(_FILE)
            if record["setting"] == self.setting and self.category in (None, record["category"])
        ]

    def _example(self, record: Mapping[str, Any]) -> Example:
        parts = PromptParts(
            question=f"{record['question']}\n\n{self.trigger}".rstrip(),
            exemplars=tuple(Exemplar(*exemplar) for exemplar in record.get("exemplars", ())),
            target_delimiter="\n",
        )
        return Example.asked(parts, id=record["id"] + ("_cot" if self.trigger else ""), targets="")

    def data_status(self) -> DataStatus:
        """Always there."""
        return DataStatus(self.task, MIXTURE, "present", str(_FILE))


@dataclasses.dataclass(frozen=True)
class UserOrientedReader:
    """Self-Instruct's user-oriented instructions; `add_python_task` reads examples with it.

    Attributes:
      task: the Task's name.
    """

    task: str

    def __call__(self, split: str) -> list[Example]:
        """All of them."""
        return list(self.examples(split))

    def examples(self, split: str) -> Iterator[Example]:
        """Yields them in their order; a blank line stands between instruction and input.

        Raises:
          ValueError: there is no such file, or a line of it is malformed (file, line and field).
        """
        wanted_by = (
            f"Task {self.task!r}, split {split!r}; `t5lite data fetch self_instruct` gets it"
        )
        path = environment.data_dir() / USER_ORIENTED
        for where, record in read_jsonl(path, wanted_by=wanted_by):
            name = require(record, "id", str, where=where)
            instruction = require(record, "instruction", str, where=where)
            instances = require(record, "instances", list, where=where)
            if len(instances) != 1:
                raise ValueError(
                    f"{where}: field 'instances' holds {len(instances)}; expected one, as in the "
                    "official file"
                )
            given = require(instances[0], "input", str, where=where)
            answer = require(instances[0], "output", str, where=where)
            parts = PromptParts(question=f"{instruction}\n\n{given}".rstrip())
            yield Example.asked(parts, id=name, targets=answer)

    def data_status(self) -> DataStatus:
        """Whether the file is there."""
        collection = "self_instruct"
        try:
            path = environment.data_dir() / USER_ORIENTED
        except ValueError as error:
            return DataStatus(self.task, collection, "missing", USER_ORIENTED, str(error))
        if path.is_file():
            return DataStatus(self.task, collection, "present", str(path))
        return DataStatus(self.task, collection, "missing", str(path), "there is no such file")


def _readers() -> list[PromptReader]:
    """Those of `MIXTURE`, in the order in which the paper lists its settings."""
    plain = [PromptReader(f"open_ended_{name}", "zero_shot", name) for name in CATEGORIES]
    cot = [
        PromptReader(f"open_ended_{name}_cot", "zero_shot", name, COT_TRIGGER)
        for name in COT_CATEGORIES
    ]
    return [*plain, *cot, PromptReader("open_ended_few_shot", "few_shot")]


def register() -> None:
    """Registers the Tasks and the mixture; no file is read."""
    import seqio

    readers = _readers()
    for reader in readers:
        _add_task(reader.task, reader)
    seqio.MixtureRegistry.add(MIXTURE, [(reader.task, 1.0) for reader in readers])
    _add_task("open_ended_self_instruct", _USER_ORIENTED, metrics=(rouge_l,))


def _add_task(
    name: str, read: Callable[[str], Sequence[Example]], metrics: Sequence[MetricFn] = ()
) -> None:
    add_python_task(name, read, splits=(SPLIT,), metrics=metrics)


def data_status(*, verify: bool = False) -> list[DataStatus]:
    """Which prompts are there.

    Args:
      verify: whether to read the file of Self-Instruct, too.
    """
    found = _USER_ORIENTED.data_status()
    if verify and found.state == "present":
        try:
            _USER_ORIENTED(SPLIT)
        except ValueError as error:
            found = dataclasses.replace(found, state="broken", why=str(error))
    return [*(reader.data_status() for reader in _readers()), found]


_USER_ORIENTED = UserOrientedReader("open_ended_self_instruct")

register()
