"""launch/kubernetes.sh: manifests that JobSet's schema accepts, given to a kubectl that records."""

import re
import shutil
import signal
import subprocess
import sys

import pytest
import yaml

from tests.conftest import REPOSITORY

SCRIPT = "launch/kubernetes.sh"
TRAIN = ("train", "--gin_file=my run.gin", "--gin.A={'b': \"{name}\\\"}")
BASE = ("--name=first", "--image=registry/t5lite:1")
GPU = (*BASE, "--hosts=4", "--gpus=8")
TPU = (*BASE, "--accelerator=tpu-v5-lite-podslice", "--topology=4x8", "--slices=2")


def job_of(jobset):
    (job,) = jobset["spec"]["replicatedJobs"]
    (container,) = job["template"]["spec"]["template"]["spec"]["containers"]
    return job, container


@pytest.mark.parametrize("flags", [GPU, TPU], ids=["gpu", "tpu"])
def test_the_schema_knows_every_field(cloud, flags):
    """JobSet's own models drop what they do not know, and refuse what has another type."""
    models = pytest.importorskip("kubeflow_trainer_api.models.jobset_v1alpha2_job_set")
    assert cloud.run(SCRIPT, "run", *flags, *TRAIN)[0] == 0
    jobset = yaml.safe_load((cloud.folder / "applied").read_text())
    assert models.JobsetV1alpha2JobSet.from_dict(jobset).to_dict() == jobset
    # Such a check can fail.
    job_of(jobset)[1]["imagePullpolicy"] = "Always"
    assert models.JobsetV1alpha2JobSet.from_dict(jobset).to_dict() != jobset


def test_processes_know_each_other(cloud):
    assert cloud.run(SCRIPT, "run", *GPU, *TRAIN)[0] == 0
    job, container = job_of(yaml.safe_load((cloud.folder / "applied").read_text()))
    assert job["template"]["spec"]["completions"] == job["template"]["spec"]["parallelism"] == 4
    host = f"first-{job['name']}-0-0.first"  # JOBSET-JOB-0-POD.SUBDOMAIN, a name of JobSet's
    several = [f"--coordinator={host}:8476", "--num_processes=4", "--process_id=$(PROCESS_ID)"]
    assert container["args"] == [*TRAIN, *several]
    names = {variable["name"] for variable in container["env"]}
    filled = re.findall(r"\$\((\w+)\)", yaml.safe_dump(container))
    assert set(filled) == {"PROCESS_ID", "POD_IP"} <= names

    assert cloud.run(SCRIPT, "run", *TPU, "--chips=8", *TRAIN)[0] == 0
    job, container = job_of(yaml.safe_load((cloud.folder / "applied").read_text()))
    assert (job["replicas"], job["template"]["spec"]["parallelism"]) == (2, 4)
    assert container["resources"]["limits"] == {"google.com/tpu": 8}
    assert container["args"] == [*TRAIN, "--multi_host"]


def test_a_dry_run_prints_what_is_then_called(cloud):
    for verb in (
        ("build", "--image=registry/t5lite:1", "--accelerator=cuda"),
        ("run", *GPU, "--namespace=n", *TRAIN),
        ("logs", "--name=first"),
        ("logs", "--name=first", "--worker=all"),
        ("status", "--name=first"),
        ("delete", "--name=first"),
    ):
        printed = cloud.run(SCRIPT, verb[0], "--dry-run", *verb[1:])[1].splitlines()
        assert cloud.calls() == []
        code, output = cloud.run(SCRIPT, *verb)
        assert code == 0, output
        called = cloud.calls()
        assert called
        assert called == [line for line in printed if line.startswith(("kubectl", "docker"))]
        if verb[0] == "run":
            assert printed[1:] == (cloud.folder / "applied").read_text().splitlines()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give a verb"),
        (("run", *GPU), "give a t5lite command"),
        (("run", *BASE, "train"), "run needs --hosts"),
        (("run", *TPU, "--chips=5", "train"), "--topology=4x8 is not whole hosts of --chips=5"),
        (("run", *TPU, "--topology=32", "train"), "--topology=32 is none"),
        (("run", "--name", "first", "train"), "--name is none of its flags"),
        (("logs",), "logs needs --name"),
        (("apply",), "apply is none of build"),
    ],
)
def test_a_mistake_is_named(cloud, words, message):
    code, output = cloud.run(SCRIPT, *words)
    assert code == 2 and message in output
    assert cloud.calls() == []


def test_a_pod_that_was_told_to_go_has_not_finished(cloud):
    """t5lite ends with 0 then, having saved."""
    entrypoint = "launch/kubernetes/entrypoint.sh"
    cloud.finish(5)
    assert cloud.run(entrypoint, *TRAIN) == (5, f"t5lite {' '.join(TRAIN)}\n")
    cloud.finish(0)
    assert cloud.run(entrypoint, *TRAIN)[0] == 0
    (cloud.folder / "finish").unlink()
    process = cloud.start(entrypoint, *TRAIN)
    assert process.stdout.readline().startswith("t5lite")
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60)[0] == "saved\n"
    assert process.returncode == 128 + signal.SIGTERM


def test_the_image_is_made_of_files_that_are_there(tmp_path):
    """The first layer installs what setup.py asks for, before the code is copied."""
    text = (REPOSITORY / "launch/kubernetes/Dockerfile").read_text()
    early = re.findall(r"^COPY (\w.*) (\S+)$", text, re.M)
    assert len(early) == 2
    for names, folder in early:
        (tmp_path / folder).mkdir(exist_ok=True)
        for name in names.split():
            shutil.copy(REPOSITORY / name, tmp_path / folder)
    asked = [sys.executable, "setup.py", "--version"]
    done = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert re.match(r"\d+\.\d+", done.stdout.splitlines()[-1])
    (entrypoint,) = re.findall(r'^ENTRYPOINT \["bash", "(.*)"\]$', text, re.M)
    assert (REPOSITORY / entrypoint).exists()
