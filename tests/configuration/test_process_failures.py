"""Of several processes none waits for one that failed or died; all name it."""

import signal
import socket
import subprocess
import sys

import pytest

from tests.configuration.test_processes import free_port
from tests.conftest import REPOSITORY, on_devices

# A verb that computes with the other process until it dies as it is told to, without the waiting.
PROGRAM = """
import os, signal, sys
from t5lite import cli
from t5lite.configuration import process_failures, processes

process_failures._SILENT_SECONDS, process_failures.HEARTBEAT_SECONDS = 3, 12
how, dies = os.environ["HOW"], os.environ["DIES"]

def verb(arguments):
    cli._join(arguments)
    import jax
    from jax.experimental import multihost_utils
    for step in range(1_000_000):
        multihost_utils.sync_global_devices(str(step))
        if step == 3 and dies == str(jax.process_index()):
            if how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise {"mistake": ValueError, "bug": KeyError}[how]("no such field")

cli._RUN = dict.fromkeys(cli._RUN, verb)
cli.raised_by_us = lambda error: True
raise SystemExit(cli.main(sys.argv[1:]))
"""
HOST = socket.gethostname()


@pytest.mark.parametrize(
    ("how", "dies", "statuses", "said"),
    [
        ("mistake", 0, (2, 1), f"process 0 of 2 on {HOST} failed: ValueError: no such field"),
        ("bug", 1, (1, 1), f"process 1 of 2 on {HOST} failed: KeyError: 'no such field'"),
        ("kill", 1, (None, -signal.SIGKILL), f"process 1 of 2 on {HOST} has not been heard of"),
        ("kill", 0, (-signal.SIGKILL, None), f"process 0 of 2 on {HOST} (127.0.0.1:"),
    ],
)
def test_the_others_end_and_name_the_one_that_failed(how, dies, statuses, said):
    words = ["infer", f"--coordinator=127.0.0.1:{free_port()}", "--num_processes=2"]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *words, f"--process_id={index}"],
            env=on_devices(1) | {"HOW": how, "DIES": str(dies)},
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for index in range(2)
    ]
    outputs = [process.communicate(timeout=600)[0] for process in processes]
    for process, status, output in zip(processes, statuses, outputs, strict=True):
        assert process.returncode == status if status else process.returncode != 0, output
    assert said in outputs[1 - dies], outputs[1 - dies]
