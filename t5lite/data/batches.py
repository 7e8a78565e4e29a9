"""Batches of a mixture: a host's rows of each global batch, and what all of it holds.

Names: N examples of a batch, R rows, L positions, T tasks, F task features.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from t5lite.data.drawn_examples import DrawnExamples
from t5lite.data.features.feature_converters import FeatureConverter, Features
from t5lite.data.packing import Plan, RowPlanner
from t5lite.data.tasks.labels import LabelCounter


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchStats:
    """What a global batch holds, counted over all hosts.

    Attributes:
      num_examples: examples.
      num_input_tokens: positions that their inputs take.
      num_target_tokens: positions that their targets take.
      num_padding_tokens: positions left empty.
      draws_by_task: int64 `[T]`, examples by task.
      draws_by_length: int64 `[F, H]`, for each feature the examples in each bin of its lengths.
      draws_by_label: int64 `[C]` each, examples by template and by number of shots, where some
        store labels its examples; see `LabelCounter`.
    """

    num_examples: int
    num_input_tokens: int
    num_target_tokens: int
    num_padding_tokens: int
    draws_by_task: npt.NDArray[np.int64]
    draws_by_length: npt.NDArray[np.int64]
    draws_by_label: Mapping[str, npt.NDArray[np.int64]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainBatch:
    """A batch.

    Attributes:
      features: this host's rows, arrays `[batch_size / host_count, L]`.
      task_ids: int32 `[batch_size / host_count, T]`, of which task each target position is, in the
        order of `TrainData.task_names`; of any where there is padding.
      stats: of the global batch.
      state: the state after this batch, in JSON's types; the same on every host.
    """

    features: Features
    task_ids: npt.NDArray[np.int32]
    stats: BatchStats
    state: dict[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchMaker:
    """Makes the batches of `TrainData`, in a thread that must not keep that alive.

    Attributes:
      planner: says which draws come in which rows.
      examples: what is drawn.
      converter: makes rows of it.
      label_counter: counts how prompts were made.
      batch_size: rows of a global batch.
      rows: those of this host.
      fingerprint: of the data, for each batch's state.
    """

    planner: RowPlanner
    examples: DrawnExamples
    converter: FeatureConverter
    label_counter: LabelCounter
    batch_size: int
    rows: range
    fingerprint: Mapping[str, Any]

    def batches(self) -> Iterator[TrainBatch]:
        """All batches, to the mixture's end."""
        while (plan := self.planner.plan(self.batch_size)) is not None:
            lengths_NF = self.examples.lengths(plan.index_N, plan.draw_N)
            is_chat_N = self.examples.corpus.is_chat(plan.index_N)
            num_N2 = self.converter.num_tokens(lengths_NF, is_chat_N=is_chat_N)
            features = self._materialise(plan, lengths_NF, is_chat_N)
            yield TrainBatch(
                features=features,
                task_ids=self._task_ids(plan, features),
                stats=self._count(plan, num_N2),
                state={"position": self.planner.position(), "fingerprint": self.fingerprint},
            )

    def _materialise(
        self, plan: Plan, lengths_NF: npt.NDArray[np.int64], is_chat_N: npt.NDArray[np.bool_]
    ) -> Features:
        """This host's rows."""
        first, last = np.searchsorted(plan.row_N, [self.rows.start, self.rows.stop])
        return self.converter.convert(
            self.examples.tokens(
                plan.index_N[first:last],
                plan.draw_N[first:last],
                lengths_NF=lengths_NF[first:last],
            ),
            lengths_NF=lengths_NF[first:last],
            row_N=plan.row_N[first:last] - self.rows.start,
            num_rows=len(self.rows),
            is_chat_N=is_chat_N[first:last],
        )

    def _task_ids(self, plan: Plan, features: Features) -> npt.NDArray[np.int32]:
        """The task of each target position of this host's rows."""
        targets_RL = features["decoder_target_tokens"]
        segment_RL = features.get("decoder_segment_ids", np.ones_like(targets_RL))
        first_R = np.searchsorted(plan.row_N, self.rows)
        task_N, _ = self.examples.corpus.locate(plan.index_N)
        place_RL = first_R[:, None] + np.maximum(segment_RL, 1) - 1
        # Rows that the mixture's end left empty come behind all examples.
        return np.append(task_N, 0)[np.minimum(place_RL, len(task_N))].astype(np.int32)

    def _count(self, plan: Plan, num_N2: npt.NDArray[np.int64]) -> BatchStats:
        num_used = int(self.converter.needs(num_N2).sum())
        num_targets = int(num_N2[:, 1].sum())
        task_N, example_N = self.examples.corpus.locate(plan.index_N)
        return BatchStats(
            num_examples=len(plan.index_N),
            num_input_tokens=num_used - num_targets,
            num_target_tokens=num_targets,
            num_padding_tokens=self.batch_size * sum(self.converter.capacities) - num_used,
            draws_by_task=np.bincount(task_N, minlength=len(self.examples.corpus.task_names)),
            draws_by_length=self.examples.corpus.count_lengths(plan.index_N),
            draws_by_label=self.label_counter.count(task_N, example_N),
        )
