"""Compares the values that gin hands over with the annotations of the parameters they are for.

One rule for every configurable: a value is taken when it is the wanted one under another type and
nothing has to be guessed (4.0 for an integer, 1 for a number, a list for a tuple). What would have
to be read or wrapped first ('4' for 4, 1 for True, a text for a list of one) is refused, and the
error shows how to write it.
"""

from __future__ import annotations

import ast
import collections.abc
import functools
import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal

from t5lite.messages.suggest import did_you_mean

# What fits in 64 bits; numpy and jax take no more.
_LARGEST = 2**63 - 1

# Classes to the references that make one: {TransformerConfig: ("@TransformerConfig()",)}.
Makers = Mapping[Any, tuple[str, ...]]


class _Mismatch(Exception):
    """A value that does not fit: where inside it, what was wanted, what was found, the remedy."""

    def __init__(self, wanted: str, value: Any, remedy: str = "") -> None:
        super().__init__(wanted)
        self.wanted, self.value, self.remedy, self.where = wanted, value, remedy, ""


def checked(
    name: str, function: Callable[..., Any], *, call: Callable[..., Any], makers: Makers
) -> Callable[..., Any]:
    """A function with the signature of `function` that fits its arguments, then calls `call`.

    Args:
      name: what gin files call it.
      function: a function or class, whose annotations say what is wanted.
      call: what gets the fitted arguments by name; usually `function` itself.
      makers: what to write for a value of some class; filled in by the time of the first call.

    Returns:
      The function. It raises ValueError for the first argument that does not fit.
    """
    hints = functools.cache(lambda: parameter_hints(function))

    def fit_and_call(**arguments: Any) -> Any:
        fitted_arguments = {}
        for parameter, value in arguments.items():
            try:
                hint = hints().get(parameter, Any)
                fitted_arguments[parameter] = fitted(value, hint, makers=makers)
            except _Mismatch as mismatch:
                remedy = f"; {mismatch.remedy}" if mismatch.remedy else ""
                raise ValueError(
                    f"{name}.{parameter}{mismatch.where}: wanted {mismatch.wanted}, found "
                    f"{_found(mismatch.value)}{remedy}"
                ) from None
        return call(**fitted_arguments)

    functools.update_wrapper(fit_and_call, function, updated=())
    fit_and_call.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return fit_and_call


def parameter_hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of a function's parameters (of a class: its constructor's), as types.

    Raises:
      ValueError: one is known to type checkers only.
    """
    annotated = function.__init__ if inspect.isclass(function) else function
    try:
        return typing.get_type_hints(annotated)
    except NameError as error:
        raise ValueError(
            f"the types of {function.__module__}.{function.__qualname__} cannot be read: {error}. "
            "Import it where Python does, not under `if TYPE_CHECKING:`."
        ) from error


def fitted(value: Any, hint: Any, *, makers: Makers) -> Any:
    """The value as its annotation wants it.

    Raises:
      _Mismatch: it is something else.
    """
    origin, members = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (types.UnionType, typing.Union):
        return _fit_union(value, members, makers)
    if origin is Literal:
        return _fit_literal(value, members)
    if origin is collections.abc.Mapping:
        return _fit_mapping(value, members, makers)
    if origin in (tuple, collections.abc.Sequence):
        return _fit_sequence(value, hint, makers)
    if origin is collections.abc.Callable:
        if callable(value):
            return value
        raise _Mismatch(_wanted(hint), value, _reference_remedy(hint, makers))
    if hint in (int, float):
        return _fit_number(value, hint)
    if type(value) is hint or (hint not in (str, bool) and isinstance(value, hint)):
        return value
    raise _Mismatch(_wanted(hint), value, _remedy(value, hint, makers))


def _fit_number(value: Any, hint: type[int] | type[float]) -> int | float:
    """An integer or a number: 4.0 is the integer 4, and 1 the number 1.0; True is neither."""
    wanted = _wanted(hint)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Mismatch(wanted, value, _remedy(value, hint, {}))
    if abs(value) > (_LARGEST if hint is int else sys.float_info.max):
        raise _Mismatch(f"{wanted} of at most 64 bits", value)
    if hint is int and value != int(value):
        raise _Mismatch(wanted, value, f"such as {round(value)}")
    return hint(value)


def _fit_union(value: Any, members: tuple[Any, ...], makers: Makers) -> Any:
    """The first member that takes the value; one of the value's own type goes before others."""
    mismatches = []
    for member in sorted(members, key=lambda member: member is not type(value)):
        try:
            return fitted(value, member, makers=makers)
        except _Mismatch as mismatch:
            mismatches.append(mismatch)
    # A fault inside a list or mapping says more than that the whole is none of the members.
    deepest = max(mismatches, key=lambda mismatch: len(mismatch.where))
    if deepest.where:
        raise deepest
    remedy = next((mismatch.remedy for mismatch in mismatches if mismatch.remedy), "")
    raise _Mismatch(" or ".join(_wanted(member) for member in members), value, remedy)


def _fit_literal(value: Any, choices: tuple[Any, ...]) -> Any:
    if isinstance(value, str) and value in choices:
        return value
    near = did_you_mean(value, choices).strip() if isinstance(value, str) else ""
    raise _Mismatch(f"one of {', '.join(map(repr, choices))}", value, near.removesuffix("."))


