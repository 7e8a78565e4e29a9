"""What each start of a run was asked, in its model folder.

`config.gin` is the operative gin configuration of the last start; `configs/<n>.gin` are those
before it that were different, in their order; `starts.jsonl` has a line a start: the step it went
on from, and which settings it changed.
"""

from __future__ import annotations

import pathlib

from t5lite.configuration.gin_reader import Binding, Import, read_file
from t5lite.configuration.older_settings import renewed
from t5lite.files import strict_json
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
    folder = pathlib.Path(model_dir)
    path, changed = folder / CONFIG_FILE, dict[str, tuple[str, str]]()
    before = path.read_bytes() if path.exists() else None
    if config_text and before != config_text.encode("utf-8"):
        earlier = folder / EARLIER_FOLDER
        if before is not None:
            earlier.mkdir(exist_ok=True)
            earlier /= f"{sum(1 for _ in earlier.glob('*.gin')) + 1}.gin"
            write_whole(earlier, before)
        write_whole(path, config_text)
        if before is not None:
            changed = _differences(earlier, path)
    with (folder / STARTS_FILE).open("a", encoding="utf-8") as file:
        file.write(strict_json.dumps({"step": step, "changed": changed}) + "\n")
    return [f"{name}: {before} -> {now}" for name, (before, now) in changed.items()]


def _differences(before: pathlib.Path, now: pathlib.Path) -> dict[str, tuple[str, str]]:
    """Settings that two gin files give differently; "not set" where one does not name it."""
    old, new = _settings(before), _settings(now)
    return {
        name: (old.get(name, "not set"), new.get(name, "not set"))
        for name in {**old, **new}
        if old.get(name) != new.get(name)
    }


def _settings(path: pathlib.Path) -> dict[str, str]:
    statements = read_file(str(path.absolute()), [], wanted_by=str(path))
    return {
        **{b.key: repr(b.value) for s in statements if isinstance(s, Binding) for b in renewed(s)},
        **{f"import {s.module}": "set" for s in statements if isinstance(s, Import)},
    }
