"""Where figures go: `metrics.jsonl`, TensorBoard, Weights & Biases and the progress bar.

Figures are fetched one step late: by then the device has them, so nothing waits.
"""

from __future__ import annotations

import math
import pathlib
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np
import tqdm

from t5lite import memory
from t5lite.data.batches import TrainBatch
from t5lite.data.pipeline import TrainData
from t5lite.files import strict_json
from t5lite.files.appended_file import AppendedFile
from t5lite.files.json_files import parse_lines
from t5lite.files.local_paths import storage_path
from t5lite.files.whole_file import write_whole
from t5lite.messages.progress import progress_bar
from t5lite.messages.streams import Unbroken
from t5lite.training.duration import Duration, Progress
from t5lite.training.loss_by_task import LossByTask
from t5lite.training.objective import Mean
from t5lite.training.run_position import RunPosition
from t5lite.training.tensorboard_file import TensorBoardFile
from t5lite.training.wandb_run import WandbRun

METRICS_FILE = "metrics.jsonl"

# Metrics of every run, for which the progress line has no room; an objective's own are shown.
_NOT_SHOWN = (
    *("loss", "grad_norm", "param_norm", "update_norm", "learning_rate"),
    *("cross_entropy", "z_loss", "accuracy", "target_tokens"),
)


class Writer(Protocol):
    """A place that figures go to."""

    def write(self, step: int, kind: str, values: Mapping[str, float]) -> None:
        """Writes the figures of a step by name; `kind` is "train", "eval" or "epoch"."""

    def sync(self) -> None:
        """Puts what was written where it outlives this machine, as a checkpoint does."""

    def close(self) -> None:
        """Flushes and closes it."""


class MetricsWriter:
    """Hands figures to all writers of a run; process 0 only.

    These are `MODEL_DIR/metrics.jsonl`, TensorBoard, and Weights & Biases where it is asked for.
    """

    def __init__(
        self,
        model_dir: str | pathlib.Path,
        *,
        start_step: int,
        enabled: bool,
        wandb_project: str | None = None,
        settings: Mapping[str, int | float | str] = MappingProxyType({}),
    ) -> None:
        """Opens them, and drops what lies beyond `start_step` (-1: nothing was restored).

        Args:
          model_dir: the run's folder.
          start_step: of the checkpoint that the run goes on from.
          enabled: whether this process writes.
          wandb_project: where the run is on Weights & Biases; None for not at all.
          settings: of the run, by name, shown there.
        """
        self._writers: list[Writer] = []
        if not enabled:
            return
        folder = storage_path(model_dir, name="MODEL_DIR")
        if wandb_project is not None:
            # First: it may refuse, with nothing written yet.
            self._writers.append(WandbRun(folder, project=wandb_project, settings=settings))
        self._writers += (
            _MetricsFile(folder / METRICS_FILE, start_step=start_step),
            TensorBoardFile(folder / "tensorboard", first_step=start_step + 1),
        )

    def write(self, step: int, kind: str, values: Mapping[str, float]) -> None:
        """Writes the figures of a step everywhere.

        Raises:
          OSError: of the file that cannot be written, such as on a full disk.
        """
        for writer in self._writers:
            writer.write(step, kind, values)

    def sync(self) -> None:
        """Writes all to the bucket where they lie in one, as a checkpoint needs that is saved."""
        for writer in self._writers:
            writer.sync()

    def close(self) -> None:
        """Flushes and closes all."""
        for writer in self._writers:
            writer.close()


