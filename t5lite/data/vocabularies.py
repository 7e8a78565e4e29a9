"""Vocabularies without TensorFlow; bytes and SentencePiece are id for id those of seqio 0.0.20.

They follow seqio's interface: `encode` adds nothing to the text's own tokens, `decode` goes up to
and including the first end of sequence. hf_vocabulary.py holds a third kind, `tokenizer.json`.
"""

from __future__ import annotations

import abc
import functools
import hashlib
import pathlib
import re
import struct
import types
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import sentencepiece

from t5lite.data import strict_json

if TYPE_CHECKING:
    from t5lite.data.chat_template import ChatTemplate

PAD_ID = 0

# A text is often tokenised again at once, for its length first and then for its tokens.
LAST_TEXTS = 4

HELP = (
    'Write "bytes", "bytes:EXTRA_IDS", "/path/to/spiece.model", "/path/to/spiece.model:EXTRA_IDS", '
    '"/path/to/tokenizer.json" or the folder that holds one '
    "(flag --vocabulary, gin macro VOCABULARY, variable T5LITE_VOCABULARY)."
)

# What a model folder calls its SentencePiece model.
SENTENCEPIECE_FILE = "vocabulary.model"


class Vocabulary(abc.ABC):
    """What every vocabulary offers. Equal when their specs are."""

    extra_ids: int
    # Texts by role, such as `eos_token`, that chat templates may name.
    special_tokens: Mapping[str, str]
    # Whether a special token in a text swallows the blanks around it.
    _special_take_blanks = False

    @property
    @abc.abstractmethod
    def vocab_size(self) -> int:
        """Number of ids, sentinels included."""

    @property
    def pad_id(self) -> int:
        """Id of padding; 0 where the vocabulary has none. Rows are always filled up with 0."""
        return PAD_ID

    @property
    @abc.abstractmethod
    def eos_id(self) -> int:
        """Id of the end of a sequence."""

    @property
    def eos_ids(self) -> tuple[int, ...]:
        """Every id that ends an answer, `eos_id` first."""
        return (self.eos_id,)

    @property
    def bos_id(self) -> int | None:
        """Id of the beginning of a sequence, if there is one."""
        return None

    @property
    @abc.abstractmethod
    def unk_id(self) -> int | None:
        """Id of what has no id, if there is one."""

    @property
    def prefix_ids(self) -> tuple[int, ...]:
        """Ids that the tokenizer's makers put before a text; `encode` leaves them out."""
        return ()

    @property
    def suffix_ids(self) -> tuple[int, ...]:
        """Ids that the tokenizer's makers put behind a text; `encode` leaves them out."""
        return ()

    @property
    def chat_template(self) -> ChatTemplate | None:
        """How a conversation is written as one text, where that is known."""
        return None

    @abc.abstractmethod
    def encode(self, text: str) -> list[int]:
        """Token ids of a text, without an end of sequence."""

    def encode_special(self, text: str) -> list[int]:
        """As `encode`, but special tokens written in the text become themselves.

        So transformers reads what a chat template wrote.
        """
        ids = self._special_ids_by_text()
        blanks = r"\s*" if self._special_take_blanks else ""
        parts = re.split(f"{blanks}({'|'.join(map(re.escape, ids))}){blanks}", text)
        return [
            token
            for part in parts
            if part
            for token in ([ids[part]] if part in ids else self.encode(part))
        ]

    @property
    def control_ids(self) -> frozenset[int]:
        """Ids that say something of a text, such as where it ends, and are none of it."""
        return frozenset(self.eos_ids).union(self._special_ids_by_text().values())

    def _special_ids_by_text(self) -> dict[str, int]:
        ids = {"bos_token": self.bos_id, "eos_token": self.eos_id}
        return {
            text: token
            for role, text in self.special_tokens.items()
            if (token := ids.get(role)) is not None
        }

    @abc.abstractmethod
    def decode(self, ids: Iterable[int]) -> str:
        """Text of token ids, up to the first end of sequence."""

    @abc.abstractmethod
    def spec(self) -> dict[str, Any]:
        """What `vocabulary_from_spec` rebuilds this vocabulary from; plain JSON."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.spec() == other.spec()

    def __hash__(self) -> int:
        return hash(strict_json.dumps(self.spec(), sort_keys=True))

    def _until_eos(self, ids: Iterable[int]) -> list[int]:
        kept = []
        for token in ids:
            kept.append(int(token))
            if kept[-1] == self.eos_id:
                break
        return kept


class ByteVocabulary(Vocabulary):
    """UTF-8 bytes: 0 padding, 1 end of sequence, 2 unknown, byte b is b + 3.

    This is ByT5's vocabulary (https://arxiv.org/abs/2105.13626).
    """

    _NUM_SPECIAL = 3
    _NUM_OWN = 256 + _NUM_SPECIAL

    # As transformers' ByT5Tokenizer calls it, and reads it.
    special_tokens: Mapping[str, str] = types.MappingProxyType({"eos_token": "</s>"})
    _special_take_blanks = True

    def __init__(self, extra_ids: int = 0):
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


class SentencePieceVocabulary(Vocabulary):
    """A SentencePiece model file, with sentinels after its pieces counting down to `<extra_id_0>`.

    Raises:
      ValueError: if the file is absent or is not a SentencePiece model.
    """

    def __init__(self, path: str, extra_ids: int = 100):
        self.path = str(path)
        self.extra_ids = extra_ids
        model = _read(self.path)
        self._sha256 = hashlib.sha256(model).hexdigest()
        # A serialised protobuf followed by more entries of a repeated field is that message with
        # the entries appended, so sentinels need no protobuf library.
        sentinels = b"".join(_serialised_sentinel(i) for i in reversed(range(extra_ids)))
        self._processor = sentencepiece.SentencePieceProcessor()
        try:
            self._processor.LoadFromSerializedProto(model + sentinels)
        except RuntimeError as error:
            raise ValueError(
                f"The vocabulary {path} is not a SentencePiece model. {HELP}"
            ) from error
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
    def eos_id(self) -> int:
        """The model's own end of sequence."""
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

    def spec(self) -> dict[str, Any]:
        """Path and content hash of the model file, and number of sentinels."""
        return {
            "kind": "sentencepiece",
            "path": self.path,
            "extra_ids": self.extra_ids,
            "sha256": self._sha256,
        }


