"""A hash of what a computation depends on: functions, their arguments, constants and files.

Two processes that import the same code get the same hash; an edit of a function, of a helper or
constant of the same package that it uses, of an argument bound to it, or of a file an argument
names, changes it. Bytecode differs between versions of Python, and so does the hash.
"""

import enum
import functools
import hashlib
import itertools
import os
import pathlib
import stat
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any

# What `describe` of `fingerprint` returns for a value it leaves to the general rules.
NOT_MINE = object()

_PLAIN = (str, int, float, tuple, list, dict, set, frozenset)
# Known by name only: their code changes with their version, not with an edit.
_LIBRARIES = ("seqio", "tensorflow", "tensorflow_datasets", "numpy")
_OWN_PACKAGE = __name__.partition(".")[0]


def fingerprint(*values: Any, describe: Callable[[Any], Any] = lambda value: NOT_MINE) -> str:
    """Sha256, in hex, of everything the values depend on.

    Args:
      *values: functions, `functools.partial`s, objects, plain data.
      describe: replaces a value by plainer data that says what matters of it, or answers
        `NOT_MINE`.
    """
    walk = _Walk(describe)
    for value in values:
        walk.add(value)
    return walk.hash.hexdigest()


class _Walk:
    """One pass over a graph of values, feeding a hash; a value met again is a back reference."""

    def __init__(self, describe: Callable[[Any], Any]):
        self.hash = hashlib.sha256()
        self._describe = describe
        self._seen: dict[int, tuple[int, Any]] = {}
        self._open: set[int] = set()

    def add(self, value: Any) -> None:
        described = self._describe(value)
        if described is not NOT_MINE:
            value = described
        if value is None or isinstance(value, bool | int | float | complex | bytes | range):
            self._put(type(value).__name__, repr(value))
        elif isinstance(value, str | pathlib.PurePath):
            self._put("text", str(value), *_file_state(str(value)))
        elif isinstance(value, enum.Enum | types.ModuleType | types.BuiltinFunctionType):
            self._put("name", str(getattr(value, "__qualname__", value)).partition(" at 0x")[0])
        elif isinstance(value, set | frozenset):
            self._put("set", *sorted(map(repr, value)))
        elif isinstance(value, Mapping | list | tuple):
            self._add_container(value)
        elif id(value) in self._seen:
            self._put("again", str(self._seen[id(value)][0]))
        else:
            self._seen[id(value)] = (len(self._seen), value)
            self._add_compound(value)

    def _add_container(self, value: Any) -> None:
        # No back references: whether two equal tuples are one object is Python's own affair.
        if id(value) in self._open:
            self._put("cycle")
            return
        self._open.add(id(value))
        self._put(type(value).__name__, str(len(value)))
        items = itertools.chain(*value.items()) if isinstance(value, Mapping) else value
        for item in items:
            self.add(item)
        self._open.remove(id(value))

    def _add_compound(self, value: Any) -> None:
        if isinstance(value, functools.partial):
            self._put("partial")
            for item in (value.func, value.args, value.keywords):
                self.add(item)
        elif isinstance(value, types.MethodType):
            self._put("method")
            self.add(value.__func__)
            self.add(value.__self__)
        elif isinstance(value, types.FunctionType):
            self._add_function(value)
        elif isinstance(value, type):
            self._add_class(value)
        elif hasattr(value, "__wrapped__"):
            self.add(value.__wrapped__)
        else:
            self._add_object(value)

    def _add_function(self, function: types.FunctionType) -> None:
        self._put("function", function.__module__ or "", function.__qualname__)
        digest, names = _describe_code(function.__code__, function.__doc__)
        self._put(digest)
        self.add(function.__defaults__)
        self.add(function.__kwdefaults__)
        for cell in function.__closure__ or ():
            try:
                self.add(cell.cell_contents)
            except ValueError:  # Not assigned yet.
                self._put("empty cell")
        for name, value in _used_globals(function, names):
            self._put(name)
            self.add(value)

    def _add_class(self, value: type) -> None:
        self._put("class", value.__module__, value.__qualname__)
        if not _belongs(value.__module__, value.__module__):
            return
        for name, member in sorted(vars(value).items()):
            if isinstance(member, classmethod | staticmethod):
                member = member.__func__
            if isinstance(member, types.FunctionType) and _is_written(member):
                self._put(name)
                self.add(member)

    def _add_object(self, value: Any) -> None:
        kind = type(value)
        self._put("object", kind.__module__, kind.__qualname__)
        if hasattr(value, "tobytes") and hasattr(value, "dtype"):
            self._put(
                str(value.dtype), str(value.shape), hashlib.sha256(value.tobytes()).hexdigest()
            )
        elif hasattr(value, "pattern"):
            self._put(repr(value))
        self.add(kind)
        state = getattr(value, "__dict__", None)
        for name, item in sorted((state or {}).items()):
            self._put(name)
            self.add(item)

    def _put(self, *parts: str) -> None:
        for part in parts:
            data = part.encode("utf-8", errors="surrogatepass")
            self.hash.update(len(data).to_bytes(8, "little"))
            self.hash.update(data)


