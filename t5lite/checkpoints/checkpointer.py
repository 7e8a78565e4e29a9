"""Checkpoints: orbax behind one thin face.

One orbax step holds, together and atomically, the train state, the data state and the operative
gin configuration. A step that was not finished (a killed process, a full disk) is never listed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import math
import pathlib
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from etils import epath
from jax.experimental import multihost_utils
from orbax.checkpoint import checkpoint_managers

from t5lite.checkpoints import verification
from t5lite.checkpoints.buckets import teach_orbax_s3
from t5lite.checkpoints.failed_saves import Barrier, cause
from t5lite.checkpoints.name_differences import name_differences
from t5lite.files.buckets import is_in_bucket
from t5lite.files.hashes import FileHashes
from t5lite.files.local_paths import check_storable, storage_path
from t5lite.messages.ranges import Positive, Size
from t5lite.messages.suggest import did_you_mean
from t5lite.messages.value_types import check_numbers

log = logging.getLogger(__name__)

FOLDER = "checkpoints"
_STEPS_BETWEEN_AGREEMENTS = 10
# Until a checkpoint is written whole; orbax's own twenty minutes are short for large ones.
_TIMEOUT_SECONDS = 4 * 60 * 60


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckpointConfig:
    """When to save and what to keep.

    Attributes:
      period: how often to save, a duration ("1000 steps", "1 epochs", ...); the end always saves.
      period_minutes: also save where the last checkpoint is this many minutes old; None: never.
      first_minutes: also save this many minutes after a start, so that an early end costs little;
        None: not before the periods say so.
      keep: how many of the latest checkpoints stay; without one, a stopped run could not resume.
      keep_period: every checkpoint whose step is a multiple of this stays, whatever its age.
      best_metric: an evaluation metric, e.g. "new_instances/mean/accuracy"; the checkpoint where it
        was best stays too.
      best_mode: "max" or "min", what best means for `best_metric`.
      asynchronous: copy the state, and write it in the background while training continues. A save
        that fails there is reported, leaves no checkpoint, and is an error only if it is the last.
    """

    period: int | str = 1000
    period_minutes: Positive | None = 20.0
    first_minutes: Positive | None = 2.0
    keep: Size = 2
    keep_period: Size | None = None
    best_metric: str | None = None
    best_mode: str = "max"
    asynchronous: bool = True

    def check_best_metric(self, metrics: Mapping[str, float]) -> None:
        """Raises ValueError where no evaluation gives `best_metric`.

        Args:
          metrics: what the run's evaluations gave.
        """
        if self.best_metric is not None and self.best_metric not in metrics:
            raise ValueError(
                f"CheckpointConfig.best_metric is {self.best_metric!r}, which no evaluation of the "
                f"run gives.{did_you_mean(self.best_metric, metrics)}"
            )

    def goodness(self, metrics: Mapping[str, float] | None) -> float:
        """How good a checkpoint is by `best_metric`: greater is better, -inf where it has none.

        Args:
          metrics: those that it was saved with.
        """
        value = None if self.best_metric is None else (metrics or {}).get(self.best_metric)
        if value is None or math.isnan(value):
            return -math.inf
        return value if self.best_mode == "max" else -value

    def __post_init__(self) -> None:
        """Raises ValueError for values that cannot mean anything."""
        check_numbers(self, of=CheckpointConfig)
        if self.best_mode not in ("max", "min"):
            raise ValueError(
                f"CheckpointConfig.best_mode={self.best_mode!r} is neither 'max' nor 'min'"
            )


def has_checkpoint(model_dir: str | pathlib.Path) -> bool:
    """Whether a folder holds a finished checkpoint; opens none."""
    folder = storage_path(model_dir, name="MODEL_DIR") / FOLDER
    return any(verification.is_finished(step) for step in folder.glob("*"))


class SaveClock:
    """Says when a checkpoint is due by the clock; all processes say the same.

    Process 0 looks at its clock and sends the answer to the others. As that makes every process
    wait for the device, several ask every `_STEPS_BETWEEN_AGREEMENTS` steps only.
    """

    def __init__(
        self, config: CheckpointConfig, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        """Starts the clock; `now` gives seconds."""
        self._config, self._now = config, now
        self.start()

    def start(self) -> None:
        """Begins the first period."""
        minutes = (self._config.first_minutes, self._config.period_minutes)
        self._set(min((m for m in minutes if m is not None), default=None))

    @jax.transfer_guard("allow")
    def due(self, step: int) -> bool:
        """Whether to save after this step."""
        if self._due_at is None:
            return False
        if jax.process_count() == 1:
            return self._now() >= self._due_at
        if step % _STEPS_BETWEEN_AGREEMENTS:
            return False
        return bool(multihost_utils.broadcast_one_to_all(np.asarray(self._now() >= self._due_at)))

    def saved(self) -> None:
        """Begins the next period."""
        self._set(self._config.period_minutes)

    def _set(self, minutes: float | None) -> None:
        self._due_at = None if minutes is None else self._now() + 60 * minutes


class Checkpointer:
    """Saves to and restores from `MODEL_DIR/checkpoints`."""

    def __init__(
        self,
        model_dir: str | pathlib.Path,
        config: CheckpointConfig | None = None,
        *,
        read_only: bool = False,
    ) -> None:
        """Names the folder, which the first save makes; with `read_only` nothing in it changes."""
        folder = storage_path(model_dir, name="MODEL_DIR")
        check_storable(folder, name="MODEL_DIR")
        self._path = folder.absolute() / FOLDER
        if is_in_bucket(folder):
            teach_orbax_s3()
        self._config = config or CheckpointConfig()
        self._read_only = read_only
        self._verified: set[tuple[int, str]] = set()
        self._barrier = Barrier()
        self._writing: tuple[int, threading.Thread] | None = None
        self._failed: dict[int, Exception] = {}
        self._forgetful = False  # orbax forgets those that a failed save was to replace

    @functools.cached_property
    def _manager(self) -> ocp.CheckpointManager:
        """Orbax's, opened when there is something to read or to write."""
        if self._read_only:
            options = ocp.CheckpointManagerOptions(read_only=True, create=False)
        else:
            options = ocp.CheckpointManagerOptions(
                preservation_policy=_preservation_policy(self._config),
                # Orbax writes metrics only where there is such, and a resumed run asks for them.
                best_fn=self._config.goodness if self._config.best_metric else None,
                enable_async_checkpointing=self._config.asynchronous,
                # Hashing reads all of a checkpoint again, of slow storage too.
                async_options=ocp.AsyncOptions(
                    timeout_secs=_TIMEOUT_SECONDS,
                    barrier_sync_fn=self._barrier,
                    # Where a folder cannot be made, who waits for it does so for five minutes.
                    create_directories_asynchronously=jax.process_count() > 1,
                ),
                temporary_path_class=verification.path_class(self._path),
                # Only who holds the folder's lock writes, so what is unfinished is a killed run's.
                cleanup_tmp_directories=True,
            )
        return ocp.CheckpointManager(
            str(self._path),
            options=options,
            item_handlers={
                "state": ocp.PyTreeCheckpointHandler(),
                "data": ocp.JsonCheckpointHandler(),
                "config": ocp.JsonCheckpointHandler(),
            },
        )

    def latest_step(self) -> int | None:
        """The newest finished checkpoint's step, or None."""
        return self._manager.latest_step() if has_checkpoint(self._path.parent) else None

    def step_or_latest(self, step: int | None) -> int:
        """The step asked for, or the newest when None.

        Raises:
          ValueError: there is no finished checkpoint, or none of this step.
        """
        steps = self.all_steps()
        if not steps:
            raise ValueError(
                f"{self._path.parent} holds no finished checkpoint yet; its run writes the first "
                "after CHECKPOINT_PERIOD steps, or when it is stopped"
            )
        if step is not None and step not in steps:
            raise ValueError(
                f"{self._path.parent} has no checkpoint of step {step}; it has {steps}"
            )
        return steps[-1] if step is None else step

    def all_steps(self) -> list[int]:
        """Steps of all finished checkpoints, ascending."""
        return sorted(self._manager.all_steps())

    def best_step(self) -> int | None:
        """The step of the checkpoint kept where `CheckpointConfig.best_metric` was best.

        Of several as good it is the latest.

        Returns:
          The step; None where no metric is named, or no checkpoint was saved with it.
        """
        if self._config.best_metric is None or not has_checkpoint(self._path.parent):
            return None
        values = {
            step: self._config.goodness(self._manager.metrics(step)) for step in self.all_steps()
        }
        found = [(value, step) for step, value in values.items() if value > -math.inf]
        return max(found)[1] if found else None

    def save(
        self,
        step: int,
        state: Any,
        *,
        data_state: Mapping[str, Any],
        config: str,
        metrics: Mapping[str, float],
    ) -> None:
        """Saves one step, with an asynchronous checkpointer in the background.

        It waits for the save before, and returns when the state is copied: its arrays may be
        donated then. A save that fails in the background is a warning, and an error of `wait` if no
        other follows.

        Args:
          step: the number of updates `state` has seen.
          state: the train state, a pytree of global arrays.
          data_state: JSON-able state of the data *after* the last batch `state` has seen.
          config: the run's operative gin configuration.
          metrics: the latest evaluation metrics, for `best_metric`.

        Raises:
          ValueError: a checkpointer that is not asynchronous could not save.
        """
        self._settle()
        arguments = ocp.args.Composite(
            state=ocp.args.PyTreeSave(state),
            data=ocp.args.JsonSave(dict(data_state)),
            config=ocp.args.JsonSave({"gin": config}),
        )
        self._barrier.begin()
        try:
            if self._forgetful:
                self._manager.reload()
                self._forgetful = False
            self._manager.save(step, args=arguments, metrics=dict(metrics), force=True)
        except Exception as error:
            self._fail(step, error)
        thread = threading.Thread(target=self._watch, args=(step,), name="watch_save", daemon=True)
        self._writing = step, thread
        thread.start()
        if not self._config.asynchronous:
            self.wait()

    def _watch(self, step: int) -> None:
        """Reports a save that fails as soon as it does."""
        try:
            self._manager.wait_until_finished()
        except Exception as error:
            self._fail(step, error)

    def _fail(self, step: int, error: Exception) -> None:
        if step in self._failed:
            return
        if step in verification.steps(self._path):
            log.warning(
                "checkpoint %s is saved, but older ones could not be deleted: %s",
                *(self._path / str(step), cause(error)),
            )
            return
        self._failed[step] = error
        if self._config.asynchronous and jax.process_index() == 0:
            log.warning(
                "%s. Nothing of it is kept; the next is tried when it is due (failed so far: %d).",
                *(self._explain_failure(step), len(self._failed)),
            )

    def _explain_failure(self, step: int) -> str:
        return f"checkpoint {step} could not be saved in {self._path}: {cause(self._failed[step])}"

    def _settle(self) -> None:
        """Waits for the save in flight, and clears away what one that failed has left."""
        if self._writing is None:
            return
        step, thread = self._writing
        thread.join()
        self._writing = None
        if step not in self._failed:
            return
        with contextlib.suppress(Exception):  # orbax tells each thread once
            self._manager.wait_until_finished()
        if jax.process_index() == 0:
            # A bucket's folder has the name of a finished checkpoint from the beginning.
            is_named = is_in_bucket(self._path)
            for folder in [self._path / str(step)] if is_named else self._path.glob(f"{step}.*"):
                with contextlib.suppress(Exception):  # The next start of the run tries again.
                    epath.Path(str(folder)).rmtree(missing_ok=True)
        self._forgetful = True

    def restore_state(self, step: int, abstract_state: Any) -> Any:
        """Restores the train state of `step`.

        Args:
          step: a step of `all_steps()`.
          abstract_state: the state's tree of `jax.ShapeDtypeStruct` with shardings.

        Raises:
          ValueError: the checkpoint is damaged, or is of another model or optimizer; lists what is
            missing in it, what it has too much, and what differs in shape.
        """
        self._verify(step, "state/", all_processes=True)
        self._check_names(step, abstract_state)
        arguments = ocp.args.Composite(state=_restore_arguments(abstract_state))
        return self._restore(step, arguments).state

    def restore_data(self, step: int) -> dict[str, Any]:
        """The JSON data state of `step`, without its arrays.

        Raises:
          ValueError: as `restore_state`, or the folder is not one of a run.
        """
        self._verify(step, "data/")
        if not (self._path / str(step) / "data").exists():
            raise ValueError(
                f"{self._path.parent} holds a model that was converted, not a run that could go "
                f"on. Start one from it: --initial_checkpoint_path={self._path.parent} and another "
                "--model_dir."
            )
        arguments = ocp.args.Composite(data=ocp.args.JsonRestore())
        restored: dict[str, Any] = self._restore(step, arguments).data
        return restored

    def restore_params(self, step: int, abstract_params: Any) -> Any:
        """Restores all parameters and nothing else; `abstract_params` as in `restore_state`."""
        self._verify(step, "state/", all_processes=True)
        self._check_names(step, {"params": abstract_params}, only="params")
        return self.restore_part(step, abstract_params)

    def state_hash(self, step: int) -> str:
        """What tells a checkpoint from another of its step, such as one trained anew.

        It is made of the hashes that were written with the checkpoint; of one that has none all of
        its files are read.
        """
        folder = self._path / str(step)
        return (FileHashes.read(folder) or FileHashes.of(folder)).combined("state/")

    def restore_part(self, step: int, abstract_params: Any) -> Any:
        """Restores the parameters named in `abstract_params`, whatever else is saved.

        Raises:
          ValueError: the checkpoint is damaged.
        """
        self._verify(step, "state/", all_processes=True)
        arguments = ocp.args.Composite(
            state=_restore_arguments({"params": abstract_params}, partial=True)
        )
        return self._restore(step, arguments).state["params"]

    def saved_shapes(self, step: int) -> dict[str, tuple[int, ...]]:
        """Shape of every array in a checkpoint's state by its '/'-name.

        Raises:
          ValueError: the checkpoint is damaged.
        """
        self._verify(step, "state/_")
        try:
            metadata = self._manager.item_metadata(step)
            tree = metadata["state"].tree
        except Exception as error:
            raise ValueError(self._unreadable(step, error)) from error
        if tree is None:
            raise ValueError(self._unreadable(step, "no array metadata"))
        return {name: tuple(leaf.shape) for name, leaf in _named_leaves(tree).items()}

    def wait(self) -> None:
        """Blocks until everything saved lies on disk.

        Raises:
          ValueError: the last save failed; earlier checkpoints are whole.
        """
        step = self._writing[0] if self._writing else None
        self._settle()
        if step is not None and step in self._failed:
            raise ValueError(
                f"{self._explain_failure(step)}. The checkpoints listed there are whole; start the "
                "same command again, when that is mended, to go on from the latest."
            ) from self._failed[step]

    def __enter__(self) -> Checkpointer:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """As `wait`, but that a save that failed does not take the place of another error.

        An interpreter that ends lets nothing more be written in the background.
        """
        with contextlib.nullcontext() if kind is None else contextlib.suppress(ValueError):
            self.wait()

    def close(self) -> None:
        """Waits and releases orbax's threads.

        Raises:
          ValueError: the last save failed.
        """
        try:
            self.wait()
        finally:
            if "_manager" in vars(self):
                self._manager.close()

    def _restore(self, step: int, arguments: Any) -> Any:
        try:
            return self._manager.restore(step, args=arguments)
        except Exception as error:
            raise ValueError(self._unreadable(step, error)) from error

    def _verify(self, step: int, files: str, *, all_processes: bool = False) -> None:
        """Compares files with their hashes, once."""
        if not any(of == step and files.startswith(done) for of, done in self._verified):
            verification.check_step(self._path, step, files=files, all_processes=all_processes)
            self._verified.add((step, files))

    def _unreadable(self, step: int, error: Any) -> str:
        reason = str(error).strip().splitlines()[0][:300]
        return (
            f"checkpoint {self._path / str(step)} cannot be read ({reason}). It is truncated or "
            f"damaged. {verification.remedy(self._path, step)}"
        )

    def _check_names(self, step: int, abstract: Any, *, only: str = "") -> None:
        """Compares names and shapes before anything is read."""
        saved = self.saved_shapes(step)
        if only:
            saved = {name: s for name, s in saved.items() if name.startswith(only + "/")}
        wanted = {name: tuple(leaf.shape) for name, leaf in _named_leaves(abstract).items()}
        problems = name_differences(saved, wanted)
        if problems:
            raise ValueError(
                f"checkpoint {self._path / str(step)} does not fit this run's model and optimizer:"
                f"\n{problems}\nUse the config it was trained with, or a new MODEL_DIR with "
                "INITIAL_CHECKPOINT_PATH and initial_checkpoint.remap."
            )


