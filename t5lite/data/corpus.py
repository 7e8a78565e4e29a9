"""All examples of a mixture's token stores under one numbering.

Example i of task t has the index `first_T[t] + i`. No memory is taken for an example: lengths and
tokens stay in the stores' maps until they are asked for.

Names: T tasks, N examples asked for, F task features, K their tokens, H bins of lengths.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from t5lite.data.tasks.labels import LabelledStore

# Lengths are counted in bins of equal width, so many a feature.
LENGTH_BINS = 32


class Store(LabelledStore, Protocol):
    """What is needed of a `TokenStore`."""

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features, in their order in `offsets`."""

    @property
    def offsets(self) -> npt.NDArray[np.int64]:
        """Where each feature of each example begins in `tokens`, and the end."""

    @property
    def tokens(self) -> npt.NDArray[np.integer]:
        """All tokens."""

    @property
    def is_chat(self) -> bool:
        """Whether its examples are conversations, which are stored complete."""

    @property
    def made_of(self) -> Mapping[str, str]:
        """Hashes of the tokens and of what they come from, as far as they are known."""

    def length_counts(self, feature: str) -> npt.NDArray[np.int64]:
        """How many examples have 0, 1, 2, ... tokens of a feature."""

    def check_tokens(self) -> None:
        """Raises ValueError where the tokens are not those that were written."""


