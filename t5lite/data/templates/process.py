"""Renders templates that strangers wrote in one child process, kept alive.

The child (`worker`) is begun with the first template, ended with this process, and begun anew after
a template that had to be ended. Each process that renders has its own: of one that was begun before
a fork the forked process keeps nothing.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from t5lite.data.templates.worker import HEAD, encoded

# Far beyond any template's needs: processor time of one, time of one on a machine that does other
# things too, memory of all.
CPU_SECONDS = 2.0
WALL_SECONDS = 60.0
MEMORY = 512 * 2**20

# The child sees the packages that this process does, but for those of the current folder.
_START = (
    "import json, sys; path, *limits = json.loads(sys.argv[1]); sys.path[:] = path; "
    "from t5lite.data.templates.worker import main; main(*limits)"
)


class TemplateFailure(Exception):
    """What a template did wrong.

    Attributes:
      kind: `broken`, `refuses` (it says so itself), `fails`, `unsafe`, `time`, `memory` or
        `ended` (its process, by a signal).
      message: what is to be said of it.
      line: of the template, where it is known.
    """

    def __init__(self, kind: str, message: str, line: int | None):
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.line = line


class TemplateProcess:
    """One child, and what it is asked."""

    def __init__(
        self,
        *,
        cpu_seconds: float = CPU_SECONDS,
        memory: int = MEMORY,
    ):
        self._cpu_seconds = cpu_seconds
        self._memory = memory
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._is_registered = False

    def render(self, kind: str, jobs: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Renders templates, all with one request.

        Args:
          kind: `chat`, `prompt` or `tokenizer`, whose functions are in `sandbox` and
            `tokenizer_probe`.
          jobs: their arguments, plain JSON; any other value becomes its text.

        Returns:
          What each of them returns.

        Raises:
          TemplateFailure: of the first that fails.
          ValueError: the process cannot be started.
        """
        try:
            request = encoded({"kind": kind, "jobs": jobs})
        except (TypeError, ValueError, RecursionError) as error:
            message = f"it is given what is no JSON: {type(error).__name__}: {error}"
            raise TemplateFailure("fails", message, None) from error
        with self._lock:
            child = self._running()
            results: list[Any] = []
            try:
                assert child.stdin is not None
                _write(child.stdin.fileno(), request)
                for _ in jobs:
                    reply = self._receive(child)
                    if "error" in reply:
                        raise self._failure(reply)
                    results.append(reply["result"])
            except (OSError, EOFError):
                raise self._failure(self._end_of(child)) from None
            except BaseException as error:
                # It may be half through a request, unless it said so itself.
                if not isinstance(error, TemplateFailure):
                    self._stop()
                raise
            return results

    def close(self) -> None:
        """Ends the child; the next template begins another."""
        with self._lock:
            self._stop()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is None:
            return self._child
        self._stop()
        if not self._is_registered:
            self._is_registered = True
            atexit.register(self.close)
            os.register_at_fork(after_in_child=self._forget)
        settings = json.dumps([_search_path(), self._cpu_seconds, self._memory])
        try:
            # Isolated (-I): neither the current folder nor the environment brings modules in.
            child = subprocess.Popen(
                [sys.executable, "-I", "-c", _START, settings],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,  # signals to this process's group are not for the child
            )
        except OSError as error:
            raise ValueError(_cannot_start(str(error))) from error
        self._child = child
        try:
            self._receive(child)
        except (OSError, EOFError) as error:
            child.kill()
            _, said = child.communicate()
            self._stop()
            lines = (said.decode(errors="replace").strip() or repr(error)).split("\n")
            raise ValueError(_cannot_start(lines[-1])) from error
        return child

    def _receive(self, child: subprocess.Popen[bytes]) -> Any:
        """The next reply.

        Raises:
          EOFError: the child has ended.
          TimeoutError: it does not answer.
        """
        assert child.stdout is not None
        until = time.monotonic() + WALL_SECONDS
        size = int.from_bytes(_read(child.stdout.fileno(), HEAD, until), "big")
        return json.loads(_read(child.stdout.fileno(), size, until))

    def _end_of(self, child: subprocess.Popen[bytes]) -> Mapping[str, Any]:
        """Why a child gave no answer; the next template has another."""
        try:
            status = child.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return {"error": "time", "message": "", "line": None}
        finally:
            self._stop()
        if status > 0:  # Python found none even to say so.
            return {"error": "memory", "message": "", "line": None}
        if status == -signal.SIGPROF:
            return {"error": "time", "message": "", "line": None}
        message = f"its process was ended by signal {-status}"
        return {"error": "ended", "message": message, "line": None}

    def _failure(self, reply: Mapping[str, Any]) -> TemplateFailure:
        messages = {
            "time": f"it takes more than {self._cpu_seconds:g} s",
            "memory": f"it takes more than {self._memory // 2**20} MiB of memory",
        }
        kind = reply["error"]
        return TemplateFailure(kind, messages.get(kind, reply["message"]), reply["line"])

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        with contextlib.suppress(OSError):
            child.kill()
        for stream in (child.stdin, child.stdout, child.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        child.wait()

    def _forget(self) -> None:
        """In a forked process: the child is the parent's, and its pipes are not kept open."""
        self._lock = threading.Lock()
        child, self._child = self._child, None
        if child is None:
            return
        for stream in (child.stdin, child.stdout, child.stderr):
            if stream is not None:
                stream.close()
        child.returncode = 0  # It is not ours to wait for.


def _search_path() -> list[str]:
    here = pathlib.Path.cwd()
    packages = [entry for entry in map(str, sys.path) if pathlib.Path(entry).resolve() != here]
    return [*packages, str(pathlib.Path(__file__).resolve().parents[3])]


def _write(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def _read(file: int, size: int, until: float) -> bytes:
    """Reads so many bytes; `until` is a time of `time.monotonic`."""
    ready = select.poll()
    ready.register(file, select.POLLIN)
    found = bytearray()
    while len(found) < size:
        if not ready.poll(max(until - time.monotonic(), 0) * 1000):
            raise TimeoutError("no answer")
        piece = os.read(file, size - len(found))
        if not piece:
            raise EOFError("it ended without an answer")
        found += piece
    return bytes(found)


def _cannot_start(reason: str) -> str:
    return (
        f"the process that renders templates cannot be started ({reason}). A template is a "
        f"stranger's program, so it is rendered nowhere else; it needs {sys.executable!r}, jinja2 "
        f"and {MEMORY // 2**20} MiB of memory."
    )


_shared = TemplateProcess()


def render(kind: str, jobs: Sequence[Mapping[str, Any]]) -> list[Any]:
    """`TemplateProcess.render` of the process that all templates share."""
    return _shared.render(kind, jobs)
