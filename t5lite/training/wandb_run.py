"""Figures for Weights & Biases (the package `wandb`), online or recorded for later."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping

from t5lite.files.buckets import is_in_bucket
from t5lite.files.json_files import read_object, write_object

RUN_FILE = "wandb.json"


class WandbRun:
    """A run of Weights & Biases, the same one each time that a folder's training starts again.

    wandb's own environment variables say the rest: WANDB_MODE=offline, WANDB_ENTITY, WANDB_NAME,
    WANDB_DIR and others.
    """

    def __init__(
        self, model_dir: pathlib.Path, *, project: str, settings: Mapping[str, int | float | str]
    ) -> None:
        """Opens it.

        Args:
          model_dir: holds the run's id, and what wandb records unless it lies in a bucket.
          project: its project.
          settings: of the run, by name.

        Raises:
          ValueError: wandb is not installed, or refuses, for want of a login perhaps.
        """
        name = f"WANDB_PROJECT={project}"
        try:
            import wandb
        except ImportError as error:
            raise ValueError(
                f'{name}: the package wandb is not installed ({error}): pip install "t5lite[wandb]"'
            ) from error
        path = model_dir / RUN_FILE
        record = read_object(path, missing_ok=True)
        # None where this is the first start: wandb makes one.
        run_id = record.get("id") if record.get("project") == project else None
        folder = None if is_in_bucket(model_dir) else str(model_dir)
        try:
            self._run = wandb.init(
                project=project,
                id=run_id,
                resume="allow",
                name=os.environ.get("WANDB_NAME", model_dir.name),
                dir=os.environ.get("WANDB_DIR", folder),
                config=dict(settings),
                allow_val_change=True,
                # The progress bar stays on the terminal.
                settings=wandb.Settings(console="off"),
            )
        except wandb.errors.Error as error:
            raise ValueError(
                f"{name}: Weights & Biases refuses: {error}. Log in by `wandb login`, or set "
                "WANDB_MODE=offline, which records the run for `wandb sync`."
            ) from error
        write_object(path, {"project": project, "id": self._run.id})
        # Not wandb's own steps, which cannot go back to those behind the last checkpoint.
        self._run.define_metric("step", hidden=True)
        self._run.define_metric("*", step_metric="step")

    def write(self, step: int, kind: str, values: Mapping[str, float]) -> None:
        """Writes figures as `<kind>/<name>`, over `step`."""
        self._run.log({"step": step, **{f"{kind}/{n}": value for n, value in values.items()}})

    def sync(self) -> None:
        """Nothing: wandb sends by itself."""

    def close(self) -> None:
        """Sends the rest."""
        self._run.finish()
