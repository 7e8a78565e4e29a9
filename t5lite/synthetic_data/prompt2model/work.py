"""What the steps of `t5lite prompt2model` are called with: folder, settings and teacher."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

from t5lite.files.json_files import read_lines
from t5lite.messages.ranges import Port
from t5lite.messages.streams import say
from t5lite.messages.value_types import check_fields
from t5lite.synthetic_data.prompt2model.found_datasets import DatasetRetrieval
from t5lite.synthetic_data.prompt2model.generated_dataset import GenerationConfig
from t5lite.synthetic_data.prompt2model.model_retriever import ModelRetrieval
from t5lite.synthetic_data.prompt2model.prompt_spec import SPEC_FILE, PromptSpec
from t5lite.synthetic_data.prompt2model.splits import SplitConfig
from t5lite.synthetic_data.prompt2model.student_evaluation import StudentEvaluation
from t5lite.synthetic_data.prompt2model.trainer import StudentTraining
from t5lite.synthetic_data.teachers.answers import ANSWERS_FOLDER
from t5lite.synthetic_data.teachers.asking import Asking
from t5lite.synthetic_data.teachers.config import TeacherConfig

PROMPT_FILES = ("prompt.txt", "prompt.json", "prompt.jsonl")
GIVEN_TEST_FILE = "given_test.jsonl"
SPLIT_FILES = ("data/train.jsonl", "data/validation.jsonl", "data/test.jsonl")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """What all steps are configured with.

    Attributes:
      teacher: Who is asked.
      parse_with_teacher: Whether the teacher takes a prompt of plain text apart; else it holds
        lines that begin with "Input:" and "Output:".
      translate: Whether the teacher translates the instruction into English, to search with.
      dataset_retrieval: Where data sets are looked for.
      generation: How examples are asked for.
      splits: How examples are split.
      model_retrieval: Where a model to start from is looked for.
      training: How the student is trained.
      evaluation: What it is compared with, and by which scores.
      port: Of the page; 0 takes a free one.
      cache_dir: Where token stores and conversions are kept; None for the default.
    """

    teacher: TeacherConfig
    parse_with_teacher: bool = True
    translate: bool = False
    dataset_retrieval: DatasetRetrieval
    generation: GenerationConfig
    splits: SplitConfig
    model_retrieval: ModelRetrieval
    training: StudentTraining
    evaluation: StudentEvaluation
    port: Port = 7860
    cache_dir: str | None = None


@dataclasses.dataclass
class Work:
    """What steps are called with.

    Attributes:
      path: The pipeline's folder.
      settings: Of all steps.
      dry_run: Whether the teacher is counted with, and not asked.
      unread: Files of steps that are switched off.
    """

    path: pathlib.Path
    settings: Settings
    dry_run: bool = False
    unread: frozenset[str] = frozenset()
    _asking: Asking | None = None

    @property
    def asking(self) -> Asking:
        """The teacher, opened when it is wanted; its budget counts what lies on disk."""
        if self._asking is None:
            answers, teacher = self.path / ANSWERS_FOLDER, self.settings.teacher
            self._asking = teacher.open(answers, dry_run=self.dry_run).__enter__()
        return self._asking

    def close(self) -> None:
        """Says what the teacher was asked, and lets it go, and the memory of a model with it."""
        asking, self._asking = self._asking, None
        if asking is not None:
            if asking.counts:
                say(asking.summary())
            asking.__exit__()

    @property
    def teacher(self) -> str | None:
        """The teacher's name, as its answers have it; None where nobody is named."""
        return None if self.settings.teacher.teacher is None else self.asking.teacher_name

    @property
    def spec(self) -> PromptSpec:
        """The prompt in its parts."""
        return PromptSpec.read(self.path / SPEC_FILE)

    def has(self, name: str) -> bool:
        """Whether a file is there, and was not written by a step that is switched off."""
        return name not in self.unread and (self.path / name).is_file()

    def held_out(self) -> dict[str, Sequence[str]]:
        """Inputs of the test set that was given, if one was."""
        if not self.has(GIVEN_TEST_FILE):
            return {}
        found = read_examples(self.path / GIVEN_TEST_FILE)
        return {"the given test set": [row["input"] for row in found]}


def read_examples(path: pathlib.Path) -> list[dict[str, Any]]:
    """The examples of a file, which may have been put there by hand.

    Raises:
      ValueError: A line lacks its input or output.
    """
    found = []
    for number, (where, record) in enumerate(read_lines(path)):
        types = {"input": str, "output": str, "id": str, "references": list[str]}
        check_fields(record, types, name=where)
        for field in ("input", "output"):
            if record.get(field) is None:
                raise ValueError(f"{where}: field {field!r} is missing")
        name = record.get("id") or f"{path.stem}_{number:05d}"
        one = {"id": name, "input": record["input"], "output": record["output"]}
        more = record.get("references")
        found.append(one | ({"references": more} if more else {}))
    return found
