"""Configs that hold configs: as records, by dotted names of fields, and compared.

A field may hold one of several frozen dataclasses, such as `TransformerConfig.positions`. Its
record says which by "kind", and `positions.theta` names a field of it. A field may also hold a
tuple of them, such as `TransformerConfig.adapters`, which is compared as a whole.
"""

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from t5lite.messages.suggest import did_you_mean
from t5lite.messages.value_types import check_type


@dataclasses.dataclass(frozen=True)
class Difference:
    """One field in which two configs differ.

    Attributes:
      field: its dotted name.
      first: its value in the first config.
      second: its value in the second.
    """

    field: str
    first: Any
    second: Any


def to_dict(config: Any) -> dict[str, Any]:
    """All fields as JSON values; `from_dict` reads them back."""
    return {f.name: _plain(getattr(config, f.name)) for f in dataclasses.fields(config)}


def from_dict(cls: type[Any], record: Mapping[str, Any]) -> Any:
    """Builds a config of a class from `to_dict`'s output.

    Raises:
      ValueError: a key is not a field, a field without default is absent, or a value is bad.
    """
    fields = {field.name: field for field in dataclasses.fields(cls)}
    if not isinstance(record, Mapping):
        raise ValueError(f"{cls.__name__} must be an object of its fields, got {record!r}")
    for key in record:
        if key not in fields:
            raise ValueError(f"{cls.__name__} has no field {key!r}.{did_you_mean(key, fields)}")
    missing = [
        name
        for name, field in fields.items()
        if name not in record and field.default is dataclasses.MISSING
    ]
    if missing:
        raise ValueError(f"{cls.__name__} needs {', '.join(missing)}: not in {dict(record)}")
    values = dict(record)
    for name, kinds in sub_configs(cls).items():
        if isinstance(values.get(name), Mapping):
            values[name] = _of_kind(values[name], kinds, where=f"{cls.__name__}.{name}")
    for name, kinds in sub_configs(cls, in_tuples=True).items():
        if isinstance(values.get(name), list):
            where = f"{cls.__name__}.{name}"
            values[name] = tuple(_of_kind(value, kinds, where=where) for value in values[name])
    hints = typing.get_type_hints(cls)
    for name, value in values.items():
        check_type(value, hints[name], name=f"{cls.__name__}.{name}")
    return cls(**values)


def sub_configs(cls: type[Any], *, in_tuples: bool = False) -> dict[str, dict[str, type[Any]]]:
    """The fields of a config that hold others, and the classes that may stand there, by name.

    Args:
      cls: the config's class.
      in_tuples: whether they hold tuples of them, not one.
    """
    found = {}
    for name, hint in typing.get_type_hints(cls).items():
        if (typing.get_origin(hint) is tuple) != in_tuples:
            continue
        if in_tuples:
            hint = typing.get_args(hint)[0]
        members = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        kinds: dict[str, type[Any]] = {
            member.__name__: member
            for member in members
            if isinstance(member, type) and dataclasses.is_dataclass(member)
        }
        if kinds:
            found[name] = kinds
    return found


def field_names(cls: type[Any]) -> tuple[str, ...]:
    """Dotted names of all fields of a config, and of those of all that it may hold."""
    inner = sub_configs(cls)
    names = []
    for field in dataclasses.fields(cls):
        names.append(field.name)
        for kind in inner.get(field.name, {}).values():
            names += [f"{field.name}.{name}" for name in field_names(kind)]
    return tuple(names)


def differences(first: Any, second: Any, *, prefix: str = "") -> Iterator[Difference]:
    """The fields in which two configs of one class differ; whole ones where their kinds do.

    Args:
      first: a config.
      second: another of the same class.
      prefix: what dotted names begin with.
    """
    for field in dataclasses.fields(first):
        name, a, b = prefix + field.name, getattr(first, field.name), getattr(second, field.name)
        if dataclasses.is_dataclass(a) and type(a) is type(b):
            yield from differences(a, b, prefix=f"{name}.")
        elif a != b:
            yield Difference(name, a, b)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {"kind": type(value).__name__, **to_dict(value)}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _of_kind(record: Any, kinds: Mapping[str, type[Any]], *, where: str) -> Any:
    if not isinstance(record, Mapping):
        raise ValueError(f"{where} must be an object with its kind, got {record!r}")
    values = dict(record)
    kind = values.pop("kind", None)
    if not isinstance(kind, str) or kind not in kinds:
        raise ValueError(
            f"{where}: kind must be one of {', '.join(kinds)}; got {kind!r}."
            f"{did_you_mean(str(kind), kinds)}"
        )
    return from_dict(kinds[kind], values)
