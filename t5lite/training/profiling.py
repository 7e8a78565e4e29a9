"""A trace of some steps by JAX's profiler, for the profile page of TensorBoard."""

from __future__ import annotations

import contextlib
import logging
import pathlib
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

import jax

from t5lite.files.buckets import is_in_bucket, upload_folder
from t5lite.training.duration import Duration

log = logging.getLogger(__name__)


def check_window(window: tuple[int, int] | None, *, total: Duration) -> None:
    """Refuses a window that holds no step, or none of the run's.

    Raises:
      ValueError: names the flag.
    """
    if window is None:
        return
    start, stop = window
    written = f"PROFILE_STEPS={start}:{stop}"
    if start >= stop:
        raise ValueError(
            f"{written} holds no step: it begins with the first and ends before the second. "
            f"{start}:{start + 5} traces five."
        )
    if total.unit == "steps" and stop - 1 > total.amount:
        raise ValueError(
            f"{written} goes on until step {stop - 1}, and TRAIN_STEPS is {total}. Give a window "
            "within them."
        )


class Profiler:
    """Traces the steps of a window, on every process; entered around the training loop.

    Leaving it ends the window, however the loop ended. The traces of all processes lie together in
    one folder, whose name says the steps, at `<folder>/plugins/profile/`.
    """

    def __init__(self, folder: pathlib.Path, window: tuple[int, int] | None) -> None:
        """Takes TensorBoard's folder, and the first step and the one behind the last."""
        self._folder = folder
        self._window = range(*window) if window else range(0)
        self._traced: list[int] = []
        self._scratch: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Profiler:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        if self._window and not self._traced:
            log.warning(
                "PROFILE_STEPS=%d:%d: none of these steps was trained in this start, so there is "
                "no trace",
                *(self._window.start, self._window.stop),
            )

    @contextlib.contextmanager
    def step(self, number: int, *, after: Any) -> Iterator[None]:
        """Context in which a step is started.

        Args:
          number: the step's, from 1.
          after: arrays that the step before it makes; the window begins and ends with them there.
        """
        if number not in self._window:
            if self._scratch is not None:
                jax.block_until_ready(after)
                self._stop()
            yield
            return
        if self._scratch is None:
            jax.block_until_ready(after)
            self._scratch = tempfile.TemporaryDirectory()
            jax.profiler.start_trace(self._scratch.name)
        self._traced.append(number)
        with jax.profiler.StepTraceAnnotation("train", step_num=number):
            yield

    def _stop(self) -> None:
        if self._scratch is None:
            return
        jax.profiler.stop_trace()
        name = f"steps_{self._traced[0]}_to_{self._traced[-1]}"
        process = f"process_{jax.process_index()}"
        with self._scratch as scratch, tempfile.TemporaryDirectory() as named:
            # JAX calls them by host, which several processes may share.
            for path in pathlib.Path(scratch).rglob("*.*"):
                if path.is_file():
                    shutil.move(path, pathlib.Path(named, process + _ending(path.name)))
            target = self._folder / "plugins" / "profile" / name
            if is_in_bucket(target):
                upload_folder(pathlib.Path(named), target)
            else:
                shutil.copytree(named, target, dirs_exist_ok=True)
        self._scratch = None
        log.info("traced steps %d to %d in %s", self._traced[0], self._traced[-1], target)


def _ending(name: str) -> str:
    """`.xplane.pb` or `.trace.json.gz`, whatever dots a host's name has."""
    return next((end for end in (".xplane.pb", ".trace.json.gz") if name.endswith(end)), f".{name}")
