"""How many examples a store has so far, for who watches it being built."""

import dataclasses
import time
from collections.abc import Callable

from t5lite.data.stores.plan import StoreJob
from t5lite.data.tasks import seqio_adapter, seqio_endless

_SECONDS = 1.0
_SECONDS_TO_WARNING = 5.0
# A preprocessor may make several examples of one input.
_USUAL_OF_ONE = 4


@dataclasses.dataclass(frozen=True)
class Growth:
    """What a store holds so far.

    Attributes:
      task: its Task.
      num_examples: the examples written.
      declared: how many the Task declares; None where it does not.
      warning: what to say once, where there may be no end.
    """

    task: str
    num_examples: int
    declared: int | None
    warning: str = ""

    def __str__(self) -> str:
        of = "" if self.declared is None else f" (declared: {self.declared:,})"
        return f"{self.task}: {self.num_examples:,} examples so far{of}"


class GrowthReporter:
    """Reports the growth of one store, some time apart."""

    def __init__(
        self,
        job: StoreJob,
        report: Callable[[Growth], object],
        *,
        clock: Callable[[], float] = time.monotonic,
    ):
        """Makes one; `report` is called a second apart, as told by `clock`."""
        self._job = job
        self._report = report
        self._clock = clock
        self._declared = seqio_adapter.declared_examples(job.task, job.split)
        self._started: float | None = None
        self._last = 0.0
        self._has_warned = False

    def count(self, num_examples: int) -> None:
        """Takes note of the examples so far."""
        now = self._clock()
        if self._started is None:
            self._started = self._last = now
        if now - self._last < _SECONDS:
            return
        self._last = now
        warning = ""
        if not self._has_warned and now - self._started >= _SECONDS_TO_WARNING:
            warning = self._warning(num_examples)
            self._has_warned = bool(warning)
        self._report(Growth(self._job.task, num_examples, self._declared, warning))

    def _warning(self, num_examples: int) -> str:
        """Why there may be no end, and what to do then."""
        task, declared = self._job.task, self._declared
        if self._job.max_examples is not None:
            return ""
        if declared is None:
            why = "and it does not declare how many it has"
            is_suspect = seqio_adapter.may_be_endless(task)
        else:
            why = f"and it declares {declared:,}"
            is_suspect = num_examples > _USUAL_OF_ONE * declared
        if not is_suspect:
            return ""
        return (
            f"task {task}: {num_examples:,} examples so far, {why} (num_input_examples). "
            f"If it never ends, {seqio_endless.remedy(task)}."
        )
