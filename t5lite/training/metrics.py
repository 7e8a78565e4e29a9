"""Where figures go: `metrics.jsonl`, TensorBoard events and the progress bar.

Figures are fetched one step late: by then the device has them, so nothing waits.
"""

from __future__ import annotations

import math
import pathlib
import time
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
import tqdm

from t5lite.data.pipeline import TrainBatch, TrainData
from t5lite.files import strict_json
from t5lite.files.appended_file import AppendedFile
from t5lite.files.json_files import parse_lines
from t5lite.files.local_paths import storage_path
from t5lite.files.whole_file import write_whole
from t5lite.messages.progress import progress_bar
from t5lite.messages.streams import Unbroken
from t5lite.training.duration import Duration, Progress
from t5lite.training.tensorboard_file import TensorBoardFile

METRICS_FILE = "metrics.jsonl"

# Metrics of every run, for which the progress line has no room; an objective's own are shown.
_NOT_SHOWN = (
    *("loss", "grad_norm", "learning_rate"),
    *("cross_entropy", "z_loss", "accuracy", "target_tokens"),
)


class MetricsWriter:
    """Appends figures to `MODEL_DIR/metrics.jsonl` and to TensorBoard; process 0 only.

    A line is `{"step": int, "kind": "train" | "eval" | "epoch", <name>: float, ...}`. On resume,
    lines beyond the restored step are dropped: a run that was killed leaves the curve of one that
    was not.
    """

    def __init__(self, model_dir: str | pathlib.Path, *, start_step: int, enabled: bool) -> None:
        """Opens the files and drops what lies beyond `start_step` (-1: nothing was restored)."""
        self._enabled = enabled
        if not enabled:
            return
        path = storage_path(model_dir, name="MODEL_DIR") / METRICS_FILE
        kept = [line for line in read_lines(path) if line["step"] <= start_step]
        write_whole(path, "".join(_to_line(line) for line in kept))
        self._file = AppendedFile(path)
        self._tensorboard = TensorBoardFile(path.parent / "tensorboard", first_step=start_step + 1)

    def write(self, step: int, kind: str, values: Mapping[str, float]) -> None:
        """Writes one line and the same figures as TensorBoard scalars.

        Raises:
          OSError: of the file that cannot be written, such as on a full disk.
        """
        if not self._enabled:
            return
        self._file.append(_to_line({"step": step, "kind": kind, **values}).encode())
        self._tensorboard.write(step, {f"{kind}/{name}": v for name, v in values.items()})

    def sync(self) -> None:
        """Writes both to the bucket where they lie in one, as a checkpoint needs that is saved."""
        if self._enabled:
            self._file.sync()
            self._tensorboard.sync()

    def close(self) -> None:
        """Flushes and closes both."""
        if self._enabled:
            self._file.close()
            self._tensorboard.close()


def read_lines(path: str | pathlib.Path) -> list[dict[str, Any]]:
    """Reads a `metrics.jsonl`; a half-written last line (a killed process) is left out.

    Figures that were not finite, which JSON has no word for, are NaN again.

    Raises:
      ValueError: naming a line that is none of its kind.
    """
    path = storage_path(path, name="MODEL_DIR")
    if not path.exists():
        return []
    whole = path.read_bytes().decode("utf-8", "replace").rpartition("\n")[0]
    try:
        lines = list(parse_lines(whole, path=path, any_text=True))
        for where, figures in lines:
            if type(figures.get("step")) is not int:
                raise ValueError(f"{where}: its step is no whole number")
    except ValueError as error:
        raise ValueError(f"{error}. Delete that line; only its own figures are lost.") from None
    return [
        {name: math.nan if value is None else value for name, value in figures.items()}
        for _, figures in lines
    ]


def _to_line(values: Mapping[str, Any]) -> str:
    return strict_json.dumps(values) + "\n"


class ProgressBar:
    """Step, loss, tokens/s and time left on standard error; process 0 only.

    The bar's length is the run's duration in its own unit, so "3 epochs" counts epochs.
    """

    def __init__(self, total: Duration, start: Progress, *, enabled: bool) -> None:
        """Starts the clock at `start`, so a resumed run does not claim the past's speed."""
        self._total = total
        self._clock, self._tokens = time.monotonic(), start.tokens
        self._file = Unbroken()
        self._bar = progress_bar(
            total=total.amount,
            initial=total.of(start),
            unit=f" {total.unit}",
            unit_scale=total.unit in ("tokens", "examples"),
            desc="train",
            disable=not enabled,
            file=self._file,
            dynamic_ncols=True,
            mininterval=0.5,
        )

    def update(self, progress: Progress, *, loss: float, others: Mapping[str, float]) -> float:
        """Moves the bar; returns tokens per second since the last call.

        Args:
          progress: how far the run is.
          loss: of its last step.
          others: further metrics to show.
        """
        now = time.monotonic()
        rate = (progress.tokens - self._tokens) / max(now - self._clock, 1e-9)
        self._clock, self._tokens = now, progress.tokens
        self._bar.n = min(self._total.of(progress), self._total.amount)
        shown = [f"step {progress.steps}", f"loss {loss:.3f}", f"{rate:,.0f} tokens/s"]
        shown += [f"{name} {value:.4g}" for name, value in others.items()]
        self._bar.set_postfix_str(", ".join(shown), refresh=False)
        self._bar.refresh()
        return rate

    def pause(self) -> None:
        """Takes evaluation and checkpointing out of the next tokens-per-second figure."""
        self._clock = time.monotonic()

    def say(self, text: str) -> None:
        """Prints a line above the bar."""
        if not self._bar.disable:
            tqdm.tqdm.write(text, file=self._file)

    def close(self) -> None:
        """Leaves the finished bar on the screen."""
        self._bar.close()


