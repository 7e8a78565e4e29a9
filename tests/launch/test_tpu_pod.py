"""launch/tpu_pod.sh against a gcloud that keeps slices in folders and runs commands there."""

import os
import signal

import psutil
import pytest

from tests.conftest import wait_until

SCRIPT = "launch/tpu_pod.sh"
PLACE = ("--name=pod", "--zone=z-1", "--project=p")
CREATE = ("--accelerator-type=v5litepod-16", "--runtime-version=v2-alpha-tpuv5-lite", "--spot")
TRAIN = ("train", "--gin_file=my run.gin", "--gin.A={'b': \"c\"}")


@pytest.mark.parametrize("slices", [1, 2])
def test_a_dry_run_prints_what_is_then_called(cloud, slices):
    cloud.finish(0)
    place = (*PLACE, f"--slices={slices}")
    for verb, status in (
        (("create", *place, *CREATE, "--", "--network=n"), 0),
        (("run", *place, *TRAIN), 0),
        (("logs", *place, "--worker=all"), 0),
        (("status", *place), 0),
        (("stop", *place), 0),
        (("delete", *place), 0),
    ):
        printed = cloud.run(SCRIPT, verb[0], "--dry-run", *verb[1:])[1].splitlines()
        assert cloud.calls() == []
        code, output = cloud.run(SCRIPT, *verb)
        assert code == status, output
        # Slices are served at once, in any order; `create` asks for the state again and again.
        called = {line for line in cloud.calls() if line.startswith("gcloud")}
        assert called and called == {line for line in printed if line.startswith("gcloud")}


def test_create_asks_once_and_waits(cloud):
    code, output = cloud.run(SCRIPT, "create", *PLACE, *CREATE, "--slices=2")
    assert code == 0
    assert "pod is WAITING_FOR_RESOURCES\npod is ACTIVE" in output
    (created,) = [call for call in cloud.calls() if " create " in call]
    assert "--node-count=2 --node-prefix=pod" in created and "--spot" in created
    code, output = cloud.run(SCRIPT, "create", *PLACE)
    assert (code, output) == (0, "pod is there.\npod is ACTIVE\n")
    (cloud.folder / "pod.states").write_text("SUSPENDED\n")
    code, output = cloud.run(SCRIPT, "create", *PLACE, *CREATE)
    assert code == 0 and "it is asked for again" in output and "pod is ACTIVE" in output
    (cloud.folder / "pod.states").write_text("PROVISIONING\nFAILED\n")
    assert cloud.run(SCRIPT, "create", *PLACE, *CREATE)[0] == 1
    assert cloud.run(SCRIPT, "delete", *PLACE)[0] == 0
    assert cloud.run(SCRIPT, "delete", *PLACE) == (0, "There is no queued resource pod.\n")


def test_a_run_outlives_its_connection_and_its_status_comes_back(cloud):
    place = (*PLACE, "--slices=2")
    homes = [cloud.folder / f"pod-{s}-{w}" for s in (0, 1) for w in (0, 1)]
    logs = [home / "t5lite-run" / "log" for home in homes]
    first = cloud.start(SCRIPT, "run", *place, *TRAIN)
    words = f"t5lite {' '.join(TRAIN)} --multi_host\n"
    wait_until(lambda: all(log.exists() and log.read_text() == words for log in logs))
    wait_until(lambda: any("follow" in call for call in cloud.calls()))
    os.killpg(first.pid, signal.SIGKILL)
    first.wait(timeout=60)

    code, output = cloud.run(SCRIPT, "status", *place)
    assert code == 0 and output.count("running") == 4
    code, output = cloud.run(SCRIPT, "sync", *place)
    assert code == 1 and output.count("stop it first") == 4
    again = cloud.start(SCRIPT, "run", *place, *TRAIN)
    wait_until(lambda: any("follow" in call for call in cloud.calls()))
    cloud.finish(7)
    output, _ = again.communicate(timeout=60)
    assert again.returncode == 7
    assert "A command is running; this is its log." in output and words in output
    assert "ended with status 7" in output
    assert cloud.run(SCRIPT, "status", *place)[1].count("ended with status 7") == 4
    # The files of this repository are there, what git ignores is not.
    assert (homes[3] / "t5lite" / "gin" / "runs" / "train.gin").exists()
    assert not (homes[3] / "t5lite" / ".git").exists()


def test_a_run_fails_where_a_worker_does(cloud):
    running = cloud.start(SCRIPT, "run", *PLACE, *TRAIN)
    second = cloud.folder / "pod-1" / "t5lite-run" / "log"
    wait_until(lambda: second.exists() and second.read_text())
    leader = psutil.Process(int((second.parent / "pid").read_text()))
    for process in leader.children():
        process.kill()
    cloud.finish(0)
    output, _ = running.communicate(timeout=60)
    assert output.endswith("ended with status 0\nended with status 137\n")
    assert running.returncode == 137


def test_stop_has_every_worker_save(cloud):
    running = cloud.start(SCRIPT, "run", *PLACE, *TRAIN)
    logs = [cloud.folder / f"pod-{worker}" / "t5lite-run" / "log" for worker in (0, 1)]
    wait_until(lambda: all(log.exists() and log.read_text() for log in logs))
    assert cloud.run(SCRIPT, "stop", *PLACE) == (0, "ended with status 0\n" * 2)
    assert all(log.read_text().endswith("saved\n") for log in logs)
    assert running.wait(timeout=60) == 0
    running.stdout.close()


def test_a_command_that_does_not_stop_is_killed(cloud):
    worker = "launch/on_worker.sh"
    assert cloud.run(worker, "status") == (0, "nothing was run\n")
    os.mkfifo(cloud.folder / "pipe")
    deaf = "trap '' TERM; echo deaf; exec cat $CLOUD/pipe"
    assert cloud.run(worker, "start", "sh", "-c", deaf) == (0, "")
    wait_until(lambda: (cloud.folder / "t5lite-run" / "log").read_text() == "deaf\n")
    code, output = cloud.run(worker, "stop", "1")
    assert code == 0 and output.startswith("ended without a status")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give a verb"),
        (("run", "train"), "name the TPU"),
        (("run", *PLACE), "give a t5lite command"),
        (("run", *PLACE, "--slices=0", "train"), "--slices=0"),
        (("run", *PLACE, "--zone", "z", "train"), "--zone is none of its flags"),
        (("create", *PLACE, "--spot"), "create needs --accelerator-type"),
        (("destroy", *PLACE), "destroy is none of create"),
    ],
)
def test_a_mistake_is_named(cloud, words, message):
    code, output = cloud.run(SCRIPT, *words)
    assert code == 2 and message in output
    assert not [call for call in cloud.calls() if " list " not in call]
