"""What an evaluation asks, of which examples, and how."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping, Sequence

from t5lite.decoding.config import DecodingConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvalConfig:
    """One evaluation: which examples, and how they are decoded.

    Attributes:
      name: Its metrics are called `<name>/<task>/<metric>`.
      mixture_or_task_name: A registered Task, or a Mixture whose Tasks are evaluated one by one.
      task_feature_lengths: Longest "inputs" and "targets" in tokens; longer ones are cut.
      split: The Tasks' split. A Task without it is left out, with a warning; for "validation" its
        "validate", "dev" and the like are taken.
      batch_size: Examples decoded at once, over all devices.
      max_examples_per_task: The first so many examples of each Task; all when None.
      decoding: How answers are generated; one an example.
      task_modules: Task modules to import first.
      data_dir: Root of the Tasks' files; None leaves `T5LITE_DATA_DIR` as it is.
      vocabulary: The Tasks' vocabulary, as `parse_vocabulary` reads it; None leaves
        `T5LITE_VOCABULARY` as it is in training, and is the model's own in `evaluate`.
    """

    name: str
    mixture_or_task_name: str
    task_feature_lengths: Mapping[str, int]
    split: str = "validation"
    batch_size: int = 32
    max_examples_per_task: int | None = None
    decoding: DecodingConfig = dataclasses.field(default_factory=DecodingConfig)
    task_modules: Sequence[str] = ()
    data_dir: str | None = None
    vocabulary: str | None = None

    def __post_init__(self) -> None:
        if not self.name or "/" in self.name:
            raise ValueError(
                f"EvalConfig.name is {self.name!r}; it starts the names of metrics and names a "
                "folder, so it must not be empty or hold a '/'."
            )
        for field in ("batch_size", "max_examples_per_task"):
            value = getattr(self, field)
            if value is not None and value < 1:
                raise ValueError(f"EvalConfig.{field} is {value}; it must be 1 or more.")
        if self.decoding.num_return_sequences > 1:
            raise ValueError(
                "DecodingConfig.num_return_sequences is "
                f"{self.decoding.num_return_sequences}; an evaluation judges one answer an "
                "example, so it must be 1."
            )


def check_names(evals: Sequence[EvalConfig]) -> None:
    """Raises ValueError where two evaluations have one name, under which both would report."""
    counts = collections.Counter(config.name for config in evals)
    for name, count in counts.items():
        if count > 1:
            raise ValueError(
                f"EVALS holds {count} evaluations called {name!r}; give each another "
                "EvalConfig.name."
            )
