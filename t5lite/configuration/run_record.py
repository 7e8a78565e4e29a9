"""What each start of a run was asked, in its model folder.

`config.gin` is the operative gin configuration of the last start; `configs/<n>.gin` are those
before it that were different, in their order; `starts.jsonl` has a line a start: the step it went
on from, and which settings it changed.
"""

from __future__ import annotations

import contextlib
import pathlib
import tempfile
from collections.abc import Mapping

from t5lite.configuration.gin_reader import Binding, Import, read_record
from t5lite.configuration.older_settings import renewed
from t5lite.files import strict_json
from t5lite.files.appended_file import AppendedFile
from t5lite.files.local_paths import storage_path
from t5lite.files.regular_files import has_file
from t5lite.files.whole_file import write_whole

CONFIG_FILE = "config.gin"
EARLIER_FOLDER = "configs"
STARTS_FILE = "starts.jsonl"


def record_start(model_dir: str | pathlib.Path, config_text: str, *, step: int) -> list[str]:
    """Makes a configuration the folder's `config.gin`, and keeps the one before it.

    Args:
      model_dir: the run's folder.
      config_text: the operative configuration; empty where a run was not configured by gin, which
        leaves `config.gin` as it is.
      step: that the run resumes from; 0 at its beginning.

    Returns:
      The settings that differ from the last start's, "NAME: before -> now" each.
    """
    folder = storage_path(model_dir, name="MODEL_DIR")
    path, changed = folder / CONFIG_FILE, changed_settings(model_dir, config_text)
    before = path.read_bytes() if has_file(path) else None
    if config_text and before != config_text.encode("utf-8"):
        if before is not None:
            earlier = folder / EARLIER_FOLDER
            earlier.mkdir(exist_ok=True)
            number = sum(1 for _ in earlier.glob("*.gin")) + 1
            write_whole(earlier / f"{number}.gin", before)
        write_whole(path, config_text)
    with contextlib.closing(AppendedFile(folder / STARTS_FILE)) as starts:
        starts.append((strict_json.dumps({"step": step, "changed": changed}) + "\n").encode())
    return describe(changed)


def describe(changed: Mapping[str, tuple[str, str]]) -> list[str]:
    """Changed settings as "NAME: before -> now" each."""
    return [f"{name}: {before} -> {now}" for name, (before, now) in changed.items()]


def changed_settings(model_dir: str | pathlib.Path, config_text: str) -> dict[str, tuple[str, str]]:
    """Settings in which a configuration differs from that of a folder's last start.

    Args:
      model_dir: the run's folder, which is left as it is.
      config_text: the operative configuration.

    Returns:
      By name, the value before and now, "not set" where one does not name it; nothing where the
      folder or this start has no configuration.
    """
    path = storage_path(model_dir, name="MODEL_DIR") / CONFIG_FILE
    if not config_text or not has_file(path):
        return {}
    with tempfile.TemporaryDirectory() as scratch:
        now = pathlib.Path(scratch) / CONFIG_FILE
        now.write_text(config_text, encoding="utf-8")
        old, new = _settings(path), _settings(now)
    return {
        name: (old.get(name, "not set"), new.get(name, "not set"))
        for name in {**old, **new}
        if old.get(name) != new.get(name)
    }


def recorded_settings(model_dir: str | pathlib.Path) -> dict[str, int | float | str]:
    """Settings of a folder's last start by name; what is no number or text, as gin writes it."""
    path = storage_path(model_dir, name="MODEL_DIR") / CONFIG_FILE
    if not has_file(path):
        return {}
    bindings = [s for s in read_record(path, wanted_by=str(path)) if isinstance(s, Binding)]
    return {
        b.key: b.value if isinstance(b.value, int | float | str) else repr(b.value)
        for b in bindings
    }


def _settings(path: pathlib.Path) -> dict[str, str]:
    statements = read_record(path, wanted_by=str(path))
    return {
        **{b.key: repr(b.value) for s in statements if isinstance(s, Binding) for b in renewed(s)},
        **{f"import {s.module}": "set" for s in statements if isinstance(s, Import)},
    }
