"""How far a run has come: beside the train state, all that its next step depends on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from t5lite.data.batches import TrainBatch
from t5lite.training.draws import SampleCounts
from t5lite.training.duration import Duration, Progress


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunPosition:
    """Where a run stands between two steps. A checkpoint holds it, the same on every host.

    Attributes:
      progress: how much is done, in every unit.
      data: the data's state after the last batch that was trained on; None before the first.
      draws: the examples that were drawn.
      loss_by_task: of a checkpoint, the sums that no line of figures holds yet; see `LossByTask`.
      exhausted: whether the mixture has ended.
    """

    progress: Progress = Progress()  # noqa: RUF009 (frozen)
    data: Mapping[str, Any] | None = None
    draws: SampleCounts = SampleCounts()  # noqa: RUF009 (frozen)
    loss_by_task: Mapping[str, Sequence[float]] | None = None
    exhausted: bool = False

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> RunPosition:
        """Reads what `to_json` gave; the oldest checkpoints have no `draws` and what is below."""
        return cls(
            progress=Progress(**saved["progress"]),
            data=saved["data"],
            draws=SampleCounts.from_json(saved.get("draws")),
            loss_by_task=saved.get("loss_by_task"),
            exhausted=saved.get("exhausted", False),
        )

    def to_json(self) -> dict[str, Any]:
        """What a checkpoint holds of it."""
        return {
            "data": self.data,
            "progress": dataclasses.asdict(self.progress),
            "draws": self.draws.to_json(),
            "loss_by_task": self.loss_by_task,
            "exhausted": self.exhausted,
        }

    @property
    def resumes(self) -> bool:
        """Whether a checkpoint holds it, and not only the beginning."""
        return self.data is not None

    def is_over(self, total: Duration) -> bool:
        """Whether a run this long has nothing left to train."""
        return total.reached(self.progress) or self.exhausted

    def after(self, batch: TrainBatch, *, epoch_size: int) -> RunPosition:
        """The position after one step more.

        Args:
          batch: what it was trained on.
          epoch_size: examples of an epoch.
        """
        stats, done = batch.stats, self.progress
        examples = done.examples + stats.num_examples
        return RunPosition(
            progress=Progress(
                steps=done.steps + 1,
                examples=examples,
                tokens=done.tokens + stats.num_input_tokens + stats.num_target_tokens,
                epochs=examples / epoch_size,
            ),
            data=batch.state,
            draws=self.draws.plus(stats),
        )
