"""Reads gin files and flags into bindings that remember where they were written.

The gin library forgets the file and line of a binding once it is parsed. This module runs gin's
own parser, keeps every statement's place, and resolves includes along our search path. It knows
nothing of what can be configured; `config.py` does.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import pathlib
import re
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gin import config_parser

from t5lite.configuration.t5x.flags import COMMAND
from t5lite.files.buckets import is_address, is_in_bucket
from t5lite.files.local_paths import storage_path
from t5lite.files.regular_files import has_file
from t5lite.messages.suggest import did_you_mean

# A flag's value that is no gin literal is taken as a plain string when it looks like a name, a
# path, or a number with a unit. Anything else is more likely a slip in quoting.
_BARE_STRING = re.compile(r"[A-Za-z_./~][\w./~:+ -]*|[\d._]+(e\d+)? +[a-z]+")
_VALUES = (
    "a number, True, False, None, 'text', [a, list], {'a': 'dictionary'}, %MACRO or @configurable()"
)
_LINES = "NAME = VALUE, CONFIGURABLE.PARAMETER = VALUE, include 'FILE' or import MODULE"
# How the parser begins to speak of a value that is none, and of a line that is none.
_NO_VALUE = ("malformed node", "invalid syntax", "Unable to parse value", "Expected newline")
_NO_LINE = ("Couldn't parse statement", "Unexpected token", "Expected newline.  Got")
_MOST_MACROS = 10_000
# How deep macros and brackets may lie in one another, which gin follows by recursion.
MOST_NESTED = 50
_ALMOST_LITERALS = {"true": "True", "false": "False", "none": "None", "null": "None"}


@dataclasses.dataclass(frozen=True)
class Macro:
    """A use of a macro, `%NAME`."""

    name: str

    def __repr__(self) -> str:
        return f"%{self.name}"


@dataclasses.dataclass(frozen=True)
class Reference:
    """A use of a configurable, `@scope/name` or, called, `@scope/name()`."""

    scoped_name: str
    is_called: bool

    def __repr__(self) -> str:
        return f"@{self.scoped_name}{'()' if self.is_called else ''}"

    @property
    def name(self) -> str:
        """The configurable's name without its scopes."""
        return self.scoped_name.rsplit("/", 1)[-1]

    @property
    def scope(self) -> str:
        """The scopes, '' for none."""
        return self.scoped_name.rpartition("/")[0]


@dataclasses.dataclass(frozen=True)
class Binding:
    """One `scope/configurable.parameter = value`, or `MACRO = value`.

    Attributes:
      scope: the scopes, '' for none; '' for a macro.
      configurable: the configurable as written, '' for a macro.
      name: the parameter, or the macro.
      value: literals, with `Macro` and `Reference` in the places of `%` and `@`.
      place: where it was written: "path/file.gin:12", or a flag.
      file: the file it was written in, whole path; '' for a flag.
      is_ours: whether t5lite wrote it: in a file that it ships, or in a model folder.
    """

    scope: str
    configurable: str
    name: str
    value: Any
    place: str
    file: str = ""
    is_ours: bool = False

    @property
    def is_macro(self) -> bool:
        """Whether this defines a macro."""
        return not self.configurable

    @property
    def key(self) -> str:
        """What is bound, as gin writes it."""
        if self.is_macro:
            return self.name
        return f"{self.scope + '/' if self.scope else ''}{self.configurable}.{self.name}"


@dataclasses.dataclass(frozen=True)
class Import:
    """One `import module` statement."""

    module: str
    place: str


class KeepReferences(config_parser.ParserDelegate):
    """Leaves references unresolved, so that a file can be read before anything is registered."""

    def configurable_reference(self, scoped_configurable_name: str, evaluate: bool) -> Reference:
        """Gives an `@` as it is written."""
        return Reference(scoped_configurable_name, evaluate)

    def macro(self, macro_name: str) -> Macro:
        """Gives a `%` as it is written."""
        return Macro(macro_name)


