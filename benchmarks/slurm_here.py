"""A Slurm cluster on this machine, and a training job in it that is stopped in three ways.

    apt-get install slurm-wlm munge        (Debian, Ubuntu)
    python benchmarks/slurm_here.py

Run it as root in the repository's folder. It starts munge, a controller and two nodes on loopback,
with a configuration of their own in a temporary folder, and submits launch/slurm.sbatch twice: a
straight run on two nodes, and one that (1) is told that its time is up, (2) loses a process by
SIGKILL, and (3) is requeued, and given one node instead of two. Each time it has to come back and
go on. On two nodes its losses must be those of the straight run to the bit, on one within 1e-5. At
the end, whatever happened, the cluster is taken down. It takes some 5 minutes of two cores, most of
them imports and compiling.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
STEPS, TIMEOUT_S = 60, 1800
DAEMONS = ("munged", "slurmctld", "slurmd")
TRAIN = (
    "train --gin_file=models/mini/small.gin --gin_file=runs/train.gin --tasks=tasks.mini "
    "--vocabulary=bytes --mixture=mini_first_tool --task_feature_lengths=inputs=128,targets=48 "
    f"--train_steps={STEPS} --batch_size=4 --checkpoint_period=5 --gin.train.log_period=1"
)
# Two nodes of one machine: a name of each has to be an address of it, for the coordinator's sake.
CONFIGURATION = """
ClusterName=here
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
AuthType=auth/munge
# A requeued job waits for cred_expire, which has to outlast KillWait: what is left of the start
# before would be killed together with the new one. The defaults are 120 and 30 s.
AuthInfo=socket={folder}/munge.socket,cred_expire=30
KillWait=10
MessageTimeout=60
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
SchedulerParameters=sched_interval=1,bf_interval=1
NodeName={host} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=2
NodeName=localhost NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=2
PartitionName=here Nodes={host},localhost Default=YES MaxTime=120 State=UP
"""


def main() -> None:
    """Starts the cluster, runs both jobs, compares them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--keep", action="store_true", help="keep the folder with runs and logs")
    options = parser.parse_args()
    missing = [name for name in (*DAEMONS, "sbatch") if shutil.which(name, path=_path()) is None]
    if missing or os.geteuid() != 0:
        reason = f"no {' and no '.join(missing)} here" if missing else "this is not root"
        sys.exit(f"{reason}; as root: apt-get install slurm-wlm munge")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="slurm-here-"))
    folder.chmod(0o711)  # munge's clients have to reach its socket
    try:
        with cluster(folder):
            straight = submit(folder, "straight")
            until(lambda: not in_queue(straight), "the straight run ends")
            assert last_step(folder / "straight") == STEPS, (folder / "straight.log").read_text()
            job = submit(folder, "stopped")
            stop_three_times(folder, job)
            until(lambda: not in_queue(job), "the stopped run ends")
            compare(folder)
    except BaseException:
        options.keep = True
        raise
    finally:
        if options.keep:
            say(f"runs and logs: {folder}")
        else:
            shutil.rmtree(folder)


@contextlib.contextmanager
def cluster(folder: pathlib.Path) -> Iterator[None]:
    """A controller and two nodes, as long as the context lasts."""
    os.environ |= {
        "PATH": _path(),
        "SLURM_CONF": str(folder / "slurm.conf"),
        "T5LITE_VENV": str(folder / "venv"),
        "T5LITE_CACHE_DIR": str(folder / "cache"),
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": str(REPOSITORY),
    }
    program = folder / "venv" / "bin" / "t5lite"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m t5lite "$@"\n')
    program.chmod(0o755)
    (folder / "state").mkdir()
    (folder / "munge.key").write_bytes(os.urandom(1024))
    (folder / "munge.key").chmod(0o600)
    host = socket.gethostname().split(".")[0]
    ports = [free_port() for _ in range(3)]
    text = CONFIGURATION.format(folder=folder, host=host, ports=ports)
    (folder / "slurm.conf").write_text(text)
    munge = [f"--{name}={folder}/munge.{name.split('-')[0]}" for name in ("key-file", "pid-file")]
    munge += [f"--{name}={folder}/munge.{name}" for name in ("socket", "log-file", "seed-file")]
    daemons = []
    try:
        for name, *words in (
            ("munged", "--foreground", "--force", *munge),
            ("slurmctld", "-D"),
            ("slurmd", "-D", "-N", host),
            ("slurmd", "-D", "-N", "localhost"),
        ):
            with (folder / f"{name}-{words[-1].split('/')[-1]}.log").open("w") as log:
                daemons.append(subprocess.Popen([name, *words], stdout=log, stderr=log))
            if name == "munged":
                until((folder / "munge.socket").exists, "munge listens")
        until(lambda: slurm("sinfo", "-h", "-o", "%t %D") == "idle 2", "both nodes are idle")
        say(slurm("sinfo"))
        yield
    finally:
        slurm("scancel", "--user=root")
        slurm("scancel", "--user=root", "--signal=KILL")
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait()