def _restore_arguments(abstract: Any, *, partial: bool = False) -> ocp.args.PyTreeRestore:
    return ocp.args.PyTreeRestore(
        item=abstract,
        restore_args=ocp.checkpoint_utils.construct_restore_args(abstract),
        partial_restore=partial,
    )


def _preservation_policy(config: CheckpointConfig) -> Any:
    policies: list[Any] = [checkpoint_managers.LatestN(config.keep)]
    if config.keep_period:
        policies.append(checkpoint_managers.EveryNSteps(config.keep_period))
    if config.best_metric:
        policies.append(
            checkpoint_managers.BestN(
                get_metric_fn=config.goodness, n=1, keep_checkpoints_without_metrics=False
            )
        )
    return checkpoint_managers.AnyPreservationPolicy(policies)


def _named_leaves(tree: Any) -> dict[str, Any]:
    """Leaves by '/'-name; tuples, named tuples and lists count as in orbax's own metadata."""
    named = {}
    is_leaf = lambda node: hasattr(node, "shape")  # noqa: E731
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree, is_leaf=is_leaf)[0]:
        if hasattr(leaf, "shape"):
            named["/".join(_key_name(key) for key in path)] = leaf
    return named


def _key_name(key: Any) -> str:
    for attribute in ("key", "name", "idx"):
        if hasattr(key, attribute):
            return str(getattr(key, attribute))
    raise AssertionError(f"unknown tree key {key!r}")
