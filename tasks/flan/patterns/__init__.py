"""All patterns by name. Each module holds the templates of one family of tasks, as plain data."""

from __future__ import annotations

import types
from collections.abc import Mapping

from ..pattern import Pattern
from . import (
    classification,
    collected,
    continuation,
    dialogue,
    inference,
    programs,
    questions,
    reading,
    reading_choices,
    reasoning,
    rewriting,
    summaries,
    words,
)

_MODULES = (
    inference,
    reading,
    reading_choices,
    questions,
    classification,
    words,
    continuation,
    summaries,
    rewriting,
    dialogue,
    programs,
    collected,
    reasoning,
)

PATTERNS: Mapping[str, Pattern] = types.MappingProxyType(
    {pattern.name: pattern for module in _MODULES for pattern in module.PATTERNS}
)
