"""A few examples in memory, to try a transform on."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from t5lite.data.transforms.transform import Example
from t5lite.data.vocabularies.vocabulary import Vocabulary


@dataclasses.dataclass(frozen=True, kw_only=True)
class ListedExamples:
    """See `TaskExamples`.

    Attributes:
      examples: their tokens, without end tokens.
      vocabulary: of the tokens.
      room: by feature, how many tokens a row takes; its names are those of the features.
      is_chat: whether they are conversations.
    """

    examples: Sequence[Example]
    vocabulary: Vocabulary
    room: Mapping[str, int]
    is_chat: bool = False

    @classmethod
    def without_ends(
        cls, examples: Sequence[Example], *, vocabulary: Vocabulary, **fields: Any
    ) -> "ListedExamples":
        """Of examples whose features may end in the end token, but for conversations."""
        is_chat = fields.get("is_chat", False)

        def bare(ids: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
            has_end = len(ids) > 0 and ids[-1] == vocabulary.eos_id and not is_chat
            return ids[:-1] if has_end else ids

        bare_examples = [tuple(map(bare, example)) for example in examples]
        return cls(examples=bare_examples, vocabulary=vocabulary, **fields)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features."""
        return tuple(self.room)

    @property
    def num_examples(self) -> int:
        """How many there are."""
        return len(self.examples)

    def lengths(self, example_N: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Tokens of each feature, `[N, F]`."""
        lengths = [[len(feature) for feature in self.examples[i]] for i in example_N.tolist()]
        return np.array(lengths, np.int64).reshape(-1, len(self.room))

    def tokens(self, example_N: npt.NDArray[np.int64]) -> list[Example]:
        """The tokens of these examples."""
        return [self.examples[i] for i in example_N.tolist()]
