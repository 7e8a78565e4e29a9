"""What is in a SentencePiece model file, read without a protobuf library.

The messages are those of sentencepiece's sentencepiece_model.proto: ModelProto holds `pieces` (1),
`trainer_spec` (2) and `normalizer_spec` (3).
"""

from __future__ import annotations

import dataclasses
import enum
import struct
from collections.abc import Iterator
from typing import Any


class PieceType(enum.IntEnum):
    """SentencePiece.Type; GGUF files number their tokens' types alike."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


@dataclasses.dataclass(frozen=True)
class Piece:
    """One token of the vocabulary; its id is its place."""

    text: str
    score: float
    type: PieceType


@dataclasses.dataclass(frozen=True, kw_only=True)
class PieceModel:
    """A SentencePiece model.

    Attributes:
      pieces: by id.
      is_bpe: merges by score (BPE); otherwise the likeliest pieces are chosen (unigram).
      unk_id: what stands for unknown characters.
      bos_id: the beginning of a sequence, or None.
      eos_id: the end of a sequence, or None.
      pad_id: padding, or None.
      byte_fallback: spells unknown characters in byte pieces.
      charsmap: the compiled rules of character normalisation; empty for none.
      adds_space: writes a space before the text.
      removes_spaces: drops spaces at both ends and all but one in a row.
    """

    pieces: tuple[Piece, ...]
    is_bpe: bool
    unk_id: int
    bos_id: int | None
    eos_id: int | None
    pad_id: int | None
    byte_fallback: bool
    charsmap: bytes = b""
    adds_space: bool = True
    removes_spaces: bool = True


def read_piece_model(content: bytes, *, source: str) -> PieceModel:
    """Reads a model file.

    Args:
      content: the file.
      source: its name, for errors.

    Raises:
      ValueError: it is no SentencePiece model, or of a kind (words, characters, spaces as
        suffixes) that has no counterpart in tokenizer.json.
    """
    try:
        message = list(_fields(content))
        trainer = dict(_fields(_last(message, 2)))
        normalizer = dict(_fields(_last(message, 3)))
        pieces = tuple(_piece(value) for number, value in message if number == 1)
        if not pieces:
            raise ValueError("it holds no pieces")
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, struct.error) as error:
        raise ValueError(f"{source} is not a SentencePiece model ({error})") from error
    numbers = [trainer.get(number, 0) for number in (3, 24, 35, 40, 41, 42, 43)]
    numbers += [normalizer.get(number, 0) for number in (3, 4, 5)]
    if not all(isinstance(number, int) for number in numbers):
        raise ValueError(f"{source} is not a SentencePiece model (a number in it is none)")
    if not isinstance(normalizer.get(2, b""), bytes):
        raise ValueError(f"{source} is not a SentencePiece model (its characters are a number)")
    model_type = trainer.get(3, 1)
    if model_type not in (1, 2) or trainer.get(24) or not normalizer.get(5, 1):
        raise ValueError(
            f"{source} is a SentencePiece model of a kind that tokenizer.json cannot express "
            "(words, characters, or spaces as suffixes)"
        )
    return PieceModel(
        pieces=pieces,
        is_bpe=model_type == 2,
        unk_id=trainer.get(40, 0),
        bos_id=_id(trainer.get(41, 1)),
        eos_id=_id(trainer.get(42, 2)),
        pad_id=_id(trainer.get(43, -1)),
        byte_fallback=bool(trainer.get(35, 0)),
        charsmap=normalizer.get(2, b""),
        adds_space=bool(normalizer.get(3, 1)),
        removes_spaces=bool(normalizer.get(4, 1)),
    )


def _piece(content: bytes) -> Piece:
    fields = dict(_fields(content))
    (score,) = struct.unpack("<f", fields.get(2, bytes(4)))
    return Piece(fields[1].decode("utf-8"), score, PieceType(fields.get(3, PieceType.NORMAL)))


def _id(value: int) -> int | None:
    """An int32 of the wire, which writes negative ones as 64 bits; None where it is negative."""
    return value if 0 <= value < 1 << 31 else None


def _last(message: list[tuple[int, Any]], number: int) -> bytes:
    return next((value for n, value in reversed(message) if n == number), b"")


def _fields(content: bytes) -> Iterator[tuple[int, Any]]:
    """`(field number, value)` of a message: an int, or the bytes of anything else."""
    position = 0
    while position < len(content):
        key, position = _varint(content, position)
        number, wire_type = key >> 3, key & 7
        if wire_type == 0:
            value, position = _varint(content, position)
            yield number, value
            continue
        if wire_type == 2:
            size, position = _varint(content, position)
        else:
            size = {1: 8, 5: 4}[wire_type]
        if position + size > len(content):
            raise ValueError("it is cut short")
        yield number, content[position : position + size]
        position += size


def _varint(content: bytes, position: int) -> tuple[int, int]:
    """A number in sevens of bits, lowest first, and the position after it."""
    value = shift = 0
    while True:
        byte = content[position]
        value |= (byte & 0x7F) << shift
        position += 1
        shift += 7
        if byte < 0x80:
            return value, position