def _used_globals(function: types.FunctionType, names: tuple[str, ...]) -> list[tuple[str, Any]]:
    """Functions, classes and constants of the function's own package that its code names."""
    used = []
    for name in names:
        value = function.__globals__.get(name, NOT_MINE)
        if isinstance(value, types.ModuleType) and _belongs(value.__name__, function.__module__):
            # `module.helper`: the code names both.
            used += [
                (f"{name}.{attribute}", vars(value)[attribute])
                for attribute in names
                if attribute in vars(value)
            ]
        elif isinstance(value, types.FunctionType | type) or hasattr(value, "__wrapped__"):
            if _belongs(getattr(value, "__module__", "") or "", function.__module__):
                used.append((name, value))
        elif isinstance(value, _PLAIN) and _belongs(function.__module__, function.__module__):
            used.append((name, value))
    return used


def _belongs(module: str, user: str | None) -> bool:
    """Whether code of `module` may change with the code of `user`: same package, or this one."""
    package = module.partition(".")[0]
    if package in sys.stdlib_module_names or package in _LIBRARIES:
        return False
    return package in ((user or "").partition(".")[0], _OWN_PACKAGE)


def _is_written(function: types.FunctionType) -> bool:
    """Whether someone wrote it: dataclasses and the like generate methods under no file."""
    return not function.__code__.co_filename.startswith("<")


@functools.cache
def _describe_code(code: types.CodeType, doc: str | None) -> tuple[str, tuple[str, ...]]:
    """Digest of a function's code without its lines, file and docstring; and the names it uses."""
    digest = hashlib.sha256(code.co_code)
    names = set(code.co_names)
    digest.update(repr((code.co_names, code.co_varnames, code.co_freevars)).encode())
    for index, constant in enumerate(code.co_consts):
        if isinstance(constant, types.CodeType):
            nested, nested_names = _describe_code(constant, None)
            digest.update(nested.encode())
            names.update(nested_names)
        elif isinstance(constant, frozenset):
            digest.update(repr(sorted(map(repr, constant))).encode())
        elif index or constant != doc:
            digest.update(repr(constant).encode("utf-8", errors="surrogatepass"))
    return digest.hexdigest(), tuple(sorted(names))


def _file_state(text: str) -> tuple[str, ...]:
    """Size and time of change of the file that a text names by its full path, if it does."""
    if not os.path.isabs(text) or len(text) > 4096 or "\0" in text:
        return ()
    try:
        found = os.stat(text)
    except OSError:
        return ()
    return (str(found.st_size), str(found.st_mtime_ns)) if stat.S_ISREG(found.st_mode) else ()
