"""launch/slurm.sbatch between stand-ins; benchmarks/slurm_here.py runs it in a real Slurm."""

import signal

import pytest

from tests.conftest import REPOSITORY, wait_until
from tests.launch.conftest import STAND_INS

SCRIPT = "launch/slurm.sbatch"
TRAIN = ("train", "--gin_file=my run.gin")


@pytest.fixture
def job(cloud):
    """The variables of a job, whose environment has the stand-in of t5lite."""
    venv = cloud.folder / "venv" / "bin"
    venv.mkdir(parents=True)
    (venv / "t5lite").symlink_to(STAND_INS / "t5lite")
    return {
        "SLURM_SUBMIT_DIR": str(REPOSITORY),
        "SLURM_JOB_ID": "12",
        "SLURM_JOB_NUM_NODES": "4",
        "SLURM_NTASKS_PER_NODE": "2",
        "SLURM_CPUS_PER_TASK": "32",
        "T5LITE_VENV": str(cloud.folder / "venv"),
    }


@pytest.mark.parametrize(
    ("status", "restarts", "is_requeued"),
    [(0, 0, False), (1, 0, False), (2, 0, False), (137, 0, True), (137, 4, True), (137, 5, False)],
)
def test_a_job_queues_itself_again_after_a_process_was_killed(
    cloud, job, status, restarts, is_requeued
):
    cloud.finish(status)
    code, output = cloud.run(SCRIPT, *TRAIN, **job, SLURM_RESTART_COUNT=str(restarts))
    step, *others = cloud.calls()
    assert step.startswith("srun --kill-on-bad-exit=1 --ntasks=8 --cpus-per-task=32 ")
    assert f"t5lite {' '.join(TRAIN)} --multi_host\n" in output
    assert others == (["scontrol requeue 12 "] if is_requeued else [])
    assert code == (0 if is_requeued else status)


def test_a_job_whose_time_is_up_saves_and_queues_itself_again(cloud, job):
    process = cloud.start(SCRIPT, *TRAIN, **job)
    assert process.stdout.readline().startswith("t5lite train")
    wait_until((cloud.folder / "step").exists)
    process.send_signal(signal.SIGUSR1)
    output, _ = process.communicate(timeout=60)
    assert output == "saved\nTime is up; saved, and queued again.\n"
    assert cloud.calls()[1:] == ["scancel --signal=TERM 12 ", "scontrol requeue 12 "]
