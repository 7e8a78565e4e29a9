"""Which of the data sets found is taken, and which columns: said by flags, or asked."""

from __future__ import annotations

import dataclasses
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import TextIO, TypeVar

from t5lite.messages.suggest import did_you_mean
from t5lite.messages.tables import format_table
from t5lite.synthetic_data.prompt2model.found_datasets import Chosen, DatasetRetrieval, FoundDataset

NONE = "none"

_LEAST_WIDTH = 40
_SHOWN_TEXT = 60

_T = TypeVar("_T")


def table(found: Sequence[FoundDataset]) -> str:
    """The data sets with their scores, descriptions cut to the width of the terminal."""
    rows = []
    for number, one in enumerate(found, start=1):
        more = f" (and {len(one.same_as)} with the same data)" if one.same_as else ""
        rows.append((str(number), f"{one.score:.3f}", one.description.name + more))
    width = shutil.get_terminal_size().columns
    room = max(width - max((len(name) for _, _, name in rows), default=0) - 15, _LEAST_WIDTH)
    cells = [
        (*row, _cut(one.description.text.partition("\n")[2] or one.description.text, room))
        for row, one in zip(rows, found, strict=True)
    ]
    return format_table(("", "score", "data set", "description"), cells, right=(0, 1))


def choose(
    found: Sequence[FoundDataset], *, settings: DatasetRetrieval, stdin: TextIO | None = None
) -> Chosen | None:
    """Shows what was found, and says which is taken; None where none fits.

    Args:
      found: The data sets, the best first.
      settings: What is said by flags. With a data set named, or with `yes`, nobody is asked.
      stdin: Where answers are typed; standard input by default.

    Raises:
      ValueError: A data set or column that is named is not there; or somebody would have to be
        asked, and there is no terminal, or it ends.
    """
    if not found:
        if settings.dataset not in (None, NONE):
            raise ValueError(f"--dataset={settings.dataset}: the search found no data set")
        print("no data set has a word of the prompt in its description")
        return None
    print(table(found))
    if settings.dataset is not None:
        return None if settings.dataset == NONE else _named(found, settings)
    if settings.yes:
        return _first(found, settings)
    lines = _Terminal(stdin or sys.stdin)
    number = lines.ask(
        "\nWhich data set is it? Its number, or Enter if none fits: ",
        lambda text: _number(text, len(found)),
    )
    if number is None:
        return None
    return _ask_columns(found[number - 1], settings, lines)


def _named(found: Sequence[FoundDataset], settings: DatasetRetrieval) -> Chosen:
    for one in found:
        if one.is_called(settings.dataset):
            return _with_columns(one, settings)
    names = [one.description.name for one in found]
    raise ValueError(
        f"--dataset={settings.dataset} is none of the data sets searched."
        f"{did_you_mean(settings.dataset or '', names)}"
    )


def _first(found: Sequence[FoundDataset], settings: DatasetRetrieval) -> Chosen | None:
    best = found[0]
    if best.score < settings.min_score:
        print(
            f"\nnone is taken: the best score, {best.score:.3f}, is below --min_score="
            f"{settings.min_score}"
        )
        return None
    return _with_columns(best, settings)


def _with_columns(one: FoundDataset, settings: DatasetRetrieval) -> Chosen:
    """The data set with the columns that are named, or else its own."""
    names = [column.name for column in one.columns]
    inputs = settings.input_columns
    output = settings.output_column or one.output_column
    if not inputs:
        inputs = tuple(name for name in one.input_columns if name != output)
    listed = f"{one.description.name} has the columns {', '.join(names)}"
    for flag, column in (
        *(("--input_columns", name) for name in inputs),
        ("--output_column", output),
    ):
        if column is not None and column not in names:
            raise ValueError(f"{flag}: there is no {column!r}; {listed}.")
    if output is None or not inputs:
        flag = "--output_column" if output is None else "--input_columns"
        raise ValueError(f"{flag} is needed, for no name says which it is; {listed}")
    print(
        f"\ntaken: {one.description.name}, split {one.description.split}; input "
        f"{', '.join(inputs)}; output {output}"
    )
    return Chosen(one.description, inputs, output)


def _ask_columns(one: FoundDataset, settings: DatasetRetrieval, lines: _Terminal) -> Chosen:
    names = [column.name for column in one.columns]
    rows = [
        (str(number), column.name, _cut(column.example, _SHOWN_TEXT))
        for number, column in enumerate(one.columns, start=1)
    ]
    print(f"\n{format_table(('', 'column', 'in the first record'), rows, right=(0,))}")
    output = settings.output_column
    if output is None:
        default = one.output_column
        output = lines.ask(
            f"Which column is the output?{_default(default)} ",
            lambda text: _columns(text, names, most=1)[0] if text else _given(default),
        )
    inputs = settings.input_columns
    if not inputs:
        own = tuple(name for name in one.input_columns if name != output)
        inputs = lines.ask(
            f"Which make the input, separated by commas?{_default(', '.join(own))} ",
            lambda text: _columns(text, names) if text else _given(own),
        )
    return _with_columns(
        one, dataclasses.replace(settings, input_columns=inputs, output_column=output)
    )


class _Terminal:
    """Asks until an answer can be understood."""

    def __init__(self, stdin: TextIO | None) -> None:
        if stdin is None or not stdin.isatty():
            raise ValueError(
                "there is no terminal to ask which data set is taken: give --dataset=NAME of those "
                f"shown, --dataset={NONE} if none fits, or --yes for the first of them"
            )
        self._stdin = stdin

    def ask(self, question: str, read: Callable[[str], _T]) -> _T:
        """What `read` makes of an answer; where it raises ValueError, the question comes again.

        Raises:
          ValueError: The input ends.
        """
        while True:
            print(question, end="", flush=True)
            line = self._stdin.readline()
            if not line:
                print()
                raise ValueError(
                    "the input ended before a data set was chosen; give --dataset=NAME, "
                    f"--dataset={NONE} or --yes"
                )
            try:
                return read(line.strip())
            except ValueError as error:
                print(error)


def _number(text: str, most: int) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= most:
        raise ValueError(f"{text!r} is no number from 1 to {most}")
    return int(text)


def _columns(text: str, names: Sequence[str], *, most: int | None = None) -> tuple[str, ...]:
    """Columns that are named, or numbered as they are shown."""
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        if part in names:
            found.append(part)
            continue
        number = _number(part, len(names)) if part.isdecimal() else None
        if number is None:
            raise ValueError(f"{part!r} is no column.{did_you_mean(part, names)}")
        found.append(names[number - 1])
    if not found or (most is not None and len(found) > most):
        raise ValueError(f"{text!r} names {len(found)} columns; name {most or 'one or more'}")
    return tuple(dict.fromkeys(found))


def _given(default: _T | None) -> _T:
    if not default:
        raise ValueError("name a column")
    return default


def _default(name: str | None) -> str:
    return f" [{name}]" if name else ""


def _cut(text: str, length: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 3]}..."
