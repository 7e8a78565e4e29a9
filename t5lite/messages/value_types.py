"""Whether a value is of the type that a field has, and in its range, and how to say it.

One place for values of files (`check_type`), of configs (`check_numbers`) and of calls
(`numbers_checked`); a type is a type hint, and ranges stand in it (see `ranges`).
"""

import dataclasses
import functools
import inspect
import math
import operator
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any, Literal, ParamSpec, TypeVar

from t5lite.messages.ranges import Range

_P = ParamSpec("_P")
_T = TypeVar("_T")

# No number of a config is beyond it; arrays, ids and positions are counted in 64 bits at most.
_MOST = 1 << 63
# The smallest number that devices do not take for zero, and the largest not infinite.
_LEAST_FLOAT32, _MOST_FLOAT32 = 2.0**-126, (2 - 2**-23) * 2.0**127
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

    A boolean is no integer, an integer is a number, and no number is infinite, beyond 64 bits, or
    zero or infinite in float32 alone.

    Args:
      value: as `json.loads` gives it; a tuple counts as a list.
      hint: int, float, bool, str, None, a Literal, a union, a list, tuple, sequence or mapping of
        them, `Annotated` with a `Range` or not; a function; or a class, of which the value is an
        instance.
      name: what an error calls it: file and field.

    Raises:
      ValueError: it is of another type or out of range; says what was wanted and what is there.
    """
    if not fits(value, hint):
        raise ValueError(f"{name} must be {wanted(hint)}, got {shown(value)}")


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


def dataclass_of(
    kind: type[_T], record: Mapping[str, Any], *, name: str, others_pass: bool = False
) -> _T:
    """A dataclass of a JSON object's fields, with tuples for lists.

    Args:
      kind: the dataclass; its hints are as `check_type` takes them. A field may be a tuple of
        dataclasses too, which are made of a list of objects.
      record: as `json.loads` gives it.
      name: what an error calls it: its file, or file and field.
      others_pass: whether fields that are not the dataclass's are left aside.

    Raises:
      ValueError: a field is missing, unknown, or of another type.
    """
    any_kind: Any = kind
    hints = _hints(any_kind)
    fields = {field.name: field for field in dataclasses.fields(any_kind)}
    unknown = [field for field in record if field not in fields]
    if unknown and not others_pass:
        raise ValueError(f"{name}: unknown field {unknown[0]!r}; known are {', '.join(fields)}")
    values = {}
    for field in fields.values():
        if field.name in record:
            values[field.name] = _of_hint(
                record[field.name],
                hints[field.name],
                name=f"{name}, field {field.name!r}",
                others_pass=others_pass,
            )
        elif field.default is field.default_factory is dataclasses.MISSING:
            raise ValueError(f"{name}: field {field.name!r} is missing")
    return kind(**values)


@functools.cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _of_hint(value: Any, hint: Any, *, name: str, others_pass: bool) -> Any:
    """A value of JSON, with tuples and their dataclasses where its hint has them."""
    origin, members = typing.get_origin(hint), typing.get_args(hint)
    holds_dataclasses = origin is tuple and dataclasses.is_dataclass(members[0])
    if holds_dataclasses:
        check_type(value, list[dict[str, Any]], name=name)
        return tuple(
            dataclass_of(members[0], item, name=f"{name}, item {place}", others_pass=others_pass)
            for place, item in enumerate(value)
        )
    check_type(value, hint, name=name)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {
            key: _of_hint(item, members[1], name=name, others_pass=others_pass)
            for key, item in value.items()
        }
    return tuple(value) if origin is tuple else value


def check_numbers(config: Any, *, of: Callable[..., Any]) -> None:
    """Compares the numbers of a dataclass with the types and ranges of its fields.

    It is for `__post_init__`; what holds no number is left to others. A scalar of numpy or JAX
    becomes a number of Python, as files, hashes and messages take them.

    Args:
      config: the instance, which may be frozen.
      of: the class whose fields are compared; those that a class derived from it adds are not.

    Raises:
      ValueError: one does not fit; names the class and the field.
    """
    for name, hint in _number_hints(of).items():
        value = without_arrays(getattr(config, name))
        check_type(value, hint, name=f"{type(config).__name__}.{name}")
        object.__setattr__(config, name, value)


def numbers_checked(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """A function that compares numbers among its arguments with their types and ranges first.

    It is called with scalars of numpy and JAX as numbers of Python. It raises ValueError, naming
    the function and the argument, for one that does not fit.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def checked(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        bound = signature.bind(*args, **kwargs)
        given = bound.arguments
        for name, hint in _number_hints(function).items():
            if name in given:
                given[name] = without_arrays(given[name])
                check_type(given[name], hint, name=f"{function.__name__}.{name}")
        return function(*bound.args, **bound.kwargs)

    return checked


def without_arrays(value: Any) -> Any:
    """A value with each scalar of numpy or JAX, or array of no axes, as a number of Python.

    Of a mapping, list or tuple those inside; what holds none stays the object that it is.
    """
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return value.item()
    if isinstance(value, Mapping):
        inner = {name: without_arrays(item) for name, item in value.items()}
        return value if all(inner[name] is value[name] for name in inner) else inner
    if type(value) in (list, tuple):
        items = [without_arrays(item) for item in value]
        return value if all(map(operator.is_, items, value)) else type(value)(items)
    return value


@functools.cache
def _number_hints(owner: Callable[..., Any]) -> dict[str, Any]:
    """The hints of a class's fields, or of a function's parameters, in which numbers may stand."""
    hints = typing.get_type_hints(owner, include_extras=True)
    if dataclasses.is_dataclass(owner):  # whose other hints are of no field, as ClassVar is
        hints = {field.name: hints[field.name] for field in dataclasses.fields(owner)}
    return {name: hint for name, hint in hints.items() if name != "return" and _has_numbers(hint)}


def _has_numbers(hint: Any) -> bool:
    if typing.get_origin(hint) is Callable:
        return False
    return hint in (int, float) or any(map(_has_numbers, typing.get_args(hint)))


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is as `check_type` wants it."""
    origin, members = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return True
    if origin is Annotated:
        kind, *ranges = members
        return fits(value, kind) and all(r.holds(value) for r in ranges if isinstance(r, Range))
    if hint in (None, type(None)):
        return value is None
    if origin in (types.UnionType, typing.Union):
        return any(fits(value, member) for member in members)
    if origin is Literal:
        return value in members
    if hint in (int, float):
        is_number = isinstance(value, int if hint is int else int | float)
        return is_number and not isinstance(value, bool) and _in_range(value)
    if origin is Callable:
        return callable(value)
    if origin is not None and issubclass(origin, Mapping):
        kinds = members or (Any, Any)
        return isinstance(value, Mapping) and all(
            fits(key, kinds[0]) and fits(item, kinds[1]) for key, item in value.items()
        )
    if origin is not None and issubclass(origin, Collection):
        if not isinstance(value, list | tuple):
            return False
        is_fixed = origin is tuple and members[-1] is not Ellipsis
        hints = members if is_fixed else [members[0]] * len(value)
        return len(hints) == len(value) and all(map(fits, value, hints))
    return isinstance(value, hint)


def _in_range(value: Any) -> bool:
    return abs(value) < _MOST if isinstance(value, int) else _is_float32(value)


def _is_float32(value: float) -> bool:
    """Whether a number is finite, and neither infinite nor rounded to zero on a device."""
    return value == 0 or _LEAST_FLOAT32 <= abs(value) <= _MOST_FLOAT32


def shown(value: object) -> str:
    """A value as a message shows it, cut where it is long."""
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python writes
        return "an integer of thousands of digits"
    if isinstance(value, float) and math.isfinite(value) and not _is_float32(value):
        text += ", which float32 cannot hold"
    return text if len(text) <= 80 else f"{text[:80]}..."


def wanted(hint: Any) -> str:
    """What `check_type` wants, in words: "an integer of 1 or more"."""
    origin, members = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(map(wanted, members))
    if origin is Annotated:
        return " ".join([wanted(members[0]), *map(str, members[1:])])
    if origin is Callable:
        return "a function"
    if origin is Literal:
        return " or ".join(map(repr, members))
    if origin is not None and issubclass(origin, Mapping):
        return f"an object of {wanted(members[1])} each" if members else "an object"
    if origin is tuple and members[-1] is not Ellipsis:
        return f"{len(members)} values ({'; '.join(map(wanted, members))})"
    if origin is not None and issubclass(origin, Sequence):
        return f"a list of {wanted(members[0])} each"
    return _NAMES.get(hint or type(None), getattr(hint, "__name__", str(hint)))