def filled_in(value: Any, bindings: Mapping[str, Binding]) -> Any:
    """A value with its macros filled in, however nested; undefined ones and references stay.

    Args:
      value: as in `Binding.value`.
      bindings: by name, macros among them.

    Raises:
      ValueError: a macro is defined by itself, several times over by others that double it, or in
        too many others; or a key of a dictionary is none that Python takes.
    """
    num_filled_in = 0

    def fill_in(value: Any, parents: tuple[str, ...], depth: int) -> Any:
        nonlocal num_filled_in
        if depth > MOST_NESTED:
            where = f"{bindings[parents[0]].place}: macro {parents[0]}" if parents else "a value"
            raise ValueError(f"{where} is nested more than {MOST_NESTED} deep; write it out.")
        if isinstance(value, Macro) and value.name in bindings:
            place = bindings[value.name].place
            if value.name in parents:
                raise ValueError(f"{place}: macro {value.name} is defined by itself.")
            num_filled_in += 1
            if num_filled_in > _MOST_MACROS:
                raise ValueError(
                    f"{place}: macros in macros are filled in {_MOST_MACROS:,} times and more; "
                    "write the value out."
                )
            return fill_in(bindings[value.name].value, (*parents, value.name), depth + 1)
        inside = functools.partial(fill_in, parents=parents, depth=depth + 1)
        if isinstance(value, dict):
            return {_hashable(inside(k), k, bindings): inside(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(map(inside, value))
        return value

    return fill_in(value, (), 0)


def _hashable(key: Any, written: Any, bindings: Mapping[str, Binding]) -> Any:
    """A key of a dictionary, as it is written with macros, if it can be one."""
    try:
        hash(key)
    except TypeError:
        macro = next(use.name for use in uses(written) if use.name in bindings)
        raise ValueError(
            f"{bindings[macro].place}: {macro} = {bindings[macro].value!r} is used in the key "
            f"{written!r} of a dictionary; keys are numbers, texts, or tuples of them."
        ) from None
    return key


def written_items(
    binding: Binding, bindings: Mapping[str, Binding]
) -> Iterator[tuple[Any, Binding]]:
    """What a binding's value holds, macros filled in, each with the binding that writes it.

    Raises:
      ValueError: as `filled_in`.
    """
    filled_in(binding.value, bindings)
    for item in _items(binding.value):
        if isinstance(item, Macro) and item.name in bindings:
            yield from written_items(bindings[item.name], bindings)
        else:
            yield item, binding


def uses(value: Any) -> Iterator[Macro | Reference]:
    """Every macro and reference inside a value, however nested."""
    return (item for item in _items(value) if isinstance(item, Macro | Reference))


def is_finite(value: Any) -> bool:
    """Whether no number inside a value is infinite, as 1e999 is, or none at all."""
    return all(math.isfinite(item) for item in _items(value) if isinstance(item, float))


def _items(value: Any) -> Iterator[Any]:
    """A value that holds no others, or those that it holds, however nested."""
    if isinstance(value, dict):
        value = (*value.keys(), *value.values())
    if not isinstance(value, list | tuple):
        yield value
        return
    for item in value:
        yield from _items(item)


def find_file(name: str, search_path: Sequence[pathlib.Path], *, wanted_by: str) -> pathlib.Path:
    """The first file of that name on the search path.

    Args:
      name: absolute, of a bucket, or relative to a folder of the search path.
      search_path: folders, in the order they are tried.
      wanted_by: the flag or file:line that names it, for the message.

    Raises:
      ValueError: there is none; lists the folders searched and the nearest names in them.
    """
    if _is_whole_path(name):
        path = storage_path(name, name=wanted_by)
        if has_file(path):
            return path
        raise ValueError(f"{wanted_by}: there is no gin file {name}.")
    for folder in search_path:
        if has_file(folder / name):
            return folder / name
    known = [str(p.relative_to(folder)) for folder in search_path for p in _gin_files_in(folder)]
    raise ValueError(
        f"{wanted_by}: there is no gin file {name!r} in "
        + ", ".join(map(str, search_path))
        + f".{did_you_mean(name, known)} --gin_search_paths adds folders."
        + (f" `{COMMAND}` reads those of T5X." if "t5x/" in name else "")
    )


def _is_whole_path(name: str) -> bool:
    return is_address(name) or pathlib.PurePath(name).is_absolute()


def _gin_files_in(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Gin files at most three folders deep: enough for ours, and quick in a large home folder."""
    for pattern in ("*.gin", "*/*.gin", "*/*/*.gin"):
        yield from folder.glob(pattern)


def read_file(
    name: str, search_path: Sequence[pathlib.Path], *, wanted_by: str
) -> list[Binding | Import]:
    """Reads a gin file and everything it includes, in the order gin would apply it.

    An `include` is looked for beside the tree its file was found in, then on the search path, then
    in its file's own folder, so a packaged recipe includes packaged files wherever it is used from.

    Args:
      name: the file, as `find_file` takes it.
      search_path: folders, in the order they are tried.
      wanted_by: who asks for it, for messages.

    Raises:
      ValueError: a file is missing, includes itself, or breaks gin's syntax; names file and line.
    """
    return list(_read_file(name, tuple(search_path), wanted_by, ()))


def read_record(path: pathlib.Path, *, wanted_by: str) -> list[Binding | Import]:
    """Reads the gin file that a run left in its folder, which may be anybody's, as data.

    Raises:
      ValueError: it includes a file, as no such record does; or as `read_file`.
    """
    return list(_read_file(str(path.absolute()), None, wanted_by, ()))


def _read_file(
    name: str,
    search_path: tuple[pathlib.Path, ...] | None,
    wanted_by: str,
    parents: tuple[str, ...],
) -> Iterator[Binding | Import]:
    """As `read_file`; includes are refused where the search path is None."""
    path = find_file(name, search_path or (), wanted_by=wanted_by)
    if str(path.resolve()) in parents:
        raise ValueError(f"{wanted_by}: {path} includes itself.")
    parents = (*parents, str(path.resolve()))
    below_root = 1 if _is_whole_path(name) else len(pathlib.PurePath(name).parts)
    root = path.parents[below_root - 1]
    shown = display(path)
    try:
        text = path.read_text(encoding="utf-8-sig")  # without a byte-order mark
    except OSError as error:
        raise ValueError(f"{wanted_by}: cannot read gin file {shown}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{wanted_by}: gin file {shown} is not UTF-8 ({error}); save it as UTF-8"
        ) from error
    for statement in _statements(text, shown):
        place = f"{shown}:{statement.location.line_num}"
        if isinstance(statement, config_parser.IncludeStatement):
            if search_path is None:
                raise ValueError(
                    f"{place}: include {statement.filename!r}: the config.gin of a model folder "
                    "is data and reads no other file. Remove the line, or name the file by "
                    f"--gin_file={shown} if you trust all that it includes."
                )
            folders = tuple(dict.fromkeys((root, *search_path, path.parent)))
            yield from _read_file(statement.filename, folders, place, parents)
        elif isinstance(statement, config_parser.ImportStatement):
            yield Import(statement.module, place)
        elif isinstance(statement, config_parser.BindingStatement):
            yield dataclasses.replace(as_binding(statement, place), file=str(path.resolve()))


def read_flag(text: str) -> Binding:
    """Reads the `NAME=VALUE` of a `--gin.NAME=VALUE` flag.

    A value that is no gin literal but looks like a name, a path or a number with a unit is taken as
    a string, so that `--gin.MODEL_DIR=/tmp/run` needs no inner quotes.

    Raises:
      ValueError: no `=`, or a value that is neither.
    """
    key, equals, value = text.partition("=")
    key, value = key.strip(), value.strip()
    flag = f"--gin.{key}"
    if not equals or not key:
        raise ValueError(f"--gin.{text}: write --gin.NAME=VALUE, e.g. --gin.TRAIN_STEPS=100.")
    if value.lower() in _ALMOST_LITERALS and value not in _ALMOST_LITERALS.values():
        raise ValueError(
            f"{flag}={value}: write {_ALMOST_LITERALS[value.lower()]} for the value, or "
            f"""{flag}="'{value}'" for the text."""
        )
    try:
        return _flag_binding(f"{key} = {value}", flag)
    except ValueError:
        if not _BARE_STRING.fullmatch(value):
            raise ValueError(
                f"{flag}={value}: the value is no gin value, which is {_VALUES}. For a text write "
                f"""{flag}="'{value}'"."""
            ) from None
    return _flag_binding(f"{key} = {value!r}", flag)


def _flag_binding(text: str, flag: str) -> Binding:
    statements = [*_statements(text, flag)]
    if len(statements) != 1 or not isinstance(statements[0], config_parser.BindingStatement):
        raise ValueError(f"{flag}: {text!r} is not one NAME = VALUE")
    return as_binding(statements[0], flag)


def as_binding(statement: config_parser.BindingStatement, place: str) -> Binding:
    """A statement of gin's parser as a binding that knows its place."""
    if statement.arg_name:
        return Binding(
            statement.scope, statement.selector, statement.arg_name, statement.value, place
        )
    scope = f"{statement.scope}/" if statement.scope else ""
    return Binding("", "", scope + statement.selector, statement.value, place)


def _statements(text: str, shown: str) -> Iterator[Any]:
    """Runs gin's parser; its statements, or one ValueError with file and line."""
    parser = None
    try:
        parser = config_parser.ConfigParser(text, KeepReferences())
        yield from parser
    except SyntaxError as error:  # IndentationError is one too
        # A statement that ends early is reported at the line behind it, which may not exist.
        line = "".join(text.splitlines()[(error.lineno or 0) - 1 : error.lineno]).strip()
        raise ValueError(f"{shown}:{error.lineno}: {explained(error.msg, line)}") from error
    except TypeError as error:  # of a list or dictionary as a key
        line_number = parser.current_token.start[0] if parser else 1
        raise ValueError(f"{shown}:{line_number}: {error} as the key of a dictionary.") from error
    except (RecursionError, MemoryError) as error:
        raise ValueError(f"{shown}: brackets are nested too deep to be read.") from error
    except tokenize.TokenError as error:
        message, (line_number, _) = error.args
        raise ValueError(f"{shown}:{line_number}: {message}: a bracket is not closed.") from error


def explained(message: str, line: str) -> str:
    """What is wrong with a line of a gin file, where the parser's own words are of its inside."""
    name, equals, value = (part.strip() for part in line.partition("="))
    if message.startswith(_NO_VALUE) and equals and value:
        near = _ALMOST_LITERALS.get(value.lower())
        hint = f" Write {near}." if near else ""
        return (
            f"{name} = {value}: this is no gin value, which is {_VALUES}. A gin file calculates "
            f"and calls nothing, and texts stand in quotes.{hint}"
        )
    if message.startswith((*_NO_LINE, *_NO_VALUE)) and line:
        return f"{line!r} is not understood. A line of gin is {_LINES}; a value is {_VALUES}."
    return message.strip().splitlines()[0] + (f" Found: {line}" if line else "")


def display(path: pathlib.Path) -> str:
    """A path relative to the current folder where that is shorter."""
    if is_in_bucket(path):
        return str(path)
    try:
        return str(path.resolve().relative_to(pathlib.Path.cwd()))
    except ValueError:
        return str(path)
