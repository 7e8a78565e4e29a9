"""Pairs of a Task that is trained on and one that is evaluated, of which much is the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from t5lite.data.contamination import contamination
from t5lite.data.tasks import seqio_adapter

# What is in more than half of an evaluated Task's examples is its instruction. Two tasks that are
# asked in the same words share no instance by that.
_INSTRUCTION_SHARE = 0.5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Leak:
    """What a trained and an evaluated Task have in common.

    Attributes:
      trained: the Task that is trained on.
      evaluated: the Task that is evaluated.
      num_evaluated: examples of it.
      num_found: of these, those that share an n-gram with a training example.
      num_trained: training examples.
      num_overlapping: of these, those that share one with an evaluated example.
      ngram: the one that most training examples share.
    """

    trained: str
    evaluated: str
    num_evaluated: int
    num_found: int
    num_trained: int
    num_overlapping: int
    ngram: str

    @property
    def share(self) -> float:
        """Share of the evaluated examples that are met with in training, in [0, 1]."""
        return self.num_found / max(self.num_evaluated, 1)

    @property
    def share_of_training(self) -> float:
        """Share of the training examples that overlap, in [0, 1]."""
        return self.num_overlapping / max(self.num_trained, 1)


def find_leaks(
    trained: Sequence[str],
    evaluated: Sequence[str],
    *,
    n: int = 13,
    task_modules: Sequence[str] = (),
    num_workers: int | None = None,
) -> list[Leak]:
    """All pairs that share an n-gram of words besides instructions, the largest shares first.

    Args:
      trained: the Tasks that are trained on, on their split "train".
      evaluated: the Tasks that are evaluated, on their split "validation".
      n: words of an n-gram.
      task_modules: task modules for workers to import.
      num_workers: processes; None for one per core, and no more than one for every 16 Tasks.

    Raises:
      ValueError: a Task cannot be read, or `n` is not positive.
    """
    against = {
        name: (
            "\n".join(texts.values()) for texts in seqio_adapter.iterate_texts(name, "validation")
        )
        for name in evaluated
    }
    leaks = []
    found = contamination.search(
        trained,
        against,
        split="train",
        n=n,
        common_share=_INSTRUCTION_SHARE,
        task_modules=task_modules,
        num_workers=num_workers,
    )
    num_texts = {one.name: one.num_texts for one in found.sets}
    for task in found.tasks:
        for name, num_overlapping in task.by_set.items():
            leaks.append(
                Leak(
                    trained=task.name,
                    evaluated=name,
                    num_evaluated=num_texts[name],
                    num_found=task.texts_by_set[name],
                    num_trained=task.num_examples,
                    num_overlapping=num_overlapping,
                    ngram=task.ngram_by_set[name],
                )
            )
    return sorted(leaks, key=lambda leak: (-leak.share, -leak.share_of_training, leak.trained))
