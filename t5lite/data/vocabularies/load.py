"""The vocabulary that a flag names, or that a saved description describes."""

import functools
import pathlib
from collections.abc import Mapping
from typing import Any

from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.data.vocabularies.id_vocabularies import ClassVocabulary, PassThroughVocabulary
from t5lite.data.vocabularies.sentencepiece_vocabulary import (
    SENTENCEPIECE_FILE,
    SentencePieceVocabulary,
    holds_sentinels,
)
from t5lite.data.vocabularies.vocabulary import HELP, Vocabulary, read_file
from t5lite.files.buckets import is_address, local_copy
from t5lite.files.local_paths import storage_path
from t5lite.messages.ranges import IdOrNone, NumExtraIds, Size
from t5lite.messages.value_types import check_type, fits, wanted

_T5_EXTRA_IDS = 100


def vocabulary_from_spec(spec: Mapping[str, Any]) -> Vocabulary:
    """The vocabulary that `spec()` described.

    Raises:
      ValueError: if the kind is unknown, or the file is absent or another one.
    """
    kind = spec.get("kind")
    if kind == "bytes":
        return ByteVocabulary(extra_ids=spec["extra_ids"])
    if kind == "pass_through":
        return PassThroughVocabulary(spec["size"], spec["eos_id"])
    if kind == "class":
        return ClassVocabulary(dict(spec))
    vocabulary: Vocabulary
    if kind == "sentencepiece":
        vocabulary = load_sentencepiece(spec["path"], spec["extra_ids"])
    elif kind == "tokenizer":
        vocabulary = load_tokenizer(spec["path"])
    else:
        raise ValueError(
            f"Unknown kind of vocabulary {kind!r}: known are 'bytes', 'sentencepiece', "
            "'tokenizer', 'pass_through' and 'class'."
        )
    found = vocabulary.spec()["sha256"]
    if found != spec["sha256"]:
        raise ValueError(
            f"The vocabulary {spec['path']} is not the one this was made with: its sha256 is "
            f"{found[:12]}..., expected {spec['sha256'][:12]}.... Put the right file there."
        )
    return vocabulary


_SPEC_TYPES: Mapping[str, Any] = {
    "kind": str,
    "path": str,
    "sha256": str,
    "texts_sha256": str | None,
    "extra_ids": NumExtraIds,
    "size": Size | None,
    "eos_id": IdOrNone | None,
}


def check_spec(spec: Mapping[str, Any]) -> None:
    """Compares a vocabulary's record with the types and ranges of its fields.

    Raises:
      ValueError: one does not fit, or the record does not say its kind.
    """
    for name in ("kind", *spec):
        if name in _SPEC_TYPES:
            check_type(spec.get(name), _SPEC_TYPES[name], name=f"vocabulary.{name}")


def parse_vocabulary(text: str) -> Vocabulary:
    """The vocabulary a flag, macro or variable names.

    Args:
      text: `bytes`, `bytes:EXTRA_IDS`, `PATH.model` (100 extra ids, as T5 has, unless the file
        holds its sentinels itself), `PATH.model:EXTRA_IDS`, `PATH/tokenizer.json`, or the folder
        that holds a tokenizer.json.

    Raises:
      ValueError: if it is none of these, has too many extra ids, or the file cannot be read.
    """
    name, separator, digits = text.rpartition(":")
    if not separator or not digits.isdecimal():
        name, digits = text, ""
    if is_address(name):
        try:
            name = str(local_copy(storage_path(name, name="--vocabulary (VOCABULARY)")))
        except OSError as error:
            raise ValueError(f"Cannot read the vocabulary {text}: {error}. {HELP}") from error
    count = _extra_ids(digits, text) if digits else None
    if name == "bytes":
        return ByteVocabulary(extra_ids=count or 0)
    if count is None and name.endswith(".json"):
        return load_tokenizer(name)
    if count is None and name and pathlib.Path(name).expanduser().is_dir():
        return load_tokenizer(str(pathlib.Path(name) / "tokenizer.json"))
    if name.endswith(".model") or ("/" in name and not name.endswith(".json")):
        return load_sentencepiece(name, _usual_extra_ids(name) if count is None else count)
    raise ValueError(f"Unknown vocabulary {text!r}. {HELP}")


