"""What a run has drawn so far, and what it is expected to draw: for `t5lite tasks audit`.

The counts are global ones, the same on every host. They are saved with each checkpoint, so a run
that resumes from there counts on from there. What is expected lies beside the checkpoints, in
`MODEL_DIR/mixture.json`.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from t5lite.data.pipeline import BatchStats, TrainData
from t5lite.files import strict_json
from t5lite.files.json_files import read_object
from t5lite.files.whole_file import write_whole

MIXTURE_FILE = "mixture.json"


class SampleCounts:
    """Counts examples by task, by label, and by bin of length for each feature."""

    def __init__(self, saved: Mapping[str, Any] | None = None) -> None:
        """Starts at nothing, or at what `state` gave."""
        self._by_task = np.array(saved["by_task"] if saved else 0, np.int64)
        self._by_length = np.array(saved["by_length"] if saved else 0, np.int64)
        by_label = saved.get("by_label", {}) if saved else {}
        self._by_label = {kind: np.array(counts, np.int64) for kind, counts in by_label.items()}

    @property
    def by_task(self) -> np.ndarray:
        """int64 `[T]`, how many examples of each task were drawn."""
        return self._by_task

    def add(self, stats: BatchStats) -> None:
        """Counts a batch that was trained on."""
        self._by_task = self._by_task + stats.draws_by_task
        self._by_length = self._by_length + stats.draws_by_length
        for kind, counts in stats.draws_by_label.items():
            self._by_label[kind] = self._by_label.get(kind, 0) + counts

    def state(self) -> dict[str, Any]:
        """The counts so far, in JSON's types."""
        return {
            "by_task": self._by_task.tolist(),
            "by_length": self._by_length.tolist(),
            "by_label": {kind: counts.tolist() for kind, counts in self._by_label.items()},
        }


def write_expected(model_dir: pathlib.Path, data: TrainData) -> None:
    """Writes what ought to be drawn to `MODEL_DIR/mixture.json`, atomically."""
    write_whole(model_dir / MIXTURE_FILE, strict_json.dumps(data.expected()) + "\n")


def read_expected(model_dir: pathlib.Path) -> dict[str, Any] | None:
    """What the folder's last start was expected to draw; None where it is not recorded."""
    path = model_dir / MIXTURE_FILE
    return read_object(path) if path.exists() else None
