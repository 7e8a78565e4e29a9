"""What t5lite's own task modules register, known without importing them (that takes seconds).

It is listed in shipped.json beside the modules; a test compares the list with what they register.
"""

from __future__ import annotations

import dataclasses
import functools
import json

from t5lite import tasks_finder


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShippedModule:
    """A task module that comes with t5lite.

    Attributes:
      module: its name, for `--tasks`.
      holds: what its tasks are.
      data: what it needs under `--data_dir`, or "none".
      prefixes: what the names of its Tasks start with, one of them each.
      mixtures: names of its Mixtures; some are there only where their data are.
    """

    module: str
    holds: str
    data: str
    prefixes: tuple[str, ...]
    mixtures: tuple[str, ...]

    def may_register(self, name: str) -> bool:
        """Whether a Task or Mixture of this name may be its."""
        return name in self.mixtures or name.startswith(self.prefixes)


@functools.cache
def shipped_modules() -> tuple[ShippedModule, ...]:
    """The modules, as listed."""
    records = json.loads((tasks_finder.folder() / "shipped.json").read_text(encoding="utf-8"))
    return tuple(
        ShippedModule(
            **{
                **record,
                "prefixes": tuple(record["prefixes"]),
                "mixtures": tuple(record["mixtures"]),
            }
        )
        for record in records
    )