class _MetricsFile:
    """Appends to `metrics.jsonl`.

    A line is `{"step": int, "kind": "train" | "eval" | "epoch", <name>: float, ...}`. On resume,
    lines beyond the restored step are dropped: a run that was killed leaves the curve of one that
    was not.
    """

    def __init__(self, path: pathlib.Path, *, start_step: int) -> None:
        kept = [line for line in read_lines(path) if line["step"] <= start_step]
        write_whole(path, "".join(_to_line(line) for line in kept))
        self._file = AppendedFile(path)

    def write(self, step: int, kind: str, values: Mapping[str, float]) -> None:
        self._file.append(_to_line({"step": step, "kind": kind, **values}).encode())

    def sync(self) -> None:
        self._file.sync()

    def close(self) -> None:
        self._file.close()


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
    """Step, loss, tokens/s, utilisation and time left on standard error; process 0 only.

    The bar's length is the run's duration in its own unit, so "3 epochs" counts epochs.
    """

    def __init__(
        self,
        total: Duration,
        start: Progress,
        *,
        enabled: bool,
        least_step_seconds: float | None = None,
    ) -> None:
        """Starts the clock at `start`, so a resumed run does not claim the past's speed.

        Args:
          total: how long the run is.
          start: how far it has come.
          enabled: whether the bar is shown.
          least_step_seconds: how long the model FLOPs of a step take at the devices' peak; None
            where that is not known.
        """
        self._total, self._least_step_seconds = total, least_step_seconds
        self._clock, self._since = time.monotonic(), start
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

    def update(
        self, progress: Progress, *, at: float, loss: float, others: Mapping[str, float]
    ) -> dict[str, float]:
        """Moves the bar.

        Args:
          progress: how far the run is.
          at: when it came so far, by `time.monotonic`.
          loss: of its last step.
          others: further metrics to show.

        Returns:
          The speed since the last call: `tokens_per_second`, of all devices together, and `mfu`,
          the utilisation of their peak by model FLOPs (PaLM, arXiv:2204.02311, appendix B), where
          that is known.
        """
        seconds = max(at - self._clock, 1e-9)
        speed = {"tokens_per_second": (progress.tokens - self._since.tokens) / seconds}
        shown = [f"step {progress.steps}", f"loss {loss:.3f}"]
        shown.append(f"{speed['tokens_per_second']:,.0f} tokens/s")
        if self._least_step_seconds is not None:
            num_steps = progress.steps - self._since.steps
            speed["mfu"] = num_steps * self._least_step_seconds / seconds
            shown.append(f"MFU {speed['mfu']:.1%}")
        shown += [f"{name} {value:.4g}" for name, value in others.items()]
        self._clock, self._since = at, progress
        self._bar.n = min(self._total.of(progress), self._total.amount)
        self._bar.set_postfix_str(", ".join(shown), refresh=False)
        self._bar.refresh()
        return speed

    def start_clock(self, progress: Progress) -> None:
        """Leaves what was before out of the next figures of speed, such as an evaluation."""
        self._clock, self._since = time.monotonic(), progress

    def say(self, text: str) -> None:
        """Prints a line above the bar."""
        if not self._bar.disable:
            tqdm.tqdm.write(text, file=self._file)

    def close(self) -> None:
        """Leaves the finished bar on the screen."""
        self._bar.close()


class _Step(NamedTuple):
    """What a step left to be logged; see `RunLog.push`.

    `done_at` is when it was over, if it was when it was pushed, as a CPU may run it at once, and so
    was the step before: that one would be timed later otherwise, when this one is pushed.
    """

    done_at: float | None
    metrics: Mapping[str, jax.Array]
    task_losses: jax.Array | None
    batch: TrainBatch
    position: RunPosition


