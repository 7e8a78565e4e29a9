"""A hash of what a computation depends on: functions, their arguments, constants and files.

Two processes that import the same code get the same hash; an edit of a function, of a helper or
constant of the same package that it uses, of an argument bound to it, or of a file an argument
names, changes it. Bytecode differs between versions of Python, and so does the hash.

Functions that close over nothing, and classes, are nodes of a graph: each contributes its own code
and constants once, however it is reached. Everything else is hashed where it is met, in order.
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
from collections.abc import Callable, Iterator, Mapping
from typing import Any

# What `describe` of `fingerprint` returns for a value it leaves to the general rules.
NOT_MINE = object()

# By a node's id: the node (kept, so that its id is not used again), its digest, and the nodes it
# uses. By ("value", id): a value given to `fingerprint` (kept likewise), what it feeds to the hash,
# and the nodes it uses. By the ids of some nodes: the digests of all that can be reached from them.
# Valid while values, code and constants stay as they are.
Memo = dict[int | tuple[str, int] | frozenset[int], Any]

_NUMBERS = (bool, int, float, complex, bytes, range)
_PLAIN = (str, *_NUMBERS, tuple, list, dict, set, frozenset)
# Known by name only: their code changes with their version, not with an edit.
_LIBRARIES = ("seqio", "tensorflow", "tensorflow_datasets", "numpy")
_OWN_PACKAGE = __name__.partition(".")[0]


def fingerprint(
    *values: Any,
    describe: Callable[[Any], Any] = lambda value: NOT_MINE,
    memo: Memo | None = None,
) -> str:
    """Sha256, in hex, of everything the values depend on.

    Args:
      *values: functions, `functools.partial`s, objects, plain data.
      describe: replaces a value by plainer data that says what matters of it, or answers
        `NOT_MINE`.
      memo: a dict to share between calls that have values or code in common: makes them fast.
    """
    memo = {} if memo is None else memo
    hashed = hashlib.sha256()
    nodes: list[Any] = []
    for value in values:
        key = ("value", id(value))
        if key not in memo:
            walk = _Walk(describe)
            walk.add(value)
            memo[key] = (value, bytes(walk.data), walk.nodes)
        _, data, used = memo[key]
        hashed.update(data)
        nodes += used
    # Tasks of one kind start from the same nodes.
    starts = frozenset(map(id, nodes))
    if starts not in memo:
        memo[starts] = "".join(_reachable(nodes, describe, memo))
    hashed.update(memo[starts].encode())
    return hashed.hexdigest()


def _reachable(nodes: list[Any], describe: Callable[[Any], Any], memo: Memo) -> list[str]:
    """The digests of these nodes and of all that they use, sorted."""
    reached: dict[int, str] = {}
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if id(node) in reached:
            continue
        if id(node) not in memo:
            inner = _Walk(describe)
            inner.add_node_content(node)
            memo[id(node)] = (node, hashlib.sha256(inner.data).hexdigest(), inner.nodes)
        _, reached[id(node)], used = memo[id(node)]
        waiting += used
    return sorted(set(reached.values()))


class _Walk:
    """Collects what values feed to a hash, and the nodes they use."""

    def __init__(self, describe: Callable[[Any], Any]):
        self.data = bytearray()
        self.nodes: list[Any] = []
        self._describe = describe
        self._open: list[Any] = []

    def add(self, value: Any) -> None:
        if value is None or isinstance(value, _NUMBERS):
            self._put(type(value).__name__, repr(value))
        elif isinstance(value, str | pathlib.PurePath):
            self._put("text", str(value), *_file_state(str(value)))
        elif (described := self._describe(value)) is not NOT_MINE:
            self._put("described")
            self.add(described)
        elif isinstance(value, enum.Enum | types.ModuleType | types.BuiltinFunctionType):
            self._put("name", str(getattr(value, "__qualname__", value)).partition(" at 0x")[0])
        elif isinstance(value, set | frozenset):
            self._put("set", *sorted(map(repr, value)))
        elif _is_node(value):
            self._put("node", value.__module__ or "", value.__qualname__)
            if isinstance(value, types.FunctionType):
                self._put(_describe_code(value.__code__, value.__doc__)[0])
            self.nodes.append(value)
        elif any(value is other for other in self._open):
            self._put("cycle")
        else:
            self._open.append(value)
            self._add_compound(value)
            self._open.pop()

    def add_node_content(self, node: Any) -> None:
        """Adds what a node is by itself: its code, defaults, constants, and nodes it names."""
        if isinstance(node, types.FunctionType):
            self._add_function(node)
            return
        self._put("class", node.__module__, node.__qualname__)
        for name, member in sorted(vars(node).items()):
            if isinstance(member, classmethod | staticmethod):
                member = member.__func__
            if isinstance(member, property):
                member = member.fget
            if isinstance(member, types.FunctionType) and _is_written(member):
                self._put(name)
                self.add(member)

    def _add_compound(self, value: Any) -> None:
        if isinstance(value, Mapping):
            self._add_all("mapping", *itertools.chain.from_iterable(value.items()))
        elif isinstance(value, list | tuple):
            self._add_all("sequence", *value)
        elif isinstance(value, functools.partial):
            self._add_all("partial", value.func, value.args, value.keywords)
        elif isinstance(value, types.MethodType):
            self._add_all("method", value.__func__, value.__self__)
        elif isinstance(value, types.FunctionType):
            self._add_function(value)
        elif isinstance(value, type):
            self._put("class", value.__module__, value.__qualname__)
        elif hasattr(value, "__wrapped__"):
            self.add(value.__wrapped__)
        elif hasattr(value, "fingerprint_parts"):
            # It knows best what it depends on, such as files that it finds when it is used.
            self._add_all("parts", type(value), *value.fingerprint_parts())
        else:
            self._add_object(value)

    def _add_all(self, kind: str, *items: Any) -> None:
        self._put(kind, str(len(items)))
        for item in items:
            self.add(item)

    def _add_function(self, function: types.FunctionType) -> None:
        digest, names = _describe_code(function.__code__, function.__doc__)
        self._put("function", function.__module__ or "", function.__qualname__, digest)
        self._add_all("defaults", function.__defaults__, function.__kwdefaults__)
        for cell in function.__closure__ or ():
            try:
                self.add(cell.cell_contents)
            except ValueError:  # Not assigned yet.
                self._put("empty cell")
        for name, value in _used_globals(function, names):
            self._put(name)
            self.add(value)

    def _add_object(self, value: Any) -> None:
        kind = type(value)
        self._put("object", kind.__module__, kind.__qualname__)
        if hasattr(value, "tobytes") and hasattr(value, "dtype"):
            data = hashlib.sha256(value.tobytes()).hexdigest()
            self._put(str(value.dtype), str(value.shape), data)
        elif hasattr(value, "pattern"):
            self._put(repr(value))
        self.add(kind)
        for name, item in sorted(getattr(value, "__dict__", {}).items()):
            self._put(name)
            self.add(item)

    def _put(self, *parts: str) -> None:
        for part in parts:
            data = part.encode("utf-8", errors="surrogatepass")
            self.data += len(data).to_bytes(8, "little")
            self.data += data


def _is_node(value: Any) -> bool:
    if isinstance(value, types.FunctionType):
        return not value.__closure__
    return isinstance(value, type) and _belongs(value.__module__, value.__module__)


def _used_globals(
    function: types.FunctionType, names: tuple[str, ...]
) -> Iterator[tuple[str, Any]]:
    """Functions, classes and constants of the function's own package that its code names."""
    own_constants = _belongs(function.__module__, function.__module__)
    for name in names:
        value = function.__globals__.get(name, NOT_MINE)
        if value is NOT_MINE:
            continue
        if isinstance(value, types.ModuleType):
            if _belongs(value.__name__, function.__module__):
                # `module.helper`: the code names both.
                for attribute in names:
                    if attribute in vars(value):
                        yield f"{name}.{attribute}", vars(value)[attribute]
        elif isinstance(value, types.FunctionType | type) or hasattr(value, "__wrapped__"):
            if _belongs(getattr(value, "__module__", ""), function.__module__):
                yield name, value
        elif own_constants and isinstance(value, _PLAIN):
            yield name, value


def _belongs(module: str | None, user: str | None) -> bool:
    """Whether code of `module` may change with the code of `user`: same package, or this one."""
    package = (module or "").partition(".")[0]
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
