"""Settings as older gin files wrote them: positions without configs of their own, other names.

The `config.gin` of an older run is read as if it were written today; in a gin file of a user's and
in flags such a setting is an error, which shows the lines that take its place.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from t5lite.configuration.gin_reader import Binding, Reference
from t5lite.models.position_config import FLAT_FIELDS, FLAT_KINDS

# Names of configurables, to those that took their places.
RENAMED = {"Objective": "CrossEntropy"}


def renewed(binding: Binding) -> list[Binding]:
    """What a binding is written as now: itself, or those that take its place.

    Args:
      binding: of any gin file.
    """
    binding = _renamed(binding)
    value = binding.value
    if binding.name == "allow_differences" and isinstance(value, list | tuple):
        names = tuple(_dotted(n) if isinstance(n, str) and n in FLAT_FIELDS else n for n in value)
        return [binding if names == tuple(value) else dataclasses.replace(binding, value=names)]
    if binding.configurable != "TransformerConfig":
        return [binding]
    if binding.name == "positions" and isinstance(value, str) and value in FLAT_KINDS:
        kind = FLAT_KINDS[value]
        return [dataclasses.replace(binding, value=kind and Reference(kind.__name__, True))]
    if binding.name not in FLAT_FIELDS:
        return [binding]
    owner, name = FLAT_FIELDS[binding.name]
    if value is None:
        return []
    if name == "scaling" and value != 1:
        return [
            _moved(binding, owner.__name__, name, Reference("LinearScaling", True)),
            _moved(binding, "LinearScaling", "factor", value),
        ]
    return [_moved(binding, owner.__name__, name, None if name == "scaling" else value)]


def check_current(binding: Binding) -> None:
    """Refuses a binding that is written in another way now.

    Raises:
      ValueError: with the lines to write.
    """
    now = renewed(binding)
    if now == [binding]:
        return
    lines = _lines(now)
    if binding.name in FLAT_FIELDS and now:
        owner, _ = FLAT_FIELDS[binding.name]
        positions = _moved(
            binding, "TransformerConfig", "positions", Reference(owner.__name__, True)
        )
        lines = [*_lines([positions]), *lines]
    remedy = "Write\n  " + "\n  ".join(lines) if lines else "Remove the line."
    raise ValueError(
        f"{binding.place}: {binding.key} = {binding.value!r} is said in another way now, for the "
        f"positions of a model have fields of their own. {remedy}"
    )


def _renamed(binding: Binding) -> Binding:
    """The binding with the names of today's configurables."""
    configurable = RENAMED.get(binding.configurable, binding.configurable)
    value = binding.value
    if isinstance(value, Reference) and value.name in RENAMED:
        scope = f"{value.scope}/" if value.scope else ""
        value = Reference(scope + RENAMED[value.name], value.is_called)
    return dataclasses.replace(binding, configurable=configurable, value=value)


def _lines(bindings: Sequence[Binding]) -> list[str]:
    return [f"{binding.key} = {binding.value!r}" for binding in bindings]


def _dotted(name: str) -> str:
    return f"positions.{FLAT_FIELDS[name][1]}"


def _moved(binding: Binding, configurable: str, name: str, value: object) -> Binding:
    return dataclasses.replace(binding, configurable=configurable, name=name, value=value)
