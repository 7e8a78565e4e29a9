"""docs/devices.md: what it says to try on a laptop, on as many devices as it says."""

import logging
import os
import subprocess
import sys

import pytest

from t5lite.cli import main
from tests.conftest import QUICK_COMPILATION, REPOSITORY
from tests.docs.pages import DOCS, blocks, commands

pytestmark = pytest.mark.slow


def test_four_devices_then_one(tmp_path, monkeypatch, caplog):
    pytest.importorskip("seqio")
    found = [c for c in commands(DOCS / "devices.md") if "--train_steps" in " ".join(c.words)]
    four, one, slices = found
    assert four.environment and not one.environment

    def run(arguments, environment):
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": str(REPOSITORY),
                "T5LITE_CACHE_DIR": str(tmp_path / "cache"),
                **environment,
                "XLA_FLAGS": f"{QUICK_COMPILATION} {environment.get('XLA_FLAGS', '')}",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    text = run(["-m", "t5lite", *four.words], four.environment)
    assert "1,017,600 parameters, mesh data=2, fsdp=2, sequence=1, tensor=1" in text
    first = (tmp_path / "runs" / "mesh" / "placement.txt").read_text()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("T5LITE_CACHE_DIR", str(tmp_path / "cache"))
    caplog.set_level(logging.INFO)
    assert main(list(one.words)) == 0
    assert "from step 2" in caplog.text and "mesh data=1" in caplog.text
    page = [
        " ".join(line.split())
        for block in blocks(DOCS / "devices.md", "text")
        for line in block.splitlines()
    ]
    kept = [" ".join(line.split()) for line in first.splitlines()]
    assert [line for line in page if "/" in line and line not in kept] == []
    text = run(["-m", "t5lite", *slices.words], slices.environment)
    assert "mesh data=2, fsdp=1, sequence=2, tensor=2" in text
