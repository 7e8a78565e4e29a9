"""Text as UTF-8 bytes, id for id seqio's."""

import types
from collections.abc import Iterable, Mapping
from typing import Any

from t5lite.data.vocabularies.vocabulary import Vocabulary
from t5lite.messages.ranges import NumExtraIds
from t5lite.messages.value_types import check_type


class ByteVocabulary(Vocabulary):
    """UTF-8 bytes: 0 padding, 1 end of sequence, 2 unknown, byte b is b + 3.

    This is ByT5's vocabulary (https://arxiv.org/abs/2105.13626).

    Raises:
      ValueError: if `extra_ids`, the number of sentinels, is out of range.
    """

    _NUM_SPECIAL = 3
    _NUM_OWN = 256 + _NUM_SPECIAL

    # As transformers' ByT5Tokenizer calls it, and reads it.
    special_tokens: Mapping[str, str] = types.MappingProxyType({"eos_token": "</s>"})
    _special_take_blanks = True

    def __init__(self, extra_ids: int = 0):
        check_type(extra_ids, NumExtraIds, name="extra_ids")
        self.extra_ids = extra_ids

    @property
    def vocab_size(self) -> int:
        """Number of ids: 3 special, 256 bytes, and the sentinels."""
        return self._NUM_OWN + self.extra_ids

    @property
    def eos_id(self) -> int:
        """Always 1."""
        return 1

    @property
    def unk_id(self) -> int:
        """Always 2."""
        return 2

    @property
    def suffix_ids(self) -> tuple[int, ...]:
        """The end of sequence, as in ByT5."""
        return (self.eos_id,)

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, without an end of sequence."""
        return [byte + self._NUM_SPECIAL for byte in text.encode("utf-8")]

    def decode(self, ids: Iterable[int]) -> str:
        """Text of token ids; special ids, sentinels and broken UTF-8 leave no trace."""
        own = range(self._NUM_SPECIAL, self._NUM_OWN)
        data = bytes(i - self._NUM_SPECIAL for i in self._until_eos(ids) if i in own)
        return data.decode("utf-8", errors="ignore")

    def spec(self) -> dict[str, Any]:
        """Kind and number of sentinels."""
        return {"kind": "bytes", "extra_ids": self.extra_ids}
