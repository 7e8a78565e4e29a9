"""Resuming is exact: killed, terminated, sharded or distributed, the curve is the same."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest

from t5lite.audit import read_audit
from tests.conftest import REPOSITORY
from tests.toy_run import toy_train

STEPS = 30


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory) -> pathlib.Path:
    return tmp_path_factory.mktemp("cache")


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
    environment = os.environ | {
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "PYTHONPATH": str(REPOSITORY),
        "JAX_PLATFORMS": "cpu",
    }
    command = [sys.executable, "-m", "tests.toy_run", str(model_dir)]
    command += ["--cache_dir", str(cache_dir), "--train_steps", str(STEPS), *arguments]
    return subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen) -> str:
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output[-3000:]
    return output


def wait_for_step(model_dir: pathlib.Path, step: int, process: subprocess.Popen) -> None:
    """Returns once the run has logged `step`; fails if it ends before."""
    while True:
        path = model_dir / "metrics.jsonl"
        if path.exists() and sum('"train"' in x for x in path.read_text().splitlines()) >= step:
            return
        assert process.poll() is None, process.communicate()[0][-3000:]
        time.sleep(0.005)


def test_stopping_at_any_step_and_resuming_equals_the_straight_run(straight, cache_dir, tmp_path):
    for steps in (7, 11, STEPS):
        toy_train(tmp_path, cache_dir, train_steps=steps)
    assert losses(tmp_path) == losses(straight)
    assert len(losses(straight)) == STEPS
    assert draws(tmp_path) == draws(straight)
    assert sum(draws(straight)) == read_audit(straight).num_examples > STEPS


def test_kill_9_anywhere_and_restart_equals_the_straight_run(straight, cache_dir, tmp_path):
    for step in (3, 14):  # before the first checkpoint, and between two
        process = start(tmp_path, cache_dir)
        wait_for_step(tmp_path, step, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
    finish(start(tmp_path, cache_dir))
    assert losses(tmp_path) == losses(straight)
    assert draws(tmp_path) == draws(straight)


def test_sigterm_saves_and_exits_0(straight, cache_dir, tmp_path):
    process = start(tmp_path, cache_dir)
    wait_for_step(tmp_path, 4, process)
    process.send_signal(signal.SIGTERM)
    output = finish(process)
    assert "stopped" in output or "done" in output
    steps = [int(p.name) for p in (tmp_path / "checkpoints").iterdir() if p.name.isdigit()]
    assert max(steps) == int(output.split()[-1])
    finish(start(tmp_path, cache_dir))
    assert losses(tmp_path) == losses(straight)


@pytest.mark.slow
@pytest.mark.parametrize("mesh", [(2, 4, 1), (2, 2, 2)])
def test_eight_devices_train_as_one_and_resume_exactly(straight, cache_dir, tmp_path, mesh):
    arguments = ("--mesh", *map(str, mesh))
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    finish(start(whole, cache_dir, *arguments, devices=8))
    process = start(stopped, cache_dir, *arguments, devices=8)
    wait_for_step(stopped, 12, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finish(start(stopped, cache_dir, *arguments, devices=8))
    assert losses(stopped) == losses(whole)
    # Sums are taken in another order than on one device; float32 rounding grows over the steps.
    for (_, one, _), (_, eight, _) in zip(losses(straight), losses(whole), strict=True):
        assert eight == pytest.approx(one, rel=2e-3)


@pytest.mark.slow
def test_two_processes_train_as_one_and_resume_exactly(straight, cache_dir, tmp_path):
    def pair(model_dir):
        with socket.socket() as probe:
            probe.bind(("localhost", 0))
            coordinator = f"localhost:{probe.getsockname()[1]}"
        return [
            start(model_dir, cache_dir, "--process", f"{index}:2:{coordinator}")
            for index in range(2)
        ]

    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    for process in pair(whole):
        finish(process)
    processes = pair(stopped)
    wait_for_step(stopped, 12, processes[0])
    for process in processes:
        process.send_signal(signal.SIGKILL)
        process.wait()
    for process in pair(stopped):
        finish(process)
    assert losses(stopped) == losses(whole)
    assert draws(stopped) == draws(whole) == draws(straight)
    for (_, one, _), (_, two, _) in zip(losses(straight), losses(whole), strict=True):
        assert two == pytest.approx(one, rel=2e-3)
