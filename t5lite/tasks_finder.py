"""Finds our task modules as `tasks.*`, beside any package of that name that a user has.

They are the package `t5lite.tasks`. Where t5lite is installed they lie there, so that no top-level
`tasks` of ours is in anybody's way; in the repository they lie in `tasks/` at its root. Either way
`tasks.mini` is another name of the module `t5lite.tasks.mini`: one module object, for seqio
registers a Task once. A user's own `tasks`, package or single file, comes first: `tasks.mini` is
ours where theirs has no `mini`.

Our modules import each other relatively, so that a user's `tasks/metrics.py` is never taken for
ours.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import pathlib
import pkgutil
import sys
import types
from collections.abc import Sequence

_ALIAS = "tasks"
_NAME = "t5lite.tasks"


def folder() -> pathlib.Path:
    """Where our task modules lie: inside t5lite, or beside it in the repository."""
    package = pathlib.Path(__file__).resolve().parent
    inside = package / "tasks"
    return inside if (inside / "__init__.py").is_file() else package.parent / "tasks"


def shipped_modules() -> list[str]:
    """Our task modules and packages directly below `tasks`, as `tasks.mini`."""
    return [f"{_ALIAS}.{entry.name}" for entry in pkgutil.iter_modules([str(folder())])]


def install() -> None:
    """Makes `tasks.*` and `t5lite.tasks.*` importable from here on; a second call does nothing."""
    if not any(isinstance(finder, _TasksFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _TasksFinder())


class _TasksFinder(importlib.abc.MetaPathFinder):
    """Stands before the other finders, and asks them before it answers with ours."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """As the import system asks: the package's `path`, or None at the top level."""
        if fullname == _NAME:
            return importlib.util.spec_from_file_location(fullname, folder() / "__init__.py")
        top, _, rest = fullname.partition(".")
        if top != _ALIAS:
            return None
        if path is not None and any(is_shipped(entry) for entry in path):
            return _alias(fullname)  # Found by its path it would be loaded a second time.
        if "." in rest:
            return None  # Below a package of theirs, which is theirs whole.
        return self._find_theirs(fullname, path) or _alias(fullname)

    def _find_theirs(
        self, fullname: str, path: Sequence[str] | None
    ) -> importlib.machinery.ModuleSpec | None:
        if path is None:  # The repository on the search path must not hide theirs.
            path = [entry for entry in sys.path if not _is_repository(entry)]
        for finder in sys.meta_path:
            find_spec = getattr(finder, "find_spec", None)
            if finder is self or find_spec is None:
                continue
            spec = find_spec(fullname, path)
            if spec is None or (spec.origin and is_shipped(spec.origin)):
                continue
            if fullname == _ALIAS and spec.submodule_search_locations is None:
                # Their tasks.py: as a package without modules it can import ours.
                spec.submodule_search_locations = []
            return spec
        return None


class _AliasLoader(importlib.abc.InspectLoader):
    """Gives a module that has another name already."""

    def __init__(self, spec: importlib.machinery.ModuleSpec):
        self._spec = spec

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return importlib.import_module(self._spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        # It has run; only its spec was replaced by the one of the other name.
        module.__spec__ = self._spec

    def get_code(self, fullname: str) -> types.CodeType | None:
        """For `python -m tasks.mini.table`."""
        loader = self._spec.loader
        assert isinstance(loader, importlib.abc.InspectLoader)
        return loader.get_code(self._spec.name)

    def get_source(self, fullname: str) -> str | None:
        loader = self._spec.loader
        assert isinstance(loader, importlib.abc.InspectLoader)
        return loader.get_source(self._spec.name)

    def is_package(self, fullname: str) -> bool:
        return self._spec.submodule_search_locations is not None


def _alias(fullname: str) -> importlib.machinery.ModuleSpec | None:
    """The spec of `tasks.x` that stands for `t5lite.tasks.x`, None where there is no such."""
    ours = importlib.util.find_spec(_NAME + fullname.removeprefix(_ALIAS))
    if ours is None:
        return None
    return importlib.machinery.ModuleSpec(
        fullname,
        _AliasLoader(ours),
        origin=ours.origin,
        is_package=ours.submodule_search_locations is not None,
    )


def is_shipped(path: str) -> bool:
    """Whether a file is one of our task modules."""
    return pathlib.Path(os.path.realpath(path)).is_relative_to(folder())


def _is_repository(entry: str) -> bool:
    """Whether a folder is a checkout of t5lite, perhaps another than the one that runs."""
    place = pathlib.Path(entry or os.curdir)
    return (place / "tasks" / "shipped.json").is_file() and (place / "t5lite").is_dir()
