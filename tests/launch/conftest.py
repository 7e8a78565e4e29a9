"""The tools of a cloud, stood in for by scripts that write down how they were called."""

import dataclasses
import os
import pathlib
import subprocess
from collections.abc import Mapping

import pytest

from tests.conftest import REPOSITORY

STAND_INS = pathlib.Path(__file__).parent / "stand_ins"


@dataclasses.dataclass(frozen=True)
class Cloud:
    """A folder in which the stand-ins keep their state.

    Attributes:
      folder: theirs.
      environment: what a script needs to find them.
    """

    folder: pathlib.Path
    environment: Mapping[str, str]

    def start(self, script: str, *words: str, **variables: str) -> subprocess.Popen[str]:
        """Begins a script of the repository, in a session of its own."""
        return subprocess.Popen(
            ["bash", str(REPOSITORY / script), *words],
            env={**self.environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, script: str, *words: str, **variables: str) -> tuple[int, str]:
        """A script's exit status, and what it printed."""
        process = self.start(script, *words, **variables)
        output, _ = process.communicate(timeout=120)
        return process.returncode, output

    def calls(self) -> list[str]:
        """The calls since this was asked last."""
        path, seen = self.folder / "calls", self.folder / "calls.seen"
        text = path.read_text() if path.exists() else ""
        start = int(seen.read_text()) if seen.exists() else 0
        # What is read is left there: a call that came just then would go with it.
        seen.write_text(str(len(text)))
        return text[start:].splitlines()

    def finish(self, status: int) -> None:
        """Ends every t5lite that runs or starts, with this status."""
        (self.folder / "finish").write_text(str(status))


@pytest.fixture
def cloud(tmp_path: pathlib.Path) -> Cloud:
    environment = {
        "PATH": f"{STAND_INS}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "CLOUD": str(tmp_path),
        "FINISH": str(tmp_path / "finish"),
    }
    return Cloud(tmp_path, environment)
