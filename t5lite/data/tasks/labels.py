"""What a token store says of each of its examples besides its tokens, and counts of it.

A task module may label its examples with how their prompts were made. A store keeps a table of its
different labels, with their counts, and a small integer an example.

Names: T tasks, N examples, L labels of a store, C cells to count in.
"""

import collections
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

NOT_SAID = "not said"


class Label(NamedTuple):
    """How an example's prompt was made.

    Attributes:
      template: the prompt template, such as `nli/few_shot/3`.
      shots: how many exemplars its prompt shows.
      exemplars: what became of the exemplars of a few-shot example, such as `some fit`; empty for
        one that was to have none.
    """

    template: str
    shots: int = 0
    exemplars: str = ""


class LabelledStore(Protocol):
    """What is needed of a `TokenStore`."""

    @property
    def num_examples(self) -> int:
        """How many examples there are."""

    @property
    def labels(self) -> tuple[Label, ...]:
        """The different labels; none where its examples have none."""

    @property
    def label_counts(self) -> tuple[int, ...]:
        """How many examples have each of them."""

    @property
    def label_N(self) -> npt.NDArray[np.integer]:
        """Place of each example's label among them."""


# What examples are counted by, and the name of a label's cell.
_KINDS: Mapping[str, Callable[[Label], str]] = {
    "template": lambda label: label.template,
    "shots": lambda label: str(label.shots),
}


class LabelCounter:
    """Counts examples of several stores by template and by number of shots.

    Attributes:
      cells: the names of the cells by kind, `template` and `shots`; none where no store has labels.
    """

    def __init__(self, stores: Sequence[LabelledStore]):
        """Reads the tables only.

        Args:
          stores: one a task. Examples of those without labels count as "not said".
        """
        self._stores = tuple(stores)
        self.cells: dict[str, tuple[str, ...]] = {}
        self._cells_TL: dict[str, list[npt.NDArray[np.int64]]] = {}
        if not any(store.labels for store in stores):
            return
        for kind, name in _KINDS.items():
            names_TL = [[name(label) for label in store.labels] or [NOT_SAID] for store in stores]
            self.cells[kind] = tuple(sorted({n for names in names_TL for n in names}, key=_order))
            place = {cell: index for index, cell in enumerate(self.cells[kind])}
            self._cells_TL[kind] = [np.array([place[n] for n in names]) for names in names_TL]

    def count(
        self, task_N: npt.NDArray[np.int64], example_N: npt.NDArray[np.int64]
    ) -> dict[str, npt.NDArray[np.int64]]:
        """How many of these examples are in each cell, `[C]` by kind."""
        if not self.cells:
            return {}
        places = list(zip(task_N.tolist(), example_N.tolist(), strict=True))
        labels = [
            (task, int(self._stores[task].label_N[example]) if self._stores[task].labels else 0)
            for task, example in places
        ]
        return {
            kind: np.bincount(
                np.array([cells_TL[task][label] for task, label in labels], np.int64),
                minlength=len(self.cells[kind]),
            )
            for kind, cells_TL in self._cells_TL.items()
        }

    def shares(self, rates_T: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.float64]]:
        """Share of each cell among draws of tasks at these rates, `[C]` by kind."""
        shares = {kind: np.zeros(len(cells)) for kind, cells in self.cells.items()}
        for kind, cells_TL in self._cells_TL.items():
            for store, rate, cells_L in zip(self._stores, rates_T, cells_TL, strict=True):
                counts_L = np.array(store.label_counts or [store.num_examples])
                np.add.at(shares[kind], cells_L, counts_L * (rate / counts_L.sum()))
        return shares


def _order(cell: str) -> tuple[bool, int, str]:
    """Numbers by size, then words."""
    return not cell.isdecimal(), int(cell) if cell.isdecimal() else 0, cell


def exemplar_report(stores: Iterable[LabelledStore]) -> str:
    """A line on what became of the exemplars of few-shot examples; empty where there are none."""
    outcomes: collections.Counter[str] = collections.Counter()
    shown = 0
    for store in stores:
        for label, count in zip(store.labels, store.label_counts, strict=True):
            if label.exemplars:
                outcomes[label.exemplars] += count
                shown += label.shots * count
    if not outcomes:
        return ""
    listed = "; ".join(f"{outcome}: {count:,}" for outcome, count in sorted(outcomes.items()))
    return (
        f"few-shot examples: {outcomes.total():,}, which show {shown:,} exemplars. "
        f"What became of their exemplars: {listed}"
    )
