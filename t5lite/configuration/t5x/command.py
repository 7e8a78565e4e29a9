"""`t5lite config --from_t5x`: reads a run of T5X, writes one of t5lite, lists everything."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from t5lite.configuration.t5x import report, trial
from t5lite.configuration.t5x.flags import FLAGS
from t5lite.configuration.t5x.outcomes import Decision, Mapped, Outcome, is_elsewhere
from t5lite.configuration.t5x.translation import Entry, translate
from t5lite.files.local_paths import storage_path
from t5lite.files.whole_file import write_whole


def from_t5x(
    files: Sequence[str],
    bindings: Sequence[str] = (),
    *,
    flags: Sequence[tuple[str, str]] = (),
    settings: Mapping[str, Any] | None = None,
    search_paths: Sequence[str] = (),
    output: str | None = None,
) -> int:
    """Translates, and prints the gin file, or writes it where a file is named.

    The list of what became of everything goes to stdout where the gin file does not.

    Args:
      files: T5X's gin files, in its order.
      bindings: `"NAME=VALUE"` as in T5X's `--gin.NAME=VALUE`.
      flags: T5X's other flags, with their values.
      settings: macros of t5lite that go before what T5X says.
      search_paths: folders to look in besides the current one.
      output: the file to write.

    Returns:
      0; 1 where something is to be decided.

    Raises:
      ValueError: a file cannot be read, or the one to write exists.
    """
    path = None if output is None else storage_path(output, name="--output")
    if path is not None and path.exists():
        raise ValueError(f"--output={output} exists; name a file that does not, or move it away")
    more = [value for name, value in flags if name == "gin_bindings"]
    made = translate(
        files,
        [*bindings, *more],
        search_paths=search_paths,
        settings=settings,
        entries=[_entry(name, value) for name, value in flags if name != "gin_bindings"],
    )
    made = trial.loading(made, made_of=files)
    text = report.gin_text(made, made_of=files)
    listing = report.listing(made, file=output or "FILE.gin", made_of=files)
    if path is None:
        print(text, end="", flush=True)
        print(listing, file=sys.stderr)
    else:
        write_whole(path, text)
        print(listing)
    return 1 if made.of(Decision) else 0


def _entry(name: str, value: str) -> Entry:
    """What became of a flag of T5X's."""
    return Entry(f"--{name}={value}" if value else f"--{name}", "a flag", _outcome(name, value))


def _outcome(name: str, value: str) -> Outcome:
    if name == "tfds_data_dir":
        if is_elsewhere(value):
            return Decision(
                f"copy {value} to this machine, and say where", ('DATA_DIR = "FOLDER"',)
            )
        return Mapped({"DATA_DIR": value})
    if name == "module_import":
        return Mapped({"TASK_MODULES": tuple(part.strip() for part in value.split(","))})
    flag = FLAGS[name]
    instead = f"{flag.here}={value}" if value and flag.is_flag else flag.here
    return Mapped({}, "a flag of the command that runs it" if flag.is_flag else "", instead)
