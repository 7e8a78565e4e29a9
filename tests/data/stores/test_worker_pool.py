"""Workers that build stores end with their parent, however it ends, and with an error of one."""

import os
import signal
import subprocess
import sys
import time

import pytest

from t5lite.data.stores.worker_pool import report, run_jobs
from tests.conftest import REPOSITORY, wait_until

PARENT = """
import os, sys, time
from tests.data.stores.test_worker_pool import run
if __name__ == "__main__":
    run(sys.argv[1])
"""


def write_pid_and_wait(folder: str) -> None:
    open(os.path.join(folder, str(os.getpid())), "w").close()
    time.sleep(600)


def run(folder: str) -> None:
    list(run_jobs(write_pid_and_wait, [folder, folder], num_workers=2, died="died"))


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_workers_of_a_killed_build_end(tmp_path):
    (tmp_path / "pids").mkdir()
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    parent = subprocess.Popen([sys.executable, script, tmp_path / "pids"], env=environment)
    wait_until(lambda: len(os.listdir(tmp_path / "pids")) == 2 or parent.poll() is not None)
    assert parent.poll() is None
    workers = os.listdir(tmp_path / "pids")
    parent.send_signal(signal.SIGKILL)
    parent.wait(timeout=60)
    wait_until(lambda: not any(is_alive(int(worker)) for worker in workers))


def fail_or_report(fails: bool) -> None:
    if fails:
        raise ValueError("this one fails")
    for _ in range(600):
        report("x" * 100_000)  # more than a pipe holds that nobody reads
        time.sleep(1)


def test_an_error_ends_the_others_which_report_more_than_anybody_reads():
    with pytest.raises(ValueError, match="this one fails"):
        list(run_jobs(fail_or_report, [False, True], num_workers=2, died="died"))
