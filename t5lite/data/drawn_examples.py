"""The examples of a mixture as drawn: those of the stores, or what transforms make of them.

Names: N draws, T tasks, F task features, K tokens of all examples together.
"""

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from t5lite.data.corpus import Corpus
from t5lite.data.features.feature_converters import FeatureConverter
from t5lite.data.mixing.mixing import transform_keys
from t5lite.data.transforms.transform import Example, ExampleTransform, describe
from t5lite.data.vocabularies.vocabulary import Vocabulary

_PROBED_DRAWS = 8
_DIGITS = 16


class DrawnExamples:
    """Lengths and tokens of draws: of an example by its index, and the number of its Task's draw.

    Attributes:
      corpus: the examples as they are stored.
    """

    def __init__(
        self,
        corpus: Corpus,
        *,
        transforms: Sequence[ExampleTransform | None] = (),
        converter: FeatureConverter,
        vocabulary: Vocabulary,
        seed: int,
    ):
        """Makes them.

        Args:
          corpus: the examples as they are stored.
          transforms: one a task, or none at all.
          converter: puts what it is given in rows.
          vocabulary: of the tokens.
          seed: the mixture's.

        Raises:
          ValueError: a transform is of no use for its Task's examples.
        """
        self.corpus = corpus
        self._seed = seed
        self._takes_complements = converter.architecture == "decoder_only"
        # By store, so that a transform sees the examples of one pass.
        self._transforms = {
            store: (transform, _TaskExamples(corpus, store, converter, vocabulary))
            for store, task in enumerate(corpus.task_S.tolist())
            if transforms and (transform := transforms[task]) is not None
        }

    def lengths(
        self, index_N: npt.NDArray[np.int64], draw_N: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        """Lengths without ends, `[N, F]`.

        Args:
          index_N: examples by their index in the corpus.
          draw_N: of which draw of their Task they are.

        Raises:
          ValueError: a transform announces lengths that cannot be.
        """
        lengths_NF = self.corpus.lengths(index_N)
        for store, where_M, example_M, keys_M2 in self._transformed(index_N, draw_N):
            transform, examples = self._transforms[store]
            try:
                announced_MF = np.asarray(transform.lengths(examples, example_M, keys_M2))
            except ValueError as error:
                raise ValueError(f"task {self._name(store)!r}: {error}") from error
            stored_MF = lengths_NF[where_M]
            if announced_MF.shape != stored_MF.shape or (announced_MF < 0).any():
                self._refuse(
                    store, f"announces lengths of shape {announced_MF.shape}, or negative ones"
                )
            if ((announced_MF.sum(axis=1) == 0) & (stored_MF.sum(axis=1) > 0)).any():
                self._refuse(store, "makes an example without any token of one that has some")
            lengths_NF[where_M] = announced_MF
        return lengths_NF

    def tokens(
        self,
        index_N: npt.NDArray[np.int64],
        draw_N: npt.NDArray[np.int64],
        *,
        lengths_NF: npt.NDArray[np.int64],
    ) -> list[npt.NDArray[np.int32]]:
        """The tokens of these draws, for each feature an int32 `[K]`.

        Args:
          index_N: as for `lengths`.
          draw_N: likewise.
          lengths_NF: what `lengths` said of them.

        Raises:
          ValueError: a transform makes other lengths than it announced, or ids that are none.
        """
        if not self._transforms:
            return self.corpus.tokens(index_N)
        made: list[Example] = [()] * len(index_N)
        store_N, _ = self.corpus.locate_store(index_N)
        plain_M = np.flatnonzero(~np.isin(store_N, [*self._transforms]))
        plain = _apart(self.corpus.tokens(index_N[plain_M]), lengths_NF[plain_M])
        for where, example in zip(plain_M.tolist(), plain, strict=True):
            made[where] = example
        for store, where_M, example_M, keys_M2 in self._transformed(index_N, draw_N):
            transform, examples = self._transforms[store]
            made_M = transform(examples, example_M, keys_M2)
            announced_MF = lengths_NF[where_M].tolist()
            if [[len(feature) for feature in example] for example in made_M] != announced_MF:
                self._refuse(store, "makes examples of other lengths than it announced")
            for where, example in zip(where_M.tolist(), made_M, strict=True):
                made[where] = example
            self._check_ids(store, made_M)
        return [
            np.concatenate([np.zeros(0, np.int32), *(example[feature] for example in made)])
            for feature in range(len(self.corpus.features))
        ]

    def described(self) -> list[dict[str, str]]:
        """For each Task what its transform `is`, and a hash of what it `makes` of a few draws.

        Both are '' where there is none. The hash differs between transforms of the same name and
        fields, whatever their code looks like.

        Raises:
          ValueError: as `tokens`.
        """
        found = [{"is": "", "makes": ""} for _ in self.corpus.task_names]
        for store in self._transforms:
            task = int(self.corpus.task_S[store])
            if found[task]["is"]:  # Of its first pass.
                continue
            size = int(self.corpus.num_examples[task])
            example_N = np.arange(0, size, -(-size // _PROBED_DRAWS) or 1)
            index_N = self.corpus.index(np.full_like(example_N, task), example_N)
            draw_N = np.arange(len(index_N))
            lengths_NF = self.lengths(index_N, draw_N)
            hashed = hashlib.sha256(lengths_NF.tobytes())
            for tokens_K in self.tokens(index_N, draw_N, lengths_NF=lengths_NF):
                hashed.update(tokens_K.tobytes())
            found[task] = {
                "is": describe(self._transforms[store][0]),
                "makes": hashed.hexdigest()[:_DIGITS],
            }
        return found

    def _transformed(
        self, index_N: npt.NDArray[np.int64], draw_N: npt.NDArray[np.int64]
    ) -> Iterator[tuple[int, npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.uint32]]]:
        """For each store of a Task with a transform: where its draws are, their examples, keys."""
        if not self._transforms or not len(index_N):
            return
        store_N, example_N = self.corpus.locate_store(index_N)
        keys_N2 = transform_keys(self._seed, self.corpus.task_S[store_N], draw_N)
        order_N = np.argsort(store_N, kind="stable")
        stores, firsts = np.unique(store_N[order_N], return_index=True)
        for store, where_M in zip(stores.tolist(), np.split(order_N, firsts[1:]), strict=True):
            if store in self._transforms:
                yield store, where_M, example_N[where_M], keys_N2[where_M]

    def _check_ids(self, store: int, made_M: Sequence[Example]) -> None:
        """Raises ValueError for ids that are not in the vocabulary, nor stand for a masked one."""
        _, examples = self._transforms[store]
        for feature, parts in zip(examples.features, zip(*made_M, strict=True), strict=True):
            ids_K = np.concatenate(parts)
            if feature == "targets" and self._takes_complements:
                ids_K = np.maximum(ids_K, ~ids_K)
            size = examples.vocabulary.vocab_size
            if len(ids_K) and not 0 <= ids_K.min() <= ids_K.max() < size:
                self._refuse(
                    store,
                    f"makes {feature} with ids from {ids_K.min()} to {ids_K.max()}, and the "
                    f"vocabulary has {size}",
                )

    def _name(self, store: int) -> str:
        return self.corpus.task_names[self.corpus.task_S[store]]

    def _refuse(self, store: int, why: str) -> None:
        transform, _ = self._transforms[store]
        raise ValueError(f"task {self._name(store)!r}: its transform {describe(transform)} {why}")


class _TaskExamples:
    """See `TaskExamples`; those of one store, a pass of the Task."""

    def __init__(
        self, corpus: Corpus, store: int, converter: FeatureConverter, vocabulary: Vocabulary
    ):
        self._corpus = corpus
        self._first = corpus.first_S[store]
        self.features = corpus.features
        self.num_examples = corpus.store_sizes[store]
        self.is_chat = bool(corpus.is_chat_T[corpus.task_S[store]])
        self.vocabulary = vocabulary
        self.room = converter.room(is_chat=self.is_chat)

    def lengths(self, example_N: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """See `TaskExamples.lengths`."""
        return self._corpus.lengths(self._index(example_N), is_cut=False)

    def tokens(self, example_N: npt.NDArray[np.int64]) -> list[Example]:
        """See `TaskExamples.tokens`."""
        index_N = self._index(example_N)
        return _apart(self._corpus.tokens(index_N, is_cut=False), self.lengths(example_N))

    def _index(self, example_N: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return self._first + example_N


def _apart(
    tokens_F: Sequence[npt.NDArray[np.int32]], lengths_NF: npt.NDArray[np.int64]
) -> list[Example]:
    """Each example's tokens of those that lie one after another."""
    ends_FN = np.cumsum(lengths_NF, axis=0).T
    parts_F = [
        np.split(tokens_K, ends_N)[:-1] for tokens_K, ends_N in zip(tokens_F, ends_FN, strict=True)
    ]
    return list(zip(*parts_F, strict=True))