class Corpus:
    """Random access to the examples of several stores, each feature cut to a length.

    Tasks may end a feature with the vocabulary's end token. That is no part of the tokens given
    here: a model's feature converter decides what stands at an end.

    A task that draws random numbers may have several passes, a store each. Its examples are those
    of the first, followed by those of the second, and so on.

    Attributes:
      task_names: names of the tasks, in the order of the stores.
      features: the features asked for, in this order.
      num_examples: int64 `[T]`, of one pass, the first.
      later_passes: for each task the numbers of examples of its further passes.
      task_S: int64, of which task each store is.
      first_S: int64, the index of each store's first example.
      store_sizes: the number of examples of each store.
      is_chat_T: bool, which tasks hold conversations.
      bin_widths: by feature, how many tokens a bin of its lengths spans.
    """

    def __init__(
        self,
        stores: Sequence[Store],
        *,
        task_names: Sequence[str],
        feature_lengths: Mapping[str, int],
        eos_id: int,
        later_passes: Sequence[Sequence[Store]] = (),
    ):
        """Makes a corpus; takes no longer for larger stores.

        Args:
          stores: one a task.
          task_names: their names.
          feature_lengths: the features to give, in this order, and the length each is cut to.
          eos_id: the end token.
          later_passes: the stores of each task's further passes, or nothing at all.

        Raises:
          ValueError: a store lacks a feature, or has others than the rest.
        """
        self.task_names = tuple(task_names)
        self.num_examples = np.array([store.num_examples for store in stores], np.int64)
        later_T = later_passes or [()] * len(stores)
        passes_T = [[first, *later] for first, later in zip(stores, later_T, strict=True)]
        self.later_passes = [[store.num_examples for store in passes[1:]] for passes in passes_T]
        self.task_S = np.repeat(np.arange(len(passes_T)), [len(passes) for passes in passes_T])
        self._stores = tuple(store for passes in passes_T for store in passes)
        self.store_sizes = tuple(store.num_examples for store in self._stores)
        sizes_S = np.array(self.store_sizes, np.int64)
        self._ends_S = np.cumsum(sizes_S)
        self.first_S = self._ends_S - sizes_S
        first_stores_T = np.searchsorted(self.task_S, np.arange(len(passes_T)))
        self._first_T = self.first_S[first_stores_T]
        self._ends_T = np.append(self._first_T[1:], self._ends_S[-1:])
        self._passes_T = [
            self._stores[start : start + len(passes)]
            for start, passes in zip(first_stores_T.tolist(), passes_T, strict=True)
        ]
        for name, store in zip(self.task_names, stores, strict=True):
            missing = [feature for feature in feature_lengths if feature not in store.features]
            if missing:
                raise ValueError(
                    f"task {name!r} has the features {', '.join(store.features)}, but "
                    f"task_feature_lengths asks for {', '.join(missing)}"
                )
            if store.features != stores[0].features:
                raise ValueError(
                    f"tasks {self.task_names[0]!r} and {name!r} cannot be mixed: their features "
                    f"are {', '.join(stores[0].features)} and {', '.join(store.features)}"
                )
        self.features = tuple(feature_lengths)
        self._columns_F = [stores[0].features.index(feature) for feature in feature_lengths]
        self._limits_F = np.array([*feature_lengths.values()], np.int64)
        # Plain arrays and memoryviews over the maps: a numpy.memmap takes ten times as long to
        # slice as an array, and an array twice as long as a memoryview.
        self._tokens_S = [np.asarray(store.tokens) for store in self._stores]
        self._token_views_S = [tokens.data for tokens in self._tokens_S]
        self._eos_id = eos_id
        self.is_chat_T = np.array([store.is_chat for store in stores], bool)
        self._offsets_S = [np.asarray(store.offsets).data for store in self._stores]
        self.bin_widths = {
            feature: length // LENGTH_BINS + 1 for feature, length in feature_lengths.items()
        }

    @property
    def has_tokens(self) -> bool:
        """Whether some example has a token of the features asked for."""
        return any(
            len(store.length_counts(feature)) > 1
            for store in self._stores
            for feature in self.features
        )

    def sizes(self) -> list[list[int]]:
        """For each task the numbers of examples and stored tokens of each pass, to know it by."""
        sizes: list[list[int]] = [[] for _ in self.task_names]
        for task, store, offsets in zip(
            self.task_S.tolist(), self._stores, self._offsets_S, strict=True
        ):
            sizes[task] += [store.num_examples, offsets[-1]]
        return sizes

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

    def locate_store(
        self, index_N: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """(store, example in the store) of indices: one pass of a task."""
        store_N = np.searchsorted(self._ends_S, index_N, side="right")
        return store_N, index_N - self.first_S[store_N]

    def is_chat(self, index_N: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Which of these examples are conversations, `[N]`."""
        return self.is_chat_T[self.locate(index_N)[0]]

    def lengths(
        self, index_N: npt.NDArray[np.int64], *, is_cut: bool = True
    ) -> npt.NDArray[np.int64]:
        """Lengths without ends, `[N, F]`, after cutting unless `is_cut` is False.

        Raises:
          ValueError: a store's offsets are damaged.
        """
        start_NF, end_NF = self._without_ends(index_N, *self._bounds(index_N))
        lengths_NF = end_NF - start_NF
        return np.minimum(lengths_NF, self._limits_F) if is_cut else lengths_NF

    def ended_tasks(self, feature: str) -> dict[str, bool]:
        """Whether each task ends a feature with the end token, as its first example shows.

        Tasks of which no example has a token of the feature are left out, and conversations, which
        have their own ends.
        """
        column = self._columns_F[self.features.index(feature)]
        ended = {}
        for name, (store, *_) in zip(self.task_names, self._passes_T, strict=True):
            if store.is_chat:
                continue
            tokens = np.asarray(store.tokens).data
            starts = store.offsets[:-1][column :: len(store.features)]
            ends = store.offsets[1:][column :: len(store.features)]
            # The first example almost always has tokens, so that few are looked at.
            for start, end in zip(starts, ends, strict=True):
                if end > start:
                    ended[name] = tokens[end - 1] == self._eos_id
                    break
        return ended

    def count_lengths(self, index_N: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """How many examples' lengths, as they are stored but cut, are in each bin, `[F, H]`."""
        start_NF, end_NF = self._bounds(index_N)
        lengths_NF = np.minimum(end_NF - start_NF, self._limits_F)
        counts_F = [
            np.bincount(lengths_N // width, minlength=LENGTH_BINS)
            for lengths_N, width in zip(lengths_NF.T, self.bin_widths.values(), strict=True)
        ]
        return np.stack(counts_F)

    def mean_length_shares(self, rates_T: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Share of each bin of lengths among draws of tasks at these rates, `[F, H]`."""
        shares_FH = np.zeros((len(self.bin_widths), LENGTH_BINS))
        for task in np.flatnonzero(rates_T > 0):
            passes = self._passes_T[task]
            weight = rates_T[task] / sum(store.num_examples for store in passes)
            for shares_H, limit, (feature, width) in zip(
                shares_FH, self._limits_F, self.bin_widths.items(), strict=True
            ):
                for store in passes:
                    counts = store.length_counts(feature)
                    bins = np.minimum(np.arange(len(counts)), limit) // width
                    shares_H += np.bincount(bins, counts, minlength=LENGTH_BINS) * weight
        return shares_FH

    def tokens(
        self, index_N: npt.NDArray[np.int64], *, is_cut: bool = True
    ) -> list[npt.NDArray[np.int32]]:
        """The tokens of these examples, as long as `lengths` says: by feature an int32 `[K]`."""
        if not len(index_N):
            return [np.zeros(0, np.int32) for _ in self.features]
        tokens_N = [self._tokens_S[store] for store in self.locate_store(index_N)[0].tolist()]
        start_NF, end_NF = self._without_ends(index_N, *self._bounds(index_N))
        if is_cut:
            end_NF = np.minimum(end_NF, start_NF + self._limits_F)
        tokens_F = []
        for starts, ends in zip(start_NF.T.tolist(), end_NF.T.tolist(), strict=True):
            parts = [
                tokens[start:end] for tokens, start, end in zip(tokens_N, starts, ends, strict=True)
            ]
            # Widening each part by itself would take longer than all the rest.
            tokens_F.append(np.concatenate(parts).astype(np.int32))
        return tokens_F

    def _without_ends(
        self,
        index_N: npt.NDArray[np.int64],
        start_NF: npt.NDArray[np.int64],
        end_NF: npt.NDArray[np.int64],
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The bounds without the end tokens, but for conversations."""
        tokens_N = [self._token_views_S[store] for store in self.locate_store(index_N)[0].tolist()]
        # An empty feature has no last token; what stands there is then another feature's.
        last_FN = [
            [tokens[end - 1] if end else 0 for tokens, end in zip(tokens_N, ends, strict=True)]
            for ends in end_NF.T.tolist()
        ]
        last_NF = np.array(last_FN, np.int64).T.reshape(end_NF.shape)
        has_end_NF = (last_NF == self._eos_id) & (end_NF > start_NF)
        return start_NF, end_NF - (has_end_NF & ~self.is_chat(index_N)[:, None])

    def _bounds(
        self, index_N: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Where each feature of these examples begins and ends in its store, `[N, F]` each.

        Raises:
          ValueError: a store's offsets are damaged.
        """
        store_N, example_N = self.locate_store(index_N)
        num_columns = len(self._stores[0].features)
        first_N = example_N * num_columns
        # One look-up in a map an example; the rest is arithmetic on whole arrays.
        parts = [
            self._offsets_S[store][first : first + num_columns + 1]
            for store, first in zip(store_N.tolist(), first_N.tolist(), strict=True)
        ]
        bounds_NC = np.frombuffer(b"".join(parts), np.int64).reshape(-1, num_columns + 1)
        damaged_N = (np.diff(bounds_NC) < 0).any(axis=1)
        if damaged_N.any():
            name = self.task_names[self.task_S[store_N[damaged_N.argmax()]]]
            raise ValueError(
                f"the token store of task {name!r} is damaged: its offsets do not ascend. Delete "
                "the task's folder in the cache; it is rebuilt"
            )
        return bounds_NC[:, self._columns_F], bounds_NC[:, 1:][:, self._columns_F]
