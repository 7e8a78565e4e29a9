"""Whether a value that came from a file is of the type that a field has, and how to say it."""

import math
import types
import typing
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

# No number of a config is beyond it; arrays, ids and positions are counted in 64 bits at most.
_MOST = 1 << 63
_NAMES = {
    int: "an integer",
    float: "a finite number",
    bool: "true or false",
    str: "a text",
    dict: "an object",
    type(None): "null",
}


def check_type(value: object, hint: Any, *, name: str) -> None:
    """Compares a JSON value with a type hint.

    A boolean is no integer, an integer is a number, and no number is infinite or beyond 64 bits.

    Args:
      value: as `json.loads` gives it; a tuple counts as a list.
      hint: int, float, bool, str, None, a Literal, a union, a list, tuple, sequence or mapping of
        them; or a class, of which the value is an instance.
      name: what an error calls it: file and field.

    Raises:
      ValueError: it is of another type or out of range; says what was wanted and what is there.
    """
    if not _fits(value, hint):
        text = repr(value)
        shown = text if len(text) <= 80 else f"{text[:80]}..."
        raise ValueError(f"{name} must be {_wanted(hint)}, got {shown}")


def check_fields(record: object, hints: Mapping[str, Any], *, name: str) -> None:
    """Compares an object's fields with their types; those that are absent or null pass.

    Args:
      record: as `json.loads` gives it.
      hints: a type hint by field, as `check_type` takes it.
      name: what an error calls the record: its file, or file and field.

    Raises:
      ValueError: as `check_type`, or the record is no object.
    """
    check_type(record, Mapping[str, Any], name=name)
    assert isinstance(record, Mapping)
    for field, hint in hints.items():
        if record.get(field) is not None:
            check_type(record[field], hint, name=f"{name}: {field}")


def _fits(value: object, hint: Any) -> bool:
    origin, members = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return True
    if hint in (None, type(None)):
        return value is None
    if origin in (types.UnionType, typing.Union):
        return any(_fits(value, member) for member in members)
    if origin is Literal:
        return value in members
    if hint in (int, float):
        is_number = isinstance(value, int if hint is int else int | float)
        return is_number and not isinstance(value, bool) and _in_range(value)
    if origin is not None and issubclass(origin, Mapping):
        kinds = members or (Any, Any)
        return isinstance(value, Mapping) and all(
            _fits(key, kinds[0]) and _fits(item, kinds[1]) for key, item in value.items()
        )
    if origin is not None and issubclass(origin, Collection):
        return isinstance(value, list | tuple) and all(_fits(x, members[0]) for x in value)
    return isinstance(value, hint)


def _in_range(value: Any) -> bool:
    return abs(value) < _MOST if isinstance(value, int) else math.isfinite(value)


def _wanted(hint: Any) -> str:
    origin, members = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(map(_wanted, members))
    if origin is Literal:
        return " or ".join(map(repr, members))
    if origin is not None and issubclass(origin, Mapping):
        return f"an object of {_wanted(members[1])} each" if members else "an object"
    if origin is not None and issubclass(origin, Sequence):
        return f"a list of {_wanted(members[0])} each"
    return _NAMES.get(hint or type(None), getattr(hint, "__name__", str(hint)))
