"""What a run has drawn so far, and what it is expected to draw: for `t5lite tasks audit`.

The counts are global ones, the same on every host. They are saved with each checkpoint, so a run
that resumes from there counts on from there. What is expected lies beside the checkpoints, in
`MODEL_DIR/mixture.json`.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from t5lite.data.batches import BatchStats
from t5lite.data.pipeline import TrainData
from t5lite.files import strict_json
from t5lite.files.json_files import read_object
from t5lite.files.whole_file import write_whole

MIXTURE_FILE = "mixture.json"


@dataclasses.dataclass(frozen=True)
class SampleCounts:
    """Counts of examples.

    Attributes:
      by_task: int64 `[T]`.
      by_length: int64 `[F, H]`, by bin of length for each feature.
      by_label: int64 `[C]` each; see `BatchStats.draws_by_label`.
    """

    by_task: npt.NDArray[np.int64] | int = 0
    by_length: npt.NDArray[np.int64] | int = 0
    by_label: Mapping[str, npt.NDArray[np.int64]] = dataclasses.field(default_factory=dict)

    @classmethod
    def from_json(cls, saved: Mapping[str, Any] | None) -> SampleCounts:
        """Reads what `to_json` gave; None is nothing."""
        if saved is None:
            return cls()
        by_label = saved.get("by_label", {})
        return cls(
            np.array(saved["by_task"], np.int64),
            np.array(saved["by_length"], np.int64),
            {kind: np.array(counts, np.int64) for kind, counts in by_label.items()},
        )

    def to_json(self) -> dict[str, Any]:
        """The counts in JSON's types."""
        return {
            "by_task": np.asarray(self.by_task).tolist(),
            "by_length": np.asarray(self.by_length).tolist(),
            "by_label": {kind: counts.tolist() for kind, counts in self.by_label.items()},
        }

    def plus(self, stats: BatchStats) -> SampleCounts:
        """These counts and those of a batch."""
        by_label = {
            kind: self.by_label.get(kind, 0) + counts
            for kind, counts in stats.draws_by_label.items()
        }
        return SampleCounts(
            self.by_task + stats.draws_by_task,
            self.by_length + stats.draws_by_length,
            {**self.by_label, **by_label},
        )


def write_expected(model_dir: pathlib.Path, data: TrainData) -> None:
    """Writes what ought to be drawn to `MODEL_DIR/mixture.json`, atomically."""
    write_whole(model_dir / MIXTURE_FILE, strict_json.dumps(data.expected()) + "\n")


def read_expected(model_dir: pathlib.Path) -> dict[str, Any] | None:
    """What the folder's last start was expected to draw; None where it is not recorded."""
    path = model_dir / MIXTURE_FILE
    return read_object(path) if path.exists() else None