def submit(folder: pathlib.Path, name: str) -> str:
    """Queues a training run on two nodes; returns the job's number."""
    flags = "--parsable --nodes=2 --gpus-per-node=0 --cpus-per-task=1 --time=120"
    log = f"--output={folder}/{name}.log"
    run = f"--model_dir={folder}/{name}"
    command = ["sbatch", *flags.split(), f"--job-name={name}", log, "launch/slurm.sbatch"]
    say(f"$ {' '.join([*command, *TRAIN.split(), run])}")
    return slurm(*command, *TRAIN.split(), run)


def stop_three_times(folder: pathlib.Path, job: str) -> None:
    """Each time after some steps; then it has to have started again."""
    run = folder / "stopped"
    for number, stop in enumerate(STOPS, start=1):
        until(lambda n=number: last_step(run) >= n * STEPS // 4, f"step {number * STEPS // 4}")  # type: ignore[misc]
        stop(job)
        until(lambda n=number: restarts(job) >= n, f"restart {number}")  # type: ignore[misc]
        until(lambda: "JobState=RUNNING" in show(job), "the job runs again")
        assert restarts(job) == number, "it was stopped by something else"


def time_is_up(job: str) -> None:
    """What Slurm does before a job's time is up, as `--signal=B:USR1@300` asks it to."""
    slurm("scancel", "--batch", "--signal=USR1", job)


def lose_a_process(job: str) -> None:
    """Kills the second process of the step, as a machine that has no memory left does."""
    for pid in (path.name for path in pathlib.Path("/proc").iterdir() if path.name.isdecimal()):
        with contextlib.suppress(OSError):
            variables = pathlib.Path("/proc", pid, "environ").read_bytes().split(b"\0")
            words = pathlib.Path("/proc", pid, "cmdline").read_bytes().split(b"\0")
            if {f"SLURM_JOB_ID={job}".encode(), b"SLURM_PROCID=1"} <= {*variables} and (
                b"t5lite" in words
            ):
                say(f"$ kill -9 {pid}")
                os.kill(int(pid), signal.SIGKILL)


def requeue_on_one_node(job: str) -> None:
    """As an administrator does, or a job with precedence; and with fewer nodes than before."""
    slurm("scontrol", "requeuehold", job)
    until(lambda: "JobState=PENDING" in show(job), "the job is queued")
    slurm("scontrol", "update", f"JobId={job}", "NumNodes=1-1", "NumTasks=1")
    slurm("scontrol", "release", job)


STOPS = (time_is_up, lose_a_process, requeue_on_one_node)


def compare(folder: pathlib.Path) -> None:
    """Raises where a step is missing, or its loss is not that of the straight run."""
    straight, stopped = losses(folder / "straight"), losses(folder / "stopped")
    assert set(straight) == set(stopped) == set(range(1, STEPS + 1)), (straight, stopped)
    log = (folder / "stopped.log").read_text()
    say(log)
    resumed = [int(line.split()[-1]) for line in log.split("\n") if "from step " in line]
    processes = [int(number) for number in re.findall(r"parameters, mesh data=(\d)", log)]
    assert processes == [2] * len(STOPS) + [1] and len(resumed) == len(STOPS), (processes, resumed)
    same = [step for step in straight if straight[step] == stopped[step]]
    apart = max(abs(stopped[step] / straight[step] - 1) for step in straight)
    say(f"resumed from steps {resumed}; {len(same)} of {STEPS} losses are equal to the bit")
    say(f"the largest relative difference is {apart:.1e}")
    assert set(range(1, resumed[-1] + 1)) <= set(same), sorted(same)
    assert math.isfinite(apart) and apart < 1e-5


def losses(run: pathlib.Path) -> dict[int, float]:
    """Of each step that is logged."""
    if not (run / "metrics.jsonl").exists():
        return {}
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().split("\n")[:-1]]
    return {x["step"]: x["loss"] for x in lines if x["kind"] == "train"}


def last_step(run: pathlib.Path) -> int:
    """The last step that is logged; 0 before the first."""
    return max(losses(run), default=0)


def slurm(*words: str) -> str:
    """What a command of Slurm's prints."""
    if words[0] in ("scancel", "scontrol") and words[1] != "show":
        say(f"$ {' '.join(words)}")
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip()


def show(job: str) -> str:
    """All that Slurm knows about a job."""
    return slurm("scontrol", "show", "job", job)


def restarts(job: str) -> int:
    """How often a job was started again."""
    return int(re.findall(r"\bRestarts=(\d+)", show(job))[0])


def in_queue(job: str) -> bool:
    """Whether a job waits or runs."""
    return job in slurm("squeue", "-h", "-o", "%i").split()


def until(condition: Callable[[], bool], what: str) -> None:
    """Waits for something to become true.

    Raises:
      TimeoutError: it did not within half an hour.
    """
    end = time.monotonic() + TIMEOUT_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{TIMEOUT_S} s passed, and not yet: {what}")
        time.sleep(0.5)
    say(f"  {what}")


def say(text: str) -> None:
    """Prints with the time."""
    print(time.strftime("%H:%M:%S"), text, flush=True)


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _path() -> str:
    return f"{os.environ['PATH']}:/usr/sbin"


if __name__ == "__main__":
    main()
