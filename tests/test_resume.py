"""Resuming is exact: killed, terminated, sharded or distributed, the curve is the same."""

import json
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys

import pytest

from t5lite.checkpoints.checkpointer import Checkpointer
from t5lite.reports.audit import read_audit
from tests.conftest import REPOSITORY, on_devices
from tests.toy_run import interrupted_at, toy_train

STEPS = 30
SHORT = ("--train_steps", "16", "--ctrl_c", "6")  # of a run that is also stopped and resumed


@pytest.fixture(scope="module")
def straight(cache_dir, tmp_path_factory) -> pathlib.Path:
    model_dir = tmp_path_factory.mktemp("straight")
    toy_train(model_dir, cache_dir, train_steps=STEPS)
    return model_dir


def losses(model_dir: pathlib.Path) -> list[tuple[int, float, float]]:
    lines = [json.loads(x) for x in (model_dir / "metrics.jsonl").read_text().splitlines()]
    return [(x["step"], x["loss"], x["grad_norm"]) for x in lines if x["kind"] == "train"]


def draws(model_dir: pathlib.Path) -> list[int]:
    return read_audit(model_dir).by_task.drawn.tolist()


def start(model_dir, cache_dir, *arguments: str, devices: int = 1) -> subprocess.Popen:
    command = [sys.executable, "-m", "tests.toy_run", str(model_dir)]
    command += ["--cache_dir", str(cache_dir), *arguments]
    return subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=on_devices(devices),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen) -> str:
    output, _ = process.communicate(timeout=1200)
    assert process.returncode == 0, output[-3000:]
    return output


def ends(output: str) -> list[tuple[str, str]]:
    """How the runs of a process ended, and after how many steps."""
    return re.findall(r"(stopped|done) (\d+)", output)


def assert_close(many: list[tuple[int, float, float]], one: list[tuple[int, float, float]]) -> None:
    """Sums are taken in another order than on one device; float32 rounding grows over the steps."""
    assert [loss for _, loss, _ in many] == pytest.approx([x[1] for x in one[:16]], rel=2e-3)


def test_stopping_at_any_step_and_resuming_equals_the_straight_run(straight, cache_dir, tmp_path):
    for steps in (7, 11, STEPS):
        toy_train(tmp_path, cache_dir, train_steps=steps)
    assert losses(tmp_path) == losses(straight)
    assert len(losses(straight)) == STEPS
    assert draws(tmp_path) == draws(straight)
    assert sum(draws(straight)) == read_audit(straight).num_examples > STEPS


def test_kill_9_anywhere_and_restart_equals_the_straight_run(straight, cache_dir, tmp_path):
    process = start(tmp_path / "late", cache_dir, "--kill", "14")  # between two checkpoints
    process.communicate(timeout=1200)
    assert process.returncode == -signal.SIGKILL
    without_checkpoints = shutil.ignore_patterns("checkpoints")
    shutil.copytree(tmp_path / "late", tmp_path / "early", ignore=without_checkpoints)
    for model_dir in (tmp_path / "late", tmp_path / "early"):
        toy_train(model_dir, cache_dir, train_steps=STEPS)
        assert losses(model_dir) == losses(straight)
        assert draws(model_dir) == draws(straight)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_sigterm_and_ctrl_c_save_and_end_early(straight, cache_dir, tmp_path, signum):
    with interrupted_at(4, signum):
        result = toy_train(tmp_path, cache_dir, train_steps=STEPS)
    assert result.stopped and 4 <= result.progress.steps < STEPS
    assert Checkpointer(tmp_path, read_only=True).latest_step() == result.progress.steps
    toy_train(tmp_path, cache_dir, train_steps=STEPS)
    assert losses(tmp_path) == losses(straight)


@pytest.mark.slow
def test_eight_devices_train_as_one_and_resume_exactly(straight, cache_dir, tmp_path):
    meshes = "--mesh 2 4 1 1 --mesh 2 1 2 2"
    output = finish(start(tmp_path, cache_dir, *SHORT, *meshes.split(), devices=8))
    assert [how for how, _ in ends(output)] == ["done", "stopped", "done"] * 2
    for model_dir in (tmp_path / "2_4_1_1", tmp_path / "2_1_2_2"):
        assert losses(model_dir / "stopped") == losses(model_dir)
        assert_close(losses(model_dir), losses(straight))


@pytest.mark.slow
def test_two_processes_train_as_one_and_resume_exactly(straight, cache_dir, tmp_path):
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        coordinator = f"localhost:{probe.getsockname()[1]}"
    processes = [
        start(tmp_path, cache_dir, *SHORT, "--process", f"{index}:2:{coordinator}")
        for index in range(2)
    ]
    first, second = (ends(finish(process)) for process in processes)
    assert first == second
    assert [how for how, _ in first] == ["done", "stopped", "done"]
    assert losses(tmp_path / "stopped") == losses(tmp_path)
    assert draws(tmp_path / "stopped") == draws(tmp_path)
    assert_close(losses(tmp_path), losses(straight))
