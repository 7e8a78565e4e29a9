"""The folder of a pipeline: which steps are done, and what each was made of.

`status.json` says of each step what it read and wrote, by hash, with which settings, when, and what
it counted. It is written before and after each step, so that a killed run is seen to be one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import pathlib
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Literal

from t5lite.files import strict_json
from t5lite.files.json_files import read_object, write_object
from t5lite.files.local_paths import local_path, writable_folder
from t5lite.files.locks import delete_lock, take_lock
from t5lite.messages.value_types import check_fields, dataclass_of

STATUS_FILE = "status.json"
_LOCK_FILE = ".lock"
_FORMAT = 1

Kind = Literal["to do", "begun", "done", "put there by hand", "out of date"]


@dataclasses.dataclass(frozen=True)
class StepState:
    """Whether a step is done.

    Attributes:
      kind: In a word or two.
      why: What has changed, of one that is out of date.
    """

    kind: Kind
    why: str = ""

    @property
    def is_done(self) -> bool:
        """Whether its outputs can be read."""
        return self.kind in ("done", "put there by hand")

    @property
    def goes_on(self) -> bool:
        """Whether what it had written when it was stopped is still of use."""
        return self.kind == "begun"

    def __str__(self) -> str:
        if self.kind == "begun":
            return "begun, and stopped before its end; it goes on"
        return f"{self.kind}: {self.why}" if self.why else self.kind


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepRecord:
    """What is kept of a step.

    Attributes:
      inputs: Hash of each file that it read.
      outputs: Hash of each file that it wrote; none where it was not finished.
      settings: What else decided them.
      counts: What it counted.
      begun: When it was first begun, in UTC; "" where it never was.
      finished: When it ended; "" where it did not.
      starts: How often it was started, until it ended.
    """

    inputs: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    outputs: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    counts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    begun: str = ""
    finished: str = ""
    starts: int = 0


class StepFolder:
    """The folder of a pipeline, and its `status.json`.

    Attributes:
      path: The folder.
    """

    def __init__(self, path: str | pathlib.Path) -> None:
        """Reads what the folder says; it need not be there.

        Args:
          path: The folder; `--output` on the command line.

        Raises:
          ValueError: It cannot be made, or its `status.json` is malformed.
        """
        self.path = writable_folder(local_path(path, name="--output"), name="--output")
        self._skipped, self._records = self._read()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Makes the folder, and keeps other processes from running steps in it meanwhile.

        Raises:
          ValueError: Another process does.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        lock = take_lock(
            self.path / _LOCK_FILE,
            held=f"another process runs steps in {self.path}",
            remedy="wait for it, stop it, or give another --output.",
        )
        try:
            self._skipped, self._records = self._read()
            yield
        finally:
            delete_lock(lock)

    def has(self, name: str) -> bool:
        """Whether a file is there."""
        return (self.path / name).is_file()

    def hash(self, name: str) -> str | None:
        """SHA-256 of a file, in hexadecimal; None where it is not there."""
        if not self.has(name):
            return None
        with (self.path / name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def record(self, step: str) -> StepRecord:
        """What is kept of a step."""
        return self._records.get(step, StepRecord())

    def is_switched_off(self, step: str) -> bool:
        """Whether the last run of the pipeline was to do without a step."""
        return step in self._skipped

    def switch_off(self, steps: Collection[str]) -> None:
        """Keeps which steps this run does without."""
        self._skipped = tuple(steps)
        self._write()

    def state(
        self,
        step: str,
        *,
        inputs: Mapping[str, str | None],
        outputs: Sequence[str],
        settings: Mapping[str, Any] | None = None,
    ) -> StepState:
        """Whether a step is done.

        Args:
          step: Its name.
          inputs: The hashes of what it would read now.
          outputs: What it writes.
          settings: What it would be run with now; None not to ask.

        Raises:
          ValueError: Some outputs are there, and others are not, though it was never begun.
        """
        record = self.record(step)
        hashes = {name: self.hash(name) for name in outputs}
        missing = [name for name, found in hashes.items() if found is None]
        changed = _changes(record, inputs=inputs, settings=settings)
        if record.begun and not record.finished:
            return StepState("out of date", changed) if changed else StepState("begun")
        if outputs and not missing and hashes != dict(record.outputs):
            return StepState("put there by hand")
        if not record.begun and outputs and 0 < len(missing) < len(outputs):
            raise ValueError(
                f"{self.path} holds {', '.join(sorted(set(outputs) - set(missing)))}, and not "
                f"{', '.join(missing)}, which the step {step} writes too. To take the place of a "
                "step, put all of its files there; or remove those."
            )
        if missing or not outputs or not record.begun:
            return StepState("to do")
        return StepState("out of date", changed) if changed else StepState("done")

    def clear(self, names: Sequence[str]) -> None:
        """Deletes files and folders of a step that is done anew."""
        for name in names:
            path = self.path / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def begin(
        self,
        step: str,
        *,
        inputs: Mapping[str, str | None],
        settings: Mapping[str, Any],
        goes_on: bool,
    ) -> None:
        """Keeps that a step is begun, or goes on."""
        before = self.record(step)
        self._records[step] = StepRecord(
            inputs=dict(inputs),
            settings=strict_json.read_again(settings),
            begun=before.begun if goes_on else _now(),
            starts=before.starts + 1 if goes_on else 1,
        )
        self._write()

    def finish(self, step: str, *, outputs: Sequence[str], counts: Mapping[str, Any]) -> None:
        """Keeps that a step is done."""
        self._records[step] = dataclasses.replace(
            self.record(step),
            outputs={name: self.hash(name) for name in outputs},
            counts=dict(counts),
            finished=_now(),
        )
        self._write()

    def _write(self) -> None:
        record = {
            "format": _FORMAT,
            "switched_off": list(self._skipped),
            "steps": {name: dataclasses.asdict(step) for name, step in self._records.items()},
        }
        write_object(self.path / STATUS_FILE, record)

    def _read(self) -> tuple[tuple[str, ...], dict[str, StepRecord]]:
        path = self.path / STATUS_FILE
        found = read_object(path, missing_ok=True)
        if found.get("format", _FORMAT) != _FORMAT:
            raise ValueError(
                f"{path} is of another version of t5lite (format {found['format']!r}, here "
                f"{_FORMAT}); give another --output"
            )
        check_fields(
            found, {"switched_off": list[str], "steps": Mapping[str, dict]}, name=str(path)
        )
        steps = {
            name: dataclass_of(StepRecord, record, name=f"{path}: {name}", others_pass=True)
            for name, record in found.get("steps", {}).items()
        }
        return tuple(found.get("switched_off", ())), steps


def _changes(
    record: StepRecord,
    *,
    inputs: Mapping[str, str | None],
    settings: Mapping[str, Any] | None,
) -> str:
    """What is other than when a step was begun, in words; "" where nothing is."""
    found = []
    for name in sorted(inputs.keys() | record.inputs.keys()):
        before, now = record.inputs.get(name), inputs.get(name)
        if before != now:
            what = "is not read" if now is None else "is new" if before is None else "has changed"
            found.append(f"{name} {what}")
    if settings is not None:
        before_by_name = _flat(record.settings)
        now_by_name = _flat(strict_json.read_again(settings))
        for name in sorted(before_by_name.keys() | now_by_name.keys()):
            before, now = before_by_name.get(name), now_by_name.get(name)
            if before != now:
                found.append(f"{name} was {before!r}, is {now!r}")
    return ", ".join(found)


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested mapping as one, with dotted names."""
    found: dict[str, Any] = {}
    for name, item in value.items():
        if isinstance(item, Mapping):
            found |= _flat(item, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = item
    return found


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")
