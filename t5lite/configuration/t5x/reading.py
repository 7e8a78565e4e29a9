"""Reads gin files as T5X's users write them: what cannot be read is noted, and reading goes on.

gin's own parser reads the statements. Files that T5X ships are known (`shipped_files`); a file that
lies where it is named is read, whoever wrote it.
"""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
import tokenize
from collections.abc import Iterator, Sequence
from typing import Any

from gin import config_parser

from t5lite.configuration.gin_reader import (
    Binding,
    KeepReferences,
    as_binding,
    display,
    explained,
    find_file,
    read_flag,
)
from t5lite.configuration.t5x import shipped_files

# Stands where a line of a block cannot be read.
_UNREADABLE = "unreadable"


@dataclasses.dataclass(frozen=True)
class T5XImport:
    """An `import` statement.

    Attributes:
      module: what is imported.
      name: what names in the file begin with to mean it.
      place: file and line.
    """

    module: str
    name: str
    place: str


@dataclasses.dataclass(frozen=True)
class Problem:
    """What could not be read.

    Attributes:
      place: file and line.
      what: as it stands there.
      why: what is wrong, and what to do.
    """

    place: str
    what: str
    why: str


Statement = Binding | T5XImport | Problem


def read(
    files: Sequence[str], bindings: Sequence[str] = (), *, search_paths: Sequence[str] = ()
) -> list[Statement]:
    """Everything that files and flags say, in the order gin would apply it.

    Args:
      files: gin files of a user's, or of T5X by the names they have there.
      bindings: `"NAME=VALUE"` as in `--gin.NAME=VALUE`.
      search_paths: folders to look in besides the current one.

    Raises:
      ValueError: a file that is named does not exist or is no text, or a flag is none.
    """
    for folder in search_paths:
        if not pathlib.Path(folder).is_dir():
            raise ValueError(f"--gin_search_paths: there is no folder {folder!r}")
    folders = (pathlib.Path.cwd(), *map(pathlib.Path, search_paths))
    found: list[Statement] = []
    for name in files:
        path = _find(name, folders)
        known = shipped_files.statements(name)
        if path is None and known is None:
            find_file(name, folders, wanted_by=f"--from_t5x={name}")
        elif path is None and known is not None:
            found += known
        elif path is not None:
            _text(path, wanted_by=f"--from_t5x={name}")
            found += _read_file(path, folders, ())
    return found + [_plain(read_flag(text)) for text in bindings]


def _find(name: str, folders: Sequence[pathlib.Path]) -> pathlib.Path | None:
    """The file of that name; an absolute name is looked for in no folder."""
    return next((f / name for f in folders if (f / name).is_file()), None)


def _text(path: pathlib.Path, *, wanted_by: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ValueError(f"{wanted_by}: cannot read {display(path)}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{wanted_by}: {display(path)} is no text in UTF-8 ({error})") from error


def _read_file(
    path: pathlib.Path, folders: tuple[pathlib.Path, ...], parents: tuple[pathlib.Path, ...]
) -> Iterator[Statement]:
    shown = display(path)
    try:
        text = _text(path, wanted_by=shown)
    except ValueError as error:
        yield Problem(shown, shown, str(error))
        return
    is_of_t5x = shipped_files.statements(str(path.resolve())) is not None
    for statement in _statements(text, shown):
        if isinstance(statement, Problem):
            yield statement
            continue
        place = f"{shown}:{statement.location.line_num}"
        if isinstance(statement, config_parser.IncludeStatement):
            yield from _included(
                statement.filename, place, path, folders, (*parents, path.resolve())
            )
        elif isinstance(statement, config_parser.ImportStatement):
            last = statement.module.rpartition(".")[2]
            name = statement.alias or (last if statement.is_from else statement.module)
            yield T5XImport(statement.module, name, place)
        elif isinstance(statement, config_parser.BindingStatement):
            binding = as_binding(statement, place)
            yield _plain(dataclasses.replace(binding, file=str(path), is_ours=is_of_t5x))


def _included(
    name: str,
    place: str,
    by: pathlib.Path,
    folders: tuple[pathlib.Path, ...],
    parents: tuple[pathlib.Path, ...],
) -> Iterator[Statement]:
    found = _find(name, (by.parent, *by.resolve().parents[1:4], *folders))
    if found is not None and found.resolve() in parents:
        yield Problem(place, f'include "{name}"', "it includes itself; the line is left out")
        return
    if found is not None:
        yield from _read_file(found, folders, parents)
        return
    known = shipped_files.statements(name)
    if known is not None:
        yield from known
        return
    whose = (
        "a file of T5X that t5lite does not know" if shipped_files.is_of_t5x(name) else "no file"
    )
    yield Problem(
        place,
        f'include "{name}"',
        f"{whose}; what it sets is missing here. Give the folder that it lies below with "
        "--gin_search_paths",
    )


def _statements(text: str, shown: str) -> Iterator[Any]:
    """The statements; of a line that is none a problem, and those of all others."""
    lines = text.splitlines()
    done, replaced = 0, set[int]()
    while True:
        try:
            parser = config_parser.ConfigParser("\n".join(lines) + "\n", KeepReferences())
            for statement in itertools.islice(parser, done, None):
                done += 1
                if getattr(statement, "arg_name", "") != _UNREADABLE:
                    yield statement
        except SyntaxError as error:
            index = min(max(error.lineno or 1, 1), len(lines)) - 1
            line = lines[index].strip()
            if index not in replaced:
                yield Problem(f"{shown}:{index + 1}", line, explained(error.msg, line))
            _leave_out(lines, index, is_alone=index not in replaced)
            replaced.add(index)
        except tokenize.TokenError as error:
            message, (number, _) = error.args
            why = f"{message}: a bracket is not closed, so nothing behind it is read"
            yield Problem(f"{shown}:{number}", "the end of the file", why)
            return
        else:
            return


def _leave_out(lines: list[str], index: int, *, is_alone: bool) -> None:
    """Replaces a line that cannot be read, so that others are where they were.

    Args:
      lines: of the file; changed in place.
      index: of the line.
      is_alone: whether only this line; else the whole statement or block that it stands in.
    """
    if is_alone and lines[index][:1] in (" ", "\t"):
        indent = lines[index][: -len(lines[index].lstrip())]
        lines[index] = f"{indent}{_UNREADABLE} = None"
        return
    first = index
    while not is_alone and first > 0 and lines[first][:1] in (" ", "\t", ""):
        first -= 1
    last = index + 1
    while last < len(lines) and lines[last][:1] in (" ", "\t"):
        last += 1
    lines[first:last] = [""] * (last - first)


def _plain(binding: Binding) -> Binding:
    """The binding under its configurable's short name; `NAME/macro.value` is the macro NAME."""
    short = binding.configurable.rpartition(".")[2]
    if short == "macro" and binding.name == "value":
        return dataclasses.replace(binding, scope="", configurable="", name=binding.scope)
    return binding
