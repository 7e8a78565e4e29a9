"""Every shell script of the repository is clean to shellcheck."""

import pathlib
import shutil
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY


def test_shellcheck_finds_nothing():
    beside = pathlib.Path(sys.executable).parent
    shellcheck = shutil.which("shellcheck", path=beside) or shutil.which("shellcheck")
    if shellcheck is None:
        pytest.skip("no shellcheck (the extra dev has it)")
    files = [path for path in REPOSITORY.glob(".ci/*") if path.is_file()]
    for folder in ("launch", "tests/launch/stand_ins"):
        found = [path for path in (REPOSITORY / folder).rglob("*") if path.is_file()]
        files += [path for path in found if path.read_bytes().startswith(b"#!/usr/bin/env bash\n")]
    assert len(files) > 15
    done = subprocess.run([shellcheck, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
