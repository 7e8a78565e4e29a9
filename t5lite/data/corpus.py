"""All examples of a mixture's token stores under one numbering.

Example i of task t has the index `first_T[t] + i`. Lengths are held in memory, two bytes an example
and feature; tokens stay in the stores' memory maps until a row needs them.

Names: T tasks, N examples asked for, F task features, K their tokens, H bins of lengths.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

# Lengths are counted in bins of equal width, so many a feature.
LENGTH_BINS = 32


class Store(Protocol):
    """What is needed of a `TokenStore`."""

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features, in their order in `offsets`."""

    @property
    def num_examples(self) -> int:
        """How many examples there are."""

    @property
    def offsets(self) -> npt.NDArray[np.int64]:
        """Where each feature of each example begins in `tokens`, and the end."""

    @property
    def tokens(self) -> npt.NDArray[np.integer]:
        """All tokens."""

    def lengths(self, feature: str) -> npt.NDArray[np.int32]:
        """Tokens of a feature in each example."""


class Corpus:
    """Random access to the examples of several stores, each feature cut to a length.

    Attributes:
      task_names: names of the tasks, in the order of the stores.
      num_examples: int64 `[T]`.
      bin_widths: by feature, how many tokens a bin of its lengths spans.
    """

    def __init__(
        self,
        stores: Sequence[Store],
        *,
        task_names: Sequence[str],
        feature_lengths: Mapping[str, int],
    ):
        """Reads the lengths of all examples.

        Args:
          stores: one a task.
          task_names: their names.
          feature_lengths: the features to give, in this order, and the length each is cut to.

        Raises:
          ValueError: a store lacks a feature.
        """
        self.task_names = tuple(task_names)
        self.num_examples = np.array([store.num_examples for store in stores], np.int64)
        self._ends_T = np.cumsum(self.num_examples)
        self._first_T = self._ends_T - self.num_examples
        for name, store in zip(self.task_names, stores, strict=True):
            missing = [feature for feature in feature_lengths if feature not in store.features]
            if missing:
                raise ValueError(
                    f"task {name!r} has the features {', '.join(store.features)}, but "
                    f"task_feature_lengths asks for {', '.join(missing)}"
                )
        # A tuple a task, for one look-up an example. Plain arrays over the maps: slicing a
        # numpy.memmap costs ten times as much.
        self._readers_T = [
            (
                np.asarray(store.tokens),
                np.asarray(store.offsets),
                len(store.features),
                tuple(store.features.index(feature) for feature in feature_lengths),
            )
            for store in stores
        ]
        self.bin_widths = {
            feature: length // LENGTH_BINS + 1 for feature, length in feature_lengths.items()
        }
        longest = max(feature_lengths.values())
        dtype = np.uint16 if longest <= np.iinfo(np.uint16).max else np.int32
        self._lengths = np.empty((int(self._ends_T[-1]), len(feature_lengths)), dtype)
        for store, first, end in zip(stores, self._first_T, self._ends_T, strict=True):
            for column, (feature, length) in enumerate(feature_lengths.items()):
                np.minimum(
                    store.lengths(feature),
                    length,
                    out=self._lengths[first:end, column],
                    casting="unsafe",
                )

    @property
    def num_tokens(self) -> int:
        """Tokens of all examples, after cutting."""
        return int(self._lengths.sum(dtype=np.int64))

    def sizes(self) -> list[list[int]]:
        """For each task the numbers of its examples and of its stored tokens, to know it by."""
        return [
            [size, offsets.item(-1)]
            for size, (_, offsets, *_) in zip(
                self.num_examples.tolist(), self._readers_T, strict=True
            )
        ]

    def index(
        self, task_N: npt.NDArray[np.int64], example_N: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        """Indices of examples given as (task, example)."""
        return self._first_T[task_N] + example_N

    def locate(
        self, index_N: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """(task, example) of indices."""
        task_N = np.searchsorted(self._ends_T, index_N, side="right")
        return task_N, index_N - self._first_T[task_N]

    def lengths(self, index_N: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Lengths after cutting, `[N, F]`."""
        return self._lengths[index_N].astype(np.int64)

    def length_counts(self, index_N: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """How many of these examples have a length in each bin, `[F, H]`."""
        return self._count_lengths(self._lengths[index_N])

    def mean_length_shares(self, rates_T: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Share of each bin of lengths among draws of tasks at these rates, `[F, H]`."""
        shares_FH = np.zeros((len(self.bin_widths), LENGTH_BINS))
        for task in np.flatnonzero(rates_T > 0):
            rows = self._lengths[self._first_T[task] : self._ends_T[task]]
            shares_FH += self._count_lengths(rows) * (rates_T[task] / len(rows))
        return shares_FH

    def _count_lengths(self, lengths_NF: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        counts_F = [
            np.bincount(lengths_N // width, minlength=LENGTH_BINS)
            for lengths_N, width in zip(lengths_NF.T, self.bin_widths.values(), strict=True)
        ]
        return np.stack(counts_F)

    def tokens(self, index_N: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int32]]:
        """The tokens of these examples, cut, one after another: for each feature an int32 `[K]`."""
        if not len(index_N):
            return [np.zeros(0, np.int32) for _ in range(self._lengths.shape[1])]
        task_N, example_N = self.locate(index_N)
        examples = list(zip(task_N.tolist(), example_N.tolist(), strict=True))
        tokens_F = []
        for feature, lengths in enumerate(self._lengths[index_N].T.tolist()):
            parts = []
            for (task, example), length in zip(examples, lengths, strict=True):
                tokens, offsets, num_columns, columns = self._readers_T[task]
                start = offsets.item(example * num_columns + columns[feature])
                parts.append(tokens[start : start + length])
            # Widening each part by itself would take longer than all the rest.
            tokens_F.append(np.concatenate(parts).astype(np.int32))
        return tokens_F
