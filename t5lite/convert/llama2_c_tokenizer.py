"""The tokenizer beside llama2.c's weights, made into a SentencePiece model that gives its ids.

`tokenizer.py` there writes every piece of a SentencePiece model with its score, spaces for the
library's marks of them, and nothing else. `run.c` puts a space before the text, starts from its
characters (those without a piece as bytes), and merges the neighbours whose piece scores best:
SentencePiece's BPE, without its normalisation.
"""

import pathlib
import re
import struct
from collections.abc import Iterable

from t5lite.convert.sentencepiece_model import Piece, PieceType
from t5lite.files.regular_files import has_file, read_bytes

# What `tokenizer.py` puts at these places, whatever it calls them.
UNK_ID, BOS_ID, EOS_ID = 0, 1, 2
_SPECIAL = (
    Piece("<unk>", 0.0, PieceType.UNKNOWN),
    Piece("<s>", 0.0, PieceType.CONTROL),
    Piece("</s>", 0.0, PieceType.CONTROL),
)
_SPACE_MARK = "▁"


def find_tokenizer(weights: pathlib.Path, vocab_size: int) -> pathlib.Path | None:
    """The file beside the weights: `tok512.bin` for 512 pieces, else `tokenizer.bin`."""
    for name in (f"tok{vocab_size}.bin", "tokenizer.bin"):
        if (file := weights.with_name(name)) != weights and has_file(file):
            return file
    return None


def read_pieces(path: pathlib.Path, vocab_size: int) -> list[Piece]:
    """The pieces of a tokenizer file, by id.

    Args:
      path: The file.
      vocab_size: How many it should hold; the file does not say.

    Raises:
      ValueError: it holds another number of pieces, or is of something else.
    """
    content = read_bytes(path)
    pieces: list[Piece] = []
    position = 4  # The longest piece's length comes first.
    try:
        while position < len(content):
            score, size = struct.unpack_from("<fI", content, position)
            text = content[position + 8 : position + 8 + size]
            position += 8 + size
            pieces.append(_piece(len(pieces), text.decode("utf-8"), score))
    except (struct.error, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path} is not a tokenizer of llama2.c ({error}); copy it again"
        ) from error
    if position != len(content) or len(pieces) != vocab_size:
        raise ValueError(
            f"{path} holds {len(pieces)} pieces, and the model has {vocab_size}: it is cut short, "
            "or of another model"
        )
    return pieces


def sentencepiece_model(pieces: Iterable[Piece]) -> bytes:
    """A SentencePiece model file of these pieces that encodes as `run.c` does."""
    trainer = _number(3, 2) + _number(35, 1)  # BPE; unknown characters as bytes
    for number, token_id in ((40, UNK_ID), (41, BOS_ID), (42, EOS_ID), (43, -1)):
        trainer += _number(number, token_id)
    # A space before the text, none taken away, spaces written as marks.
    normaliser = _bytes(1, b"identity") + _number(3, 1) + _number(4, 0) + _number(5, 1)
    held = b"".join(_bytes(1, _serialised(piece)) for piece in pieces)
    return held + _bytes(2, trainer) + _bytes(3, normaliser)


def _piece(index: int, text: str, score: float) -> Piece:
    if index < len(_SPECIAL):
        return _SPECIAL[index]
    byte = index - len(_SPECIAL)
    # Older files hold the byte itself, as a character.
    if byte < 256 and (text == chr(byte) or re.fullmatch(r"<0x[0-9A-F]{2}>", text)):
        return Piece(f"<0x{byte:02X}>", score, PieceType.BYTE)
    return Piece(text.replace(" ", _SPACE_MARK), score, PieceType.NORMAL)


def _serialised(piece: Piece) -> bytes:
    score = b"\x15" + struct.pack("<f", piece.score)
    return _bytes(1, piece.text.encode()) + score + _number(3, piece.type)


def _bytes(number: int, content: bytes) -> bytes:
    """A field of a protobuf message that is a text, or a message itself."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    """A field that is an integer; negative ones take 64 bits."""
    return _varint(number << 3) + _varint(value % (1 << 64))


def _varint(value: int) -> bytes:
    """A number in sevens of bits, lowest first."""
    sevens = [value >> shift & 0x7F for shift in range(0, max(value.bit_length(), 1), 7)]
    return bytes([*(seven | 0x80 for seven in sevens[:-1]), sevens[-1]])
