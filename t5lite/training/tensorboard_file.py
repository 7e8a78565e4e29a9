"""Scalars for TensorBoard, written where they come up.

tensorboardX's own writers hand them to a thread, and wait for it for ever where it has died, of a
full disk or of a clock that was set back.
"""

from __future__ import annotations

import contextlib
import pathlib
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from typing import Any

from t5lite.files.buckets import is_in_bucket, upload_folder
from t5lite.files.whole_file import naming_file


class TensorBoardFile:
    """One file of events; each start of a run has its own."""

    def __init__(self, folder: pathlib.Path, *, first_step: int) -> None:
        """Opens it.

        Args:
          folder: of all starts' files, made where it is not there.
          first_step: TensorBoard hides what earlier starts wrote of this step and later ones.

        Raises:
          OSError: the file cannot be written.
        """
        with _without_torch():
            from tensorboardX.event_file_writer import EventsWriter
            from tensorboardX.proto.event_pb2 import Event, SessionLog

        self._folder, self._event = folder, Event
        # TensorBoard's own writers take buckets too, with other credentials than the drivers here.
        self._scratch = tempfile.TemporaryDirectory() if is_in_bucket(folder) else None
        here = folder if self._scratch is None else pathlib.Path(self._scratch.name)
        here.mkdir(parents=True, exist_ok=True)
        with naming_file(folder):
            self._writer = EventsWriter(str(here / "events"))
            start = SessionLog(status=SessionLog.START)
            self._write(Event(step=first_step, session_log=start))

    def write(self, step: int, kind: str, values: Mapping[str, float]) -> None:
        """Writes figures as `<kind>/<name>`.

        Raises:
          OSError: the file cannot be written.
        """
        from tensorboardX.proto.summary_pb2 import Summary

        with naming_file(self._folder):
            for name, value in values.items():
                scalar = Summary.Value(tag=f"{kind}/{name}", simple_value=value)
                self._write(self._event(step=step, summary=Summary(value=[scalar])))
            self._writer.flush()

    def sync(self) -> None:
        """Writes the file to the bucket where it lies in one."""
        if self._scratch is not None:
            upload_folder(pathlib.Path(self._scratch.name), self._folder)

    def close(self) -> None:
        """Closes the file."""
        with naming_file(self._folder):
            self._writer.close()
        self.sync()
        if self._scratch is not None:
            self._scratch.cleanup()

    def _write(self, event: Any) -> None:
        event.wall_time = time.time()
        self._writer.write_event(event)


@contextlib.contextmanager
def _without_torch() -> Iterator[None]:
    """Hides torch from tensorboardX, which takes seconds to import it for what is not used here."""
    modules: dict[str, Any] = sys.modules
    if "torch" in modules:
        yield
        return
    modules["torch"] = None
    try:
        yield
    finally:
        del modules["torch"]
