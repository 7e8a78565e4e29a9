"""Which Tasks of a mixture have their data: stops a run that lacks some, or leaves them out."""

import pathlib
from collections.abc import Sequence

from t5lite.data.tasks import data_status, seqio_adapter, task_modules
from t5lite.data.tasks.data_status import DataStatus
from t5lite.files.json_files import write_object

_NAMED = 5


class NoDataError(ValueError):
    """None of the Tasks of a mixture has data that can be read."""


def statuses(task_names: Sequence[str], *, split: str | None = None) -> list[DataStatus]:
    """The state of the data of those Tasks whose sources know it; no file is opened.

    Args:
      task_names: registered Tasks.
      split: ask of this split alone, where a source tells its splits apart.
    """
    found = (seqio_adapter.data_status(name, split=split) for name in task_names)
    return [status for status in found if status is not None]


def module_statuses(modules: Sequence[str], *, verify: bool = False) -> list[DataStatus]:
    """The state of all data that task modules know of.

    Args:
      modules: names of imported task modules.
      verify: whether to read them, which finds what is broken inside.

    Raises:
      ValueError: if none of them knows.
    """
    found: list[DataStatus] = []
    named = task_modules.python_modules(modules)
    asked = [ask for ask in map(task_modules.data_status_of, named) if ask is not None]
    for ask in asked:
        found += ask(verify=verify)
    if not asked:
        raise ValueError(
            "no task module says which data its tasks read; name one that does, such as "
            f"--tasks tasks.flan (found: {', '.join(modules) or 'none'})"
        )
    return found


def present_tasks(
    mixture: str, task_names: Sequence[str], *, allow_missing: bool, split: str | None = None
) -> tuple[list[str], list[DataStatus]]:
    """Separates Tasks with data from those without.

    Args:
      mixture: what they belong to, for the error.
      task_names: its leaf Tasks.
      allow_missing: whether it may continue without some, though not without all.
      split: ask of this split alone, where a source tells its splits apart.

    Returns:
      The Tasks that have data, or whose sources do not know, in order; and the state of the others.

    Raises:
      ValueError: if some are missing and that is not allowed, with the tally.
      NoDataError: if all are.
    """
    known = statuses(task_names, split=split)
    absent = {status.task: status for status in known if status.state != "present"}
    present = [name for name in task_names if name not in absent]
    if absent and not (allow_missing and present):
        kind = ValueError if present else NoDataError
        raise kind(_explain(mixture, known, list(absent.values()), anything=bool(present)))
    return present, list(absent.values())


def _explain(
    mixture: str, known: Sequence[DataStatus], absent: Sequence[DataStatus], *, anything: bool
) -> str:
    named = [f"  {s.task}: {s.state}, {s.why} ({s.where})" for s in absent[:_NAMED]]
    if len(absent) > _NAMED:
        named.append(f"  and {len(absent) - _NAMED:,} more")
    remedy = "`t5lite data status` says what is looked for, `t5lite data fetch` gets what it can"
    if anything:
        remedy += "; ALLOW_MISSING_TASKS=True (--allow_missing_tasks) continues without them"
    return "\n".join(
        [
            f"{len(absent):,} of the tasks of {mixture!r} have no data that can be read:",
            data_status.table(known),
            *named,
            f"{remedy}.",
        ]
    )


def write_missing(path: pathlib.Path, absent: Sequence[DataStatus]) -> None:
    """Records in a JSON file which Tasks a run continues without, and why."""
    record = {
        "tally": data_status.tally(absent),
        "tasks": {s.task: {"state": s.state, "where": s.where, "why": s.why} for s in absent},
    }
    write_object(path, record)