class RunLog:
    """All figures of a run: logs steps and ends of epochs one step late, evaluations at once.

    It stops at a loss that is not finite.

    Attributes:
      writer: takes the figures.
      bar: shows them, and lines above it.
      loss_by_task: sums of losses that are not written yet; None where they are not logged.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        data: TrainData,
        *,
        mesh: jax.sharding.Mesh,
        total: Duration,
        position: RunPosition,
        period: int,
        by_task: bool,
        least_step_seconds: float | None,
        wandb_project: str | None,
        settings: Mapping[str, int | float | str],
    ) -> None:
        """Opens everything where a run begins or goes on; process 0 writes.

        Args:
          folder: the run's.
          data: names the tasks of a batch.
          mesh: where losses by task are summed.
          total: how long the run is.
          position: where it stands.
          period: steps between lines of metrics.
          by_task: whether losses are logged by task.
          least_step_seconds: see `ProgressBar`.
          wandb_project: see `MetricsWriter`.
          settings: likewise.
        """
        enabled, start = jax.process_index() == 0, position.progress
        self.writer = MetricsWriter(
            folder,
            start_step=start.steps if position.resumes else -1,
            enabled=enabled,
            wandb_project=wandb_project,
            settings=settings,
        )
        self.bar = ProgressBar(total, start, enabled=enabled, least_step_seconds=least_step_seconds)
        self.loss_by_task = (
            LossByTask(data.task_names, mesh, saved=position.loss_by_task) if by_task else None
        )
        self._period, self._data = period, data
        self._num_epochs = int(start.epochs)
        self._pending: _Step | None = None

    def writes(self, step: int) -> bool:
        """Whether there is a line of metrics of this step."""
        return step % self._period == 0

    def push(
        self,
        metrics: Mapping[str, jax.Array],
        *,
        losses: Mean | None,
        batch: TrainBatch,
        position: RunPosition,
    ) -> None:
        """Takes a step's figures, still being computed, and logs the step before it.

        Args:
          metrics: figures of the step, float32 scalars on the devices.
          losses: those of its positions, where they are logged by task.
          batch: what it was trained on.
          position: where the run is after it.
        """
        arrays: Any = metrics.values()  # `is_ready` is not in JAX's types
        is_behind = self._pending is not None and self._pending.done_at is None
        is_done = not is_behind and all(array.is_ready() for array in arrays)
        done_at = time.monotonic() if is_done else None
        self.flush()
        task_losses: jax.Array | None = None
        if self.loss_by_task is not None and losses is not None:
            self.loss_by_task.add(losses, batch.task_ids)
            if self.writes(position.progress.steps):
                task_losses = self.loss_by_task.take()
        self._pending = _Step(done_at, metrics, task_losses, batch, position)

    def flush(self) -> None:
        """Waits for the last step's figures and logs them; call it before saving or evaluating.

        Raises:
          FloatingPointError: the loss or the gradient is not finite. Names the step and the tasks
            of its batch; nothing computed from it has been saved.
        """
        if self._pending is None:
            return
        step, self._pending = self._pending, None
        progress = step.position.progress
        values = {name: float(value) for name, value in jax.device_get(dict(step.metrics)).items()}
        for name in ("loss", "grad_norm"):
            if not math.isfinite(values[name]):
                raise FloatingPointError(
                    self._explain(name, values[name], step.batch, progress.steps)
                )
        if self.writes(progress.steps):
            self._write_step(values, step, at=step.done_at or time.monotonic())
        if int(progress.epochs) > self._num_epochs:
            self._write_epoch(step.position)

    def close(self) -> None:
        """Flushes and closes all."""
        self.writer.close()
        self.bar.close()

    def _write_step(self, values: Mapping[str, float], step: _Step, *, at: float) -> None:
        progress = step.position.progress
        # Where there is a cross entropy, it stands for the loss, as it does in evaluations.
        speed = self.bar.update(
            progress,
            at=at,
            loss=values.get("cross_entropy", values["loss"]),
            others={
                name: value
                for name, value in values.items()
                if name.partition("/")[0] not in _NOT_SHOWN
            },
        )
        by_task: Mapping[str, float] = {}
        if self.loss_by_task is not None and step.task_losses is not None:
            by_task = self.loss_by_task.values(jax.device_get(step.task_losses))
        self.writer.write(
            progress.steps,
            "train",
            {
                **values,
                **by_task,
                "examples": progress.examples,
                "tokens": progress.tokens,
                "epochs": progress.epochs,
                "batch_examples": step.batch.stats.num_examples,
                **speed,
                **memory.used(),
            },
        )

    def _write_epoch(self, position: RunPosition) -> None:
        """Says which pass over the mixture ended, and how many there were over each task."""
        progress = position.progress
        self._num_epochs = int(progress.epochs)
        self.bar.say(
            f"step {progress.steps}  epoch {self._num_epochs} ended, "
            f"{progress.examples:,} examples in all"
        )
        epochs_by_task = position.draws.by_task / np.maximum(self._data.num_examples, 1)
        self.writer.write(
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
