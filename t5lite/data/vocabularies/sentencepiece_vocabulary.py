"""SentencePiece without TensorFlow, id for id seqio's."""

import functools
import hashlib
import struct
from collections.abc import Iterable
from typing import Any

import sentencepiece

from t5lite.data.vocabularies.vocabulary import HELP, LAST_TEXTS, Vocabulary, read_file
from t5lite.messages.ranges import NumExtraIds
from t5lite.messages.value_types import check_type

# What a model folder calls its SentencePiece model.
SENTENCEPIECE_FILE = "vocabulary.model"


class SentencePieceVocabulary(Vocabulary):
    """A SentencePiece model file, with sentinels after its pieces counting down to `<extra_id_0>`.

    A file may hold sentinels itself; `extra_ids` are those that are added to it.

    Raises:
      ValueError: if the file is absent, is not a SentencePiece model, or gets too many extra ids.
    """

    def __init__(self, path: str, extra_ids: int = 100):
        self.path = str(path)
        check_type(extra_ids, NumExtraIds, name="extra_ids")
        self.extra_ids = extra_ids
        model = read_file(self.path)
        self._sha256 = hashlib.sha256(model).hexdigest()
        # A serialised protobuf followed by more entries of a repeated field is that message with
        # the entries appended, so sentinels need no protobuf library.
        sentinels = b"".join(_serialised_sentinel(i) for i in reversed(range(extra_ids)))
        self._processor = sentencepiece.SentencePieceProcessor()
        try:
            self._processor.LoadFromSerializedProto(model + sentinels)
        except RuntimeError as error:
            found = f"The vocabulary {path} is not a SentencePiece model. {HELP}"
            if extra_ids and holds_sentinels(model):
                found = (
                    f"The vocabulary {path} holds its sentinels itself, so {extra_ids} extra ids "
                    f"cannot be added. Give {path}:0, or extra_ids=0 in Python."
                )
            raise ValueError(found) from error
        self._encode = functools.lru_cache(LAST_TEXTS)(self._processor.EncodeAsIds)
        self._vocab_size = self._processor.GetPieceSize()
        self._eos_id = self._processor.eos_id()
        ids = {"bos_token": self.bos_id, "eos_token": self._eos_id}
        self.special_tokens = {
            role: self._processor.IdToPiece(token)
            for role, token in ids.items()
            if token is not None and token >= 0
        }

    def __reduce__(self) -> tuple[Any, ...]:
        return SentencePieceVocabulary, (self.path, self.extra_ids)

    @property
    def vocab_size(self) -> int:
        """Number of ids: the model's pieces and the sentinels."""
        return self._vocab_size

    @property
    def num_sentinels(self) -> int:
        """How many of the last ids are `<extra_id_0>` and so on, added or of the file."""
        last, count = self._vocab_size - 1, 0
        while count <= last and self._processor.IdToPiece(last - count) == _sentinel(count):
            count += 1
        return count

    @property
    def eos_id(self) -> int:
        """The model's own end of sequence; -1 where it has none."""
        return self._eos_id

    @property
    def bos_id(self) -> int | None:
        """The model's own beginning of sequence; LLaMA's models have one, T5's have none."""
        bos_id = self._processor.bos_id()
        return bos_id if bos_id >= 0 else None

    @property
    def unk_id(self) -> int:
        """The model's own unknown."""
        return self._processor.unk_id()

    @property
    def prefix_ids(self) -> tuple[int, ...]:
        """The beginning of sequence, where the model has one."""
        return () if self.bos_id is None else (self.bos_id,)

    @property
    def suffix_ids(self) -> tuple[int, ...]:
        """The end of sequence, where the model has no beginning: LLaMA opens a text, T5 ends it."""
        return (self.eos_id,) if self.bos_id is None else ()

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, without an end of sequence.

        One text a call on purpose: the library's call on a list starts a thread pool each time.
        """
        return list(self._encode(text))

    def decode(self, ids: Iterable[int]) -> str:
        """Text of token ids; an id beyond the vocabulary reads as the unknown piece."""
        size, unk_id = self._vocab_size, self.unk_id
        return self._processor.DecodeIds([unk_id if i >= size else i for i in self._until_eos(ids)])

    def has_pieces_of(self, other: "SentencePieceVocabulary") -> bool:
        """Whether every id is the same piece as in another, added or of the file."""
        return self._pieces() == other._pieces()

    def _pieces(self) -> list[tuple[str, float, bool]]:
        model = self._processor
        return [
            (model.IdToPiece(i), model.GetScore(i), model.IsControl(i))
            for i in range(self._vocab_size)
        ]

    def spec(self) -> dict[str, Any]:
        """Path and content hash of the model file, and number of sentinels added to it."""
        return {
            "kind": "sentencepiece",
            "path": self.path,
            "extra_ids": self.extra_ids,
            "sha256": self._sha256,
        }


def holds_sentinels(model: bytes) -> bool:
    """Whether a SentencePiece model has sentinels among its pieces, as T5's `.100extra` files."""
    return _sentinel(0).encode() in model


def _sentinel(index: int) -> str:
    return f"▁<extra_id_{index}>"


def _serialised_sentinel(index: int) -> bytes:
    """One entry of sentencepiece's `ModelProto.pieces` (field 1): piece, score 0, USER_DEFINED."""
    piece = _sentinel(index).encode()
    body = b"\x0a" + bytes([len(piece)]) + piece + b"\x15" + struct.pack("<f", 0.0) + b"\x18\x04"
    return b"\x0a" + bytes([len(body)]) + body
