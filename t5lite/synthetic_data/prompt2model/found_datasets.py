"""What is searched for data, and what a search finds."""

from __future__ import annotations

import dataclasses
from typing import Any

from t5lite.messages.ranges import NotNegative, NumExamples, Size
from t5lite.messages.value_types import check_numbers
from t5lite.synthetic_data.prompt2model.columns import Column
from t5lite.synthetic_data.prompt2model.descriptions import DatasetDescription


@dataclasses.dataclass(frozen=True, kw_only=True)
class DatasetRetrieval:
    """What is searched for data, how, and what is taken of it.

    Attributes:
      task_modules: Modules whose registered Tasks are searched.
      data_dir: Data root of the modules.
      vocabulary: Vocabulary of the modules.
      dataset_folders: Folders of data sets, as `local_data_sets` finds them.
      dual_encoder: A folder of sentence-transformers, to search with instead of BM25.
      num_shown: How many data sets are shown.
      yes: Takes the first without asking, if its score is high enough.
      min_score: The score that `yes` wants. BM25's is a share of what a description in the
        prompt's own words would have.
      dataset: The one to take, by its name; "none" for none.
      input_columns: Its columns that make the input; those of texts by default.
      output_column: Its column that holds the output.
      max_examples: At most so many are taken, the first ones; the reference implementation takes
        3,000.
    """

    task_modules: tuple[str, ...] = ()
    data_dir: str | None = None
    vocabulary: str | None = None
    dataset_folders: tuple[str, ...] = ()
    dual_encoder: str | None = None
    num_shown: Size = 25
    yes: bool = False
    min_score: NotNegative = 0.45
    dataset: str | None = None
    input_columns: tuple[str, ...] = ()
    output_column: str | None = None
    max_examples: NumExamples | None = 3000

    def __post_init__(self) -> None:
        check_numbers(self, of=DatasetRetrieval)


@dataclasses.dataclass(frozen=True)
class FoundDataset:
    """A data set that a search found.

    Attributes:
      description: The data set.
      score: Its score.
      columns: Of its first records.
      input_columns: Those that would make the input.
      output_column: The one that would be the output; None where no name says it.
      same_as: Others that hold the same data.
    """

    description: DatasetDescription
    score: float
    columns: tuple[Column, ...]
    input_columns: tuple[str, ...]
    output_column: str | None
    same_as: tuple[DatasetDescription, ...] = ()

    def is_called(self, name: str | None) -> bool:
        """Whether this is its name, or that of one with the same data."""
        return any(one.is_called(name) for one in (self.description, *self.same_as))

    def to_json(self) -> dict[str, Any]:
        """Its record in `found_datasets.json`."""
        return {
            "name": self.description.name,
            "kind": self.description.kind,
            "score": round(self.score, 4),
            "split": self.description.split,
            "license": self.description.license or None,
            "columns": [column.name for column in self.columns],
            "input_columns": list(self.input_columns),
            "output_column": self.output_column,
            "same_as": [other.name for other in self.same_as],
            "description": self.description.text,
        }


@dataclasses.dataclass(frozen=True)
class Chosen:
    """A data set that is taken, and its columns."""

    description: DatasetDescription
    input_columns: tuple[str, ...]
    output_column: str

    def to_json(self) -> dict[str, Any]:
        """Its record in `found_datasets.json`."""
        return {
            "name": self.description.name,
            "split": self.description.split,
            "license": self.description.license or None,
            "input_columns": list(self.input_columns),
            "output_column": self.output_column,
        }