def _fit_mapping(value: Any, members: tuple[Any, ...], makers: Makers) -> dict[Any, Any]:
    key_hint, item_hint = members
    if not isinstance(value, Mapping):
        example = {int: "{'inputs': 512, 'targets': 128}", bool: "{'inputs': True}"}.get(
            item_hint, "{'name': 0.5}"
        )
        raise _Mismatch("a dictionary", value, f"such as {example}")
    fitted_mapping = {}
    for key, item in value.items():
        with _inside(f"[{key!r}]"):
            fitted_mapping[fitted(key, key_hint, makers=makers)] = fitted(
                item, item_hint, makers=makers
            )
    return fitted_mapping


def _fit_sequence(value: Any, hint: Any, makers: Makers) -> tuple[Any, ...]:
    """A tuple; of the length that `tuple[a, b]` says, of any where it ends in `...`."""
    hints = typing.get_args(hint)
    is_fixed = typing.get_origin(hint) is tuple and hints[-1] is not Ellipsis
    if not isinstance(value, list | tuple) or (is_fixed and len(value) != len(hints)):
        raise _Mismatch(_wanted(hint), value, _remedy(value, hint, makers))
    is_one_item = not is_fixed and not isinstance(value, list) and _fits(value, hints[0], makers)
    if value and is_one_item and not _fits(value[0], hints[0], makers):  # a pair, not pairs
        raise _Mismatch(_wanted(hint), value, _remedy(value, hint, makers))
    items = []
    for index, item in enumerate(value):
        with _inside(f"[{index}]"):
            items.append(fitted(item, hints[index if is_fixed else 0], makers=makers))
    return tuple(items)


class _inside:
    """Puts a place before what a mismatch inside it says of its own."""

    def __init__(self, where: str) -> None:
        self.where = where

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, _Mismatch):
            error.where = self.where + error.where


# ---- Words ---------------------------------------------------------------------------------------

_NAMES = {
    int: "an integer",
    float: "a number",
    str: "a text in quotes",
    bool: "True or False",
    type(None): "None",
}


def _wanted(hint: Any) -> str:
    """What an annotation asks for, in words."""
    origin, members = typing.get_origin(hint), typing.get_args(hint)
    if hint in _NAMES:
        return _NAMES[hint]
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_wanted(member) for member in members)
    if origin is Literal:
        return f"one of {', '.join(map(repr, members))}"
    if origin is collections.abc.Mapping:
        return "a dictionary"
    if origin in (tuple, collections.abc.Sequence):
        inner = [_wanted(member) for member in members if member is not Ellipsis]
        if origin is tuple and members[-1] is not Ellipsis:
            return f"{len(members)} values in brackets ({', '.join(inner)})"
        return f"a list (each item {inner[0]})"
    if origin is collections.abc.Callable:
        return "a function"
    return _with_article(hint.__name__)


def _found(value: Any) -> str:
    """A value as it would be written, with its kind where the writing does not say it."""
    kinds: dict[type, str] = {str: "a text", list: "a list", tuple: "a list", dict: "a dictionary"}
    if isinstance(value, bool | int | float | str | list | tuple | dict | None):
        shown = repr(value)
        shown = f"{shown[:70]}..." if len(shown) > 75 else shown
        kind = kinds.get(type(value))
        return f"{shown} ({kind})" if kind else shown
    name = getattr(value, "__name__", None) or type(value).__name__
    return f"@{name}" if callable(value) else _with_article(name)


def _with_article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


def _remedy(value: Any, hint: Any, makers: Makers) -> str:
    """How to write what was probably meant; '' where nobody can know."""
    if isinstance(value, str) and hint is not str:
        literal = _literal(value)
        if literal is not None and _fits(literal, hint, makers):
            return f"write {value.strip().capitalize() if hint is bool else value} without quotes"
        if hint in (int, float) and value[:1].isdigit():  # "3 epochs", as of TRAIN_STEPS
            return "write a number, without a unit"
    if hint is bool and value in (0, 1) and isinstance(value, int):
        return f"write {bool(value)}"
    if hint is str and isinstance(value, int | float):
        return f"write {str(value)!r}"
    if typing.get_origin(hint) in (tuple, collections.abc.Sequence):
        item = typing.get_args(hint)[0]
        if typing.get_args(hint)[1:] in ((), (Ellipsis,)) and _fits(value, item, makers):
            shown = repr(value) if item in _NAMES or isinstance(value, tuple) else "@..."
            return f"write ({shown},), with the comma"
        return _reference_remedy(item, makers, form="({},)")
    return _reference_remedy(hint, makers)


def _literal(text: str) -> Any:
    """What a text would be without its quotes."""
    try:
        return ast.literal_eval(text.strip().capitalize() if text.lower() in _TRUTHS else text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


_TRUTHS = ("true", "false")


def _fits(value: Any, hint: Any, makers: Makers) -> bool:
    try:
        fitted(value, hint, makers=makers)
    except _Mismatch:
        return False
    return True


def _reference_remedy(hint: Any, makers: Makers, *, form: str = "{}") -> str:
    """What to write for something that a configurable makes, in brackets where it is in a list."""
    return f"write {' or '.join(map(form.format, makers[hint]))}" if hint in makers else ""