def _serialised_sentinel(index: int) -> bytes:
    """One entry of sentencepiece's `ModelProto.pieces` (field 1): piece, score 0, USER_DEFINED."""
    piece = f"▁<extra_id_{index}>".encode()
    body = b"\x0a" + bytes([len(piece)]) + piece + b"\x15" + struct.pack("<f", 0.0) + b"\x18\x04"
    return b"\x0a" + bytes([len(body)]) + body


def vocabulary_from_spec(spec: Mapping[str, Any]) -> Vocabulary:
    """The vocabulary that `spec()` described.

    Raises:
      ValueError: if the kind is unknown, or the file is absent or another one.
    """
    kind = spec.get("kind")
    if kind == "bytes":
        return ByteVocabulary(extra_ids=spec["extra_ids"])
    vocabulary: Vocabulary
    if kind == "sentencepiece":
        vocabulary = load_sentencepiece(spec["path"], spec["extra_ids"])
    elif kind == "tokenizer":
        vocabulary = load_tokenizer(spec["path"])
    else:
        raise ValueError(
            f"Unknown kind of vocabulary {kind!r}: known are 'bytes', 'sentencepiece' and "
            "'tokenizer'."
        )
    found = vocabulary.spec()["sha256"]
    if found != spec["sha256"]:
        raise ValueError(
            f"The vocabulary {spec['path']} is not the one this was made with: its sha256 is "
            f"{found[:12]}..., expected {spec['sha256'][:12]}.... Put the right file there."
        )
    return vocabulary


def parse_vocabulary(text: str) -> Vocabulary:
    """The vocabulary a flag, macro or variable names.

    Args:
      text: `bytes`, `bytes:EXTRA_IDS`, `PATH.model` (100 extra ids, as T5 has),
        `PATH.model:EXTRA_IDS`, `PATH/tokenizer.json`, or the folder that holds a tokenizer.json.

    Raises:
      ValueError: if it is none of these, or the file cannot be read.
    """
    name, separator, count = text.rpartition(":")
    if not separator or not count.isdecimal():
        name, count = text, ""
    if name == "bytes":
        return ByteVocabulary(extra_ids=int(count or 0))
    if not count and name.endswith(".json"):
        return load_tokenizer(name)
    if not count and name and pathlib.Path(name).expanduser().is_dir():
        return load_tokenizer(str(pathlib.Path(name) / "tokenizer.json"))
    if name.endswith(".model") or ("/" in name and not name.endswith(".json")):
        return load_sentencepiece(name, int(count or 100))
    raise ValueError(f"Unknown vocabulary {text!r}. {HELP}")


@functools.lru_cache(maxsize=8)
def load_sentencepiece(path: str, extra_ids: int) -> SentencePieceVocabulary:
    """A `SentencePieceVocabulary`, read once: every Task of a mixture asks for the same one."""
    return SentencePieceVocabulary(path, extra_ids)


@functools.lru_cache(maxsize=8)
def load_tokenizer(path: str) -> Vocabulary:
    """The `HFVocabulary` of a tokenizer.json, read once."""
    # Here, for hf_vocabulary builds on this module, and most runs need no `tokenizers`.
    from t5lite.data.hf_vocabulary import HFVocabulary

    return HFVocabulary(path)


def vocabulary_files(spec: Mapping[str, Any]) -> dict[str, bytes]:
    """The files that a model folder keeps of a vocabulary, by their names there.

    Raises:
      ValueError: if one cannot be read.
    """
    if spec["kind"] == "bytes":
        return {}
    if spec["kind"] == "sentencepiece":
        return {SENTENCEPIECE_FILE: _read(spec["path"])}
    from t5lite.data.hf_vocabulary import tokenizer_files

    return tokenizer_files(spec["path"])


def moved_to(spec: Mapping[str, Any], folder: pathlib.Path) -> dict[str, Any]:
    """The spec of a vocabulary whose files lie in `folder`, as `vocabulary_files` names them."""
    names = {"sentencepiece": SENTENCEPIECE_FILE, "tokenizer": "tokenizer.json"}
    moved = dict(spec)
    if spec["kind"] in names:
        moved["path"] = str(folder / names[spec["kind"]])
    return moved


def _read(path: str) -> bytes:
    try:
        return pathlib.Path(path).expanduser().read_bytes()
    except OSError as error:
        raise ValueError(f"Cannot read the vocabulary {path}: {error.strerror}. {HELP}") from error
