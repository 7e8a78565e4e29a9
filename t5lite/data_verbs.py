"""Behind `t5lite data status` and `t5lite data fetch`: which data are there, and getting more."""

import dataclasses
import os
from collections.abc import Sequence

from t5lite.data.downloads import download
from t5lite.data.downloads.downloads import DOWNLOADS
from t5lite.data.tasks import data_status, environment, seqio_adapter, task_data
from t5lite.files import strict_json
from t5lite.files.local_paths import local_path
from t5lite.messages.suggest import did_you_mean


def status(
    *,
    task_modules: Sequence[str],
    data_dir: str | None = None,
    verify: bool = False,
    verbose: bool = False,
    as_json: bool = False,
) -> None:
    """Prints what is present, missing or broken of the data that task modules know of.

    Args:
      task_modules: task modules to import and ask.
      data_dir: data root of the task modules.
      verify: whether to read every task's data, which finds what is broken inside files.
      verbose: whether to print a line for each task that is not only counted.
      as_json: whether to print one JSON object instead, always with every task.

    Raises:
      ValueError: if no module knows.
    """
    seqio_adapter.import_tasks(task_modules, data_dir=data_dir)
    statuses = task_data.module_statuses(task_modules, verify=verify)
    if as_json:
        record = {
            "tally": data_status.tally(statuses),
            "tasks": [dataclasses.asdict(status) for status in statuses],
        }
        print(strict_json.dumps(record, indent=2))
        return
    print(data_status.table(statuses))
    broken = [status for status in statuses if status.state == "broken"]
    for status in statuses if verbose else broken:
        reason = f"; {status.why}" if status.why else ""
        print(f"{status.state:8} {status.collection} {status.task}: {status.where}{reason}")
    if not verbose and len(broken) < len(statuses):
        print("--verbose prints a line for each task, with what was looked for.")


def fetch(names: Sequence[str], *, data_dir: str | None = None) -> None:
    """Gets data sets from their official places into the data root; without names, lists them.

    Args:
      names: of `t5lite.data.downloads.downloads.DOWNLOADS`.
      data_dir: the data root; made if it is not there. None for `T5LITE_DATA_DIR`.

    Raises:
      ValueError: if a name is unknown, a download fails or is not what it ought to be, or no data
        root is given.
    """
    for name in names:
        if name not in DOWNLOADS:
            raise ValueError(f"no download is called {name!r}.{did_you_mean(name, DOWNLOADS)}")
    if not names:
        for item in DOWNLOADS.values():
            print(f"{item.name:12} {item.folder + '/':16} {item.about}")
        return
    flag = f"--data_dir ({environment.DATA_DIR_VARIABLE})"
    place = os.environ.get(environment.DATA_DIR_VARIABLE) if data_dir is None else data_dir
    root = environment.data_dir() if place is None else local_path(place, name=flag)
    root.mkdir(parents=True, exist_ok=True)
    for name in names:
        for note in download.fetch(DOWNLOADS[name], root):
            print(note)
