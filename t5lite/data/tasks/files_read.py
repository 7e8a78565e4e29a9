"""Which files a Task reads while its store is built, so that a later change of one is noticed.

Files that Python opens are seen, and folders that it lists; what C++ reads must be noted by whoever
knows of it. Code, libraries and what is only written do not count.
"""

import hashlib
import os
import stat
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any

from t5lite.files import strict_json

# By path: size and time of change (ns) of a file; a hash of the names in a folder.
States = dict[str, list[int] | str | None]

_CODE = (".py", ".pyc", ".so")
_NO_DATA = ("/proc", "/sys", "/dev")

# Those that are recording now. Python has one set of audit hooks, and none is ever removed.
_recording: list["FilesRead"] = []
_hooked: list[bool] = []


class FilesRead:
    """A context that records what is read inside it.

    Attributes:
      states: what was read, as it was when it was opened.
    """

    def __init__(self, *, leave_out: str | os.PathLike[str]):
        """`leave_out` is a folder that does not count."""
        libraries = [p for p in sys.path if p.endswith(("site-packages", "dist-packages"))]
        known = [sys.prefix, sysconfig.get_path("stdlib"), *libraries, *_NO_DATA, str(leave_out)]
        self._left_out = tuple(os.path.join(os.path.realpath(path), "") for path in known)
        self._searched = {os.path.realpath(path) for path in sys.path}
        self._folders: set[str] = set()
        self.states: States = {}

    def __enter__(self) -> "FilesRead":
        if not _hooked:
            sys.addaudithook(_hear)
            _hooked.append(True)
        _recording.append(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _recording.remove(self)
        self.states.update((path, _state(path)) for path in self._folders)
        # Temporary files are gone by now, and say nothing.
        self.states = {path: state for path, state in self.states.items() if os.path.exists(path)}

    def note(self, path: str) -> None:
        """Records a file or folder, unless it does not count."""
        real = os.path.realpath(path)
        if real in self.states or real.endswith(_CODE) or real.startswith(self._left_out):
            return
        if os.path.isfile(real):
            self.states[real] = _state(real)
        elif os.path.isdir(real) and real not in self._searched:
            self._folders.add(real)  # To list it here would be heard, and noted, and so on.


def is_recording() -> bool:
    """Whether anybody wants to know."""
    return bool(_recording)


def note_files(paths: Iterable[str]) -> None:
    """Notes, for whoever is recording, that these are read."""
    for path in paths:
        for recording in _recording:
            recording.note(path)


def changed_since(states: Mapping[str, Any]) -> States:
    """The states now of what has changed; None of what is gone."""
    now = {path: _state(path) for path in states}
    return {path: state for path, state in now.items() if state != states[path]}


def digest(states: Mapping[str, Any]) -> str:
    """One text for all of them."""
    return hashlib.sha256(strict_json.dumps(sorted(states.items())).encode()).hexdigest()


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if not _recording or event not in ("open", "os.listdir", "os.scandir"):
        return
    path = arguments[0]
    if not isinstance(path, str | bytes | os.PathLike):
        return
    if event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR):
        return
    note_files([os.fsdecode(path)])


def _state(path: str) -> list[int] | str | None:
    """What would change with a file's content, or with what a folder holds; None of others."""
    try:
        found = os.stat(path)
        if stat.S_ISREG(found.st_mode):
            return [found.st_size, found.st_mtime_ns]
        if stat.S_ISDIR(found.st_mode):
            names = sorted(n for n in os.listdir(path) if not n.startswith((".", "__")))
            return hashlib.sha256("\0".join(names).encode(errors="surrogatepass")).hexdigest()
    except OSError:
        pass
    return None
