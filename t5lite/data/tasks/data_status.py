"""Whether the data of tasks is there: what task modules say, and what is made of it.

A task module that knows which data each of its tasks reads has a function
`data_status(*, verify=False) -> list[DataStatus]`. A source of its seqio Tasks has a method
`data_status() -> DataStatus`, which looks at folders and opens no file; one whose splits lie in
files of their own has `data_status(*, split=None)`.
"""

import collections
import dataclasses
from collections.abc import Iterable, Sequence
from typing import Literal

from t5lite.messages.tables import format_table

State = Literal["present", "missing", "broken"]
STATES: tuple[State, ...] = ("present", "missing", "broken")


@dataclasses.dataclass(frozen=True)
class DataStatus:
    """What is known of one task's data.

    Attributes:
      task: the task's name.
      collection: what it is counted under.
      state: `present`; `missing`; `broken`, which is there and cannot be read.
      where: the file or folder that is read, or where data were looked for.
      why: what is wrong with it; empty where it is present.
    """

    task: str
    collection: str
    state: State
    where: str
    why: str = ""


def tally(statuses: Iterable[DataStatus]) -> dict[str, dict[State, int]]:
    """How many tasks of each collection are in each state, in the order given."""
    counts: dict[str, collections.Counter[State]] = {}
    for status in statuses:
        counts.setdefault(status.collection, collections.Counter())[status.state] += 1
    return {name: {state: count[state] for state in STATES} for name, count in counts.items()}


def table(statuses: Sequence[DataStatus]) -> str:
    """A line a collection with its counts, and the total."""
    counts = tally(statuses)
    total = {state: sum(count[state] for count in counts.values()) for state in STATES}
    rows = [
        (name, *(f"{number:,}" for number in (sum(count.values()), *count.values())))
        for name, count in [*counts.items(), ("total", total)]
    ]
    titles = ("collection", "tasks", *STATES)
    return format_table(titles, rows, right=range(1, len(titles)))