class StepLog:
    """Logs steps and ends of epochs one step late, and stops at a loss that is not finite."""

    def __init__(
        self,
        writer: MetricsWriter,
        bar: ProgressBar,
        *,
        period: int,
        data: TrainData,
        start: Progress,
    ) -> None:
        """Writes every `period`-th step after `start`; `data` names the tasks of a batch."""
        self._writer, self._bar = writer, bar
        self._period, self._data = period, data
        self._num_epochs = int(start.epochs)
        self._pending: tuple[Mapping[str, jax.Array], TrainBatch, Progress, np.ndarray] | None
        self._pending = None

    def push(
        self,
        metrics: Mapping[str, jax.Array],
        *,
        batch: TrainBatch,
        progress: Progress,
        by_task: np.ndarray,
    ) -> None:
        """Takes a step's figures, still being computed, and logs the step before it.

        Args:
          metrics: figures of the step, float32 scalars on the devices.
          batch: what it was trained on.
          progress: how far the run is after it.
          by_task: int64 `[T]`, how many examples of each task were drawn until then.
        """
        self.flush()
        self._pending = (metrics, batch, progress, by_task)

    def flush(self) -> None:
        """Waits for the last step's figures and logs them; call it before saving or evaluating.

        Raises:
          FloatingPointError: the loss or the gradient is not finite. Names the step and the tasks
            of its batch; nothing computed from it has been saved.
        """
        if self._pending is None:
            return
        metrics, batch, progress, by_task = self._pending
        self._pending = None
        values = {name: float(value) for name, value in jax.device_get(dict(metrics)).items()}
        for name in ("loss", "grad_norm"):
            if not math.isfinite(values[name]):
                raise FloatingPointError(self._explain(name, values[name], batch, progress.steps))
        if progress.steps % self._period == 0:
            self._write_step(values, batch, progress)
        if int(progress.epochs) > self._num_epochs:
            self._write_epoch(progress, by_task)

    def _write_step(
        self, values: Mapping[str, float], batch: TrainBatch, progress: Progress
    ) -> None:
        # Where there is a cross entropy, it stands for the loss, as it does in evaluations.
        rate = self._bar.update(
            progress,
            loss=values.get("cross_entropy", values["loss"]),
            others={name: value for name, value in values.items() if name not in _NOT_SHOWN},
        )
        stats = batch.stats
        self._writer.write(
            progress.steps,
            "train",
            {
                **values,
                "examples": progress.examples,
                "tokens": progress.tokens,
                "epochs": progress.epochs,
                "batch_examples": stats.num_examples,
                "tokens_per_second": rate,
            },
        )

    def _write_epoch(self, progress: Progress, by_task: np.ndarray) -> None:
        """Says which pass over the mixture ended, and how many there were over each task."""
        self._num_epochs = int(progress.epochs)
        self._bar.say(
            f"step {progress.steps}  epoch {self._num_epochs} ended, "
            f"{progress.examples:,} examples in all"
        )
        epochs_by_task = by_task / np.maximum(self._data.num_examples, 1)
        self._writer.write(
            progress.steps,
            "epoch",
            {"epoch": self._num_epochs, "examples": progress.examples, "tokens": progress.tokens}
            | {
                f"epochs/{name}": float(epochs)
                for name, epochs in zip(self._data.task_names, epochs_by_task, strict=True)
            },
        )

    def _explain(self, name: str, value: float, batch: TrainBatch, step: int) -> str:
        draws = np.asarray(batch.stats.draws_by_task)
        tasks = ", ".join(
            f"{self._data.task_names[task]} ({draws[task]})"
            for task in np.argsort(-draws)
            if draws[task]
        )
        return (
            f"{name} is {value} at step {step}. Tasks in its batch (examples): {tasks}. Nothing "
            "after the last checkpoint was saved. Resuming repeats this batch: lower the learning "
            "rate, set train.max_grad_norm, or take the task out of the mixture."
        )
