"""JSON as its standard has it, read from files that others wrote, and written.

Whatever is malformed in what is read is an error that names its place. What is written anywhere in
t5lite has null where a number is not finite, for JSON has no other word for it.

Python's reader also takes half of a surrogate pair for a text, which no tokenizer can encode.
(It takes NaN as well, and so do we: real collections have it where nobody reads it. Where a text is
wanted, a NaN is refused as any number is.)
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

KIND_NAMES = {
    str: "a string",
    list: "a list",
    dict: "an object",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}

_HALF_A_PAIR = re.compile(r"\\u[dD][89a-fA-F]")


def dumps(value: Any, **options: Any) -> str:
    """A value as JSON that every reader takes: null for NaN and infinities.

    Args:
      value: of dicts, lists, tuples, texts, numbers, booleans and None.
      **options: those of `json.dumps`.
    """
    try:
        return json.dumps(value, allow_nan=False, **options)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False, **options)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {_finite_name(name): _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _finite_name(name: Any) -> Any:
    """A key; a number becomes the text that Python gives it."""
    return str(name) if isinstance(name, float) else name


def loads(text: str, *, where: str, is_line: bool = True) -> Any:
    """The value of a JSON text, whose strings may hold anything.

    Args:
      text: the JSON.
      where: what an error calls it: the file, and the line where the text is one of it.
      is_line: whether the text is one line, named by `where`; else errors count lines.

    Raises:
      ValueError: naming `where` and the column (or line and column) of malformed JSON.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        line = "" if is_line else f", line {error.lineno}"
        raise ValueError(
            f"{where}{line}, column {error.colno}: malformed JSON: {error.msg}"
        ) from error
    except RecursionError:
        raise ValueError(f"{where}: malformed JSON: nested too deeply") from None
    except ValueError as error:  # an integer of thousands of digits
        raise ValueError(f"{where}: malformed JSON: {error}") from error


def loads_texts(text: str, *, where: str, is_line: bool = True) -> Any:
    """As `loads`, and every string of it can be encoded.

    Raises:
      ValueError: as `loads`, or naming the field that holds half of a surrogate pair.
    """
    value = loads(text, where=where, is_line=is_line)
    # Walking all values takes longer than reading them, and few files have such escapes.
    for field, leaf in _leaves(value, "") if _HALF_A_PAIR.search(text) else ():
        if not isinstance(leaf, str):
            continue
        try:
            leaf.encode("utf-8")
        except UnicodeEncodeError as error:
            half = f"\\u{ord(leaf[error.start]):04x}"
            raise ValueError(
                f"{where}: {_named(field)} is no text: character {error.start + 1} is {half}, half "
                "of a surrogate pair; write the whole character, or leave it out"
            ) from error
    return value


def _named(field: str) -> str:
    return f"field {field!r}" if field else "the value"


def _leaves(value: Any, field: str) -> Iterator[tuple[str, Any]]:
    """Every value that holds no others, and every name, with the path to it: `a.b[2]`."""
    if isinstance(value, dict):
        for name, item in value.items():
            inner = f"{field}.{name}" if field else name
            yield inner, name
            yield from _leaves(item, inner)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{field}[{index}]")
    else:
        yield field, value


def read_again(value: Any) -> Any:
    """A value as it is once it was written and read: lists for tuples, null for infinities."""
    return json.loads(dumps(value))


def encodable(text: str) -> str:
    """A text with `?` for each half of a surrogate pair, which no tokenizer can encode."""
    return text.encode("utf-8", "replace").decode("utf-8")


def kind_name(value: Any) -> str:
    """What JSON calls this value's kind, with its article."""
    if isinstance(value, float) and math.isnan(value):
        return "NaN (pandas writes it for an empty cell)"
    return KIND_NAMES.get(type(value), type(value).__name__)