def _extra_ids(digits: str, text: str) -> int:
    """The number behind the colon of a vocabulary's name."""
    # Longer ones are too large whatever they are, and Python reads no thousands of digits.
    count = int(digits) if len(digits) < 20 else 10**20
    if not fits(count, NumExtraIds):
        raise ValueError(
            f"The vocabulary {text[:80]!r} has {digits[:20]} extra ids, which must be "
            f"{wanted(NumExtraIds)}."
        )
    return count


def _usual_extra_ids(path: str) -> int:
    """How many sentinels are added to a SentencePiece model where nobody says it."""
    return 0 if holds_sentinels(read_file(path)) else _T5_EXTRA_IDS


def format_vocabulary(vocabulary: Vocabulary) -> str | None:
    """The shortest text that `parse_vocabulary` reads as this vocabulary.

    None for one that only a Task can bring (`id_vocabularies`), for no text says what that is.
    """
    spec = vocabulary.spec()
    if spec["kind"] == "tokenizer":
        return str(spec["path"])
    if spec["kind"] == "bytes":
        name, usual = "bytes", 0
    elif spec["kind"] == "sentencepiece":
        name, usual = spec["path"], _usual_extra_ids(spec["path"])
        if "/" not in name and not name.endswith(".model"):
            name = f"./{name}"
    else:
        return None
    return name if spec["extra_ids"] == usual else f"{name}:{spec['extra_ids']}"


def same_vocabulary(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Whether two vocabulary specs give the same ids.

    Where files lie does not matter, nor how a class that reads alike is called, nor whether a
    SentencePiece model holds its sentinels itself or they are added to it.
    """
    unimportant = {"path": ""} | ({"class": ""} if a.get("texts_sha256") else {})
    if {**a, **unimportant} == {**b, **unimportant}:
        return True
    if {a["kind"], b["kind"]} != {"sentencepiece"} or a["extra_ids"] == b["extra_ids"]:
        return False
    try:
        first, second = (load_sentencepiece(spec["path"], spec["extra_ids"]) for spec in (a, b))
    except ValueError:  # A file is gone, and what it was is not known.
        return False
    return first.has_pieces_of(second)


def load_sentencepiece(path: str, extra_ids: int) -> SentencePieceVocabulary:
    """A `SentencePieceVocabulary`, read once: every Task of a mixture asks for the same one."""
    file = pathlib.Path(path).expanduser()
    changed = file.stat().st_mtime_ns if file.is_file() else 0
    return _read_sentencepiece(path, extra_ids, changed)


@functools.lru_cache(maxsize=8)
def _read_sentencepiece(path: str, extra_ids: int, changed: int) -> SentencePieceVocabulary:
    """Another file may come to lie where one was read, in one process: `changed` tells."""
    del changed
    return SentencePieceVocabulary(path, extra_ids)


@functools.lru_cache(maxsize=8)
def load_tokenizer(path: str) -> Vocabulary:
    """The `HFVocabulary` of a tokenizer.json, read once."""
    # Here, for most runs need no `tokenizers`.
    from t5lite.data.vocabularies.hf_vocabulary import HFVocabulary

    return HFVocabulary(path)


def vocabulary_files(spec: Mapping[str, Any]) -> dict[str, bytes]:
    """The files that a model folder keeps of a vocabulary, by their names there.

    Raises:
      ValueError: if one cannot be read.
    """
    if spec["kind"] == "sentencepiece":
        return {SENTENCEPIECE_FILE: read_file(spec["path"])}
    if spec["kind"] != "tokenizer":
        return {}
    from t5lite.data.vocabularies.hf_vocabulary import tokenizer_files

    return tokenizer_files(spec["path"])


def moved_to(spec: Mapping[str, Any], folder: pathlib.Path) -> dict[str, Any]:
    """The spec of a vocabulary whose files lie in `folder`, as `vocabulary_files` names them."""
    names = {"sentencepiece": SENTENCEPIECE_FILE, "tokenizer": "tokenizer.json"}
    moved = dict(spec)
    if spec["kind"] in names:
        moved["path"] = str(folder / names[spec["kind"]])
    return moved
