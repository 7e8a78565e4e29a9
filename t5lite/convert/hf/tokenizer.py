"""Tokenizers of Hugging Face folders: which one a folder holds, and the files that make one."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import tokenizers

from t5lite.convert.hf import slow_tokenizer
from t5lite.convert.hf.fast_tokenizer import added_ids, as_class_makes_it, read_tokenizer_json
from t5lite.convert.hf.slow_tokenizer import (
    BYT5_EXTRA_IDS,
    LLAMA_MODEL,
    MERGES_FILE,
    T5_EXTRA_IDS,
    T5_MODEL,
    VOCAB_FILE,
)
from t5lite.convert.sentencepiece_model import PieceModel, read_piece_model
from t5lite.convert.tokenizer_json import from_pieces
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.data.vocabularies.hf_vocabulary import (
    TOKENIZER_FILE,
    HFVocabulary,
    open_tokenizer,
    tokenizer_files,
)
from t5lite.data.vocabularies.sentencepiece_vocabulary import SentencePieceVocabulary
from t5lite.data.vocabularies.tokenizer_settings import (
    ADDED_FILE,
    CONFIG_FILE,
    GENERATION_FILE,
    MAP_FILE,
    TokenizerSettings,
)
from t5lite.data.vocabularies.vocabulary import Vocabulary
from t5lite.files.json_files import object_bytes, read_object
from t5lite.files.regular_files import has_file, read_bytes
from t5lite.messages.value_types import check_fields

_CARRIED = (
    TOKENIZER_FILE,
    CONFIG_FILE,
    MAP_FILE,
    ADDED_FILE,
    T5_MODEL,
    LLAMA_MODEL,
    VOCAB_FILE,
    MERGES_FILE,
    "chat_template.jinja",
    "additional_chat_templates/*.jinja",
)
_BYT5_TOKENS = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
_BYT5_TEXTS = set(_BYT5_TOKENS.values())
# Where neither tokenizer_config.json nor config.json names one, by `model_type`.
_CLASS_OF_MODEL = {
    "t5": "T5Tokenizer",
    "mt5": "T5Tokenizer",
    "gpt2": "GPT2Tokenizer",
    "opt": "GPT2Tokenizer",
    "gpt_neox": "GPTNeoXTokenizer",
    "mpt": "GPTNeoXTokenizer",
}

# The class of transformers 4 and 5 that takes tokenizer.json as it is; others build their own.
_CLASS = "PreTrainedTokenizerFast"


def carried_files(folder: pathlib.Path) -> dict[str, bytes]:
    """The tokenizer's files of a Hugging Face folder, by name, to be put beside another model."""
    files = (file for pattern in _CARRIED for file in sorted(folder.glob(pattern)))
    return {str(file.relative_to(folder)): read_bytes(file) for file in files}


def read_vocabulary(folder: pathlib.Path, *, scratch: pathlib.Path) -> Vocabulary | None:
    """The vocabulary of a Hugging Face folder; None where it holds no tokenizer.

    T5's `spiece.model`, and LLaMA's `tokenizer.model` where no class of transformers is named, are
    read as SentencePiece, unless the folder has tokens or templates beside; ByT5's bytes as bytes.
    All else becomes the tokenizer.json that transformers would make of it.

    Args:
      folder: the folder.
      scratch: an empty folder, where a tokenizer.json is put together if there is none. Keep it
        until the vocabulary's files have been copied.

    Raises:
      ValueError: the tokenizer's files are damaged.
    """
    settings = TokenizerSettings.read(folder)
    class_name = _class_name(folder, settings)
    if class_name.startswith("ByT5"):
        plain = ByteVocabulary(extra_ids=settings.get("extra_ids", BYT5_EXTRA_IDS))
        if not _added_tokens(folder, settings) - _BYT5_TEXTS - _sentinels(plain.extra_ids):
            return plain
    elif has_file(folder / T5_MODEL):
        extra_ids, has_others = _t5_extra_ids(folder, settings)
        pieces = SentencePieceVocabulary(str(folder / T5_MODEL), extra_ids)
        if not has_others and not _is_framed_otherwise(folder, pieces):
            return pieces
    if has_file(folder / TOKENIZER_FILE):
        record = read_tokenizer_json(folder / TOKENIZER_FILE)
        made = as_class_makes_it(record, class_name=class_name, settings=settings)
        if made == record:
            return HFVocabulary(str(folder / TOKENIZER_FILE))
        tokenizer = open_tokenizer(_json(made), path=str(folder / TOKENIZER_FILE))
        settings.add_to(tokenizer)
        return _put_together(folder, scratch, tokenizer, settings=settings, roles=settings.roles)
    if has_file(folder / LLAMA_MODEL) and not class_name and not _needs_more(folder, settings):
        return SentencePieceVocabulary(str(folder / LLAMA_MODEL), extra_ids=0)
    slow = slow_tokenizer.build(folder, class_name=class_name, settings=settings)
    if slow is None:
        return None
    return _put_together(folder, scratch, slow.tokenizer, settings=settings, roles=slow.roles)


def _put_together(
    folder: pathlib.Path,
    scratch: pathlib.Path,
    tokenizer: tokenizers.Tokenizer,
    *,
    settings: TokenizerSettings,
    roles: Mapping[str, str],
) -> HFVocabulary:
    """Writes a tokenizer.json and what the folder has beside it, for the class that takes it so.

    All tokens have their flags in that file, so that no other needs to say them.
    """
    said = {"added_tokens_decoder", "additional_special_tokens", "extra_special_tokens"}
    said |= {"add_bos_token", "add_eos_token", *roles}
    config: dict[str, Any] = {"clean_up_tokenization_spaces": False}
    config |= {name: value for name, value in settings.record.items() if name not in said}
    if settings.extra:
        config["extra_special_tokens"] = [token.content for token in settings.extra]
    files = {n: c for n, c in carried_files(folder).items() if n.endswith(".jinja")}
    files[TOKENIZER_FILE] = _json(json.loads(tokenizer.to_str()))
    files[CONFIG_FILE] = _json(config | _fast_config(roles))
    for name in (GENERATION_FILE, "config.json"):
        if has_file(folder / name):
            files[name] = read_bytes(folder / name)
    for name, content in files.items():
        (scratch / name).parent.mkdir(exist_ok=True)
        (scratch / name).write_bytes(content)
    return HFVocabulary(str(scratch / TOKENIZER_FILE))


def written_files(vocabulary: Vocabulary) -> dict[str, bytes]:
    """Files that make transformers' AutoTokenizer give a vocabulary's ids, by name.

    Raises:
      ValueError: the vocabulary's own file is gone, or cannot be said in their terms.
    """
    if isinstance(vocabulary, HFVocabulary):
        files = tokenizer_files(vocabulary.path)
        files.pop(GENERATION_FILE, None)
        files.setdefault(CONFIG_FILE, _json(_plain_config(vocabulary.special_tokens)))
        return files
    if isinstance(vocabulary, SentencePieceVocabulary):
        return _sentencepiece_files(vocabulary)
    config = {
        "tokenizer_class": "ByT5Tokenizer",
        "extra_ids": vocabulary.extra_ids,
        **_BYT5_TOKENS,
    }
    return {CONFIG_FILE: _json(config)}


def _sentencepiece_files(vocabulary: SentencePieceVocabulary) -> dict[str, bytes]:
    content = read_bytes(pathlib.Path(vocabulary.path).expanduser())
    model = read_piece_model(content, source=vocabulary.path)
    tokens = _tokens(model)
    # LLaMA's kind opens a text, T5's closes it.
    opens = "bos_token" in tokens
    record = from_pieces(
        model,
        extra_ids=vocabulary.extra_ids,
        prefix=[tokens["bos_token"]] if opens else [],
        suffix=[] if opens or "eos_token" not in tokens else [tokens["eos_token"]],
    )
    return {
        TOKENIZER_FILE: _json(record),
        CONFIG_FILE: _json(_plain_config(tokens)),
        LLAMA_MODEL if opens else T5_MODEL: content,
    }


def _tokens(model: PieceModel) -> dict[str, str]:
    """Text of each special token that a SentencePiece model has, by its role."""
    ids = {
        "bos_token": model.bos_id,
        "eos_token": model.eos_id,
        "unk_token": model.unk_id,
        "pad_token": model.pad_id,
    }
    return {role: model.pieces[i].text for role, i in ids.items() if i is not None}


def _fast_config(tokens: Mapping[str, str]) -> dict[str, Any]:
    return {
        "tokenizer_class": _CLASS,
        **tokens,
        # Without token types, which no model here takes.
        "model_input_names": ["input_ids", "attention_mask"],
    }


def _plain_config(tokens: Mapping[str, str]) -> dict[str, Any]:
    return _fast_config(tokens) | {"clean_up_tokenization_spaces": False}


def _t5_extra_ids(folder: pathlib.Path, settings: TokenizerSettings) -> tuple[int, bool]:
    """How many sentinels stand after the pieces, and whether other tokens do too."""
    pieces = _piece_texts(folder / T5_MODEL)
    inside = "▁<extra_id_0>" in pieces
    extra_ids = settings.get("extra_ids", 0 if inside else T5_EXTRA_IDS)
    known = pieces | _sentinels(max(extra_ids, T5_EXTRA_IDS))
    return extra_ids, not known.issuperset(_added_tokens(folder, settings))


def _sentinels(count: int) -> set[str]:
    return {f"<extra_id_{index}>" for index in range(count)}


def _added_tokens(folder: pathlib.Path, settings: TokenizerSettings) -> set[str]:
    """Tokens that a folder names beside a vocabulary's own, or with them."""
    named = {*settings.added, *settings.named.values(), *(settings.extra or ())}
    in_file = added_ids(read_tokenizer_json(folder / TOKENIZER_FILE, missing_ok=True))
    return {token.content for token in named} | in_file.keys()


def _needs_more(folder: pathlib.Path, settings: TokenizerSettings) -> bool:
    """Whether a folder with a SentencePiece model says more than that model can."""
    pieces = _piece_texts(folder / LLAMA_MODEL)
    return bool(settings.templates) or not pieces.issuperset(_added_tokens(folder, settings))


def _is_framed_otherwise(folder: pathlib.Path, vocabulary: Vocabulary) -> bool:
    """Whether a tokenizer.json puts something else around a text than the vocabulary's kind."""
    if not has_file(folder / TOKENIZER_FILE):
        return False
    file = folder / TOKENIZER_FILE
    read = open_tokenizer(read_bytes(file), path=str(file))
    plain = read.encode("a", add_special_tokens=False).ids
    return read.encode("a").ids != [*vocabulary.prefix_ids, *plain, *vocabulary.suffix_ids]


def _piece_texts(path: pathlib.Path) -> set[str]:
    return {piece.text for piece in read_piece_model(read_bytes(path), source=str(path)).pieces}


def _class_name(folder: pathlib.Path, settings: TokenizerSettings) -> str:
    """The class of transformers that the folder asks for, or an empty text."""
    model = read_object(folder / "config.json", missing_ok=True)
    fields = {"tokenizer_class": str, "model_type": str}
    check_fields(model, fields, name=str(folder / "config.json"))
    named = settings.get("tokenizer_class") or model.get("tokenizer_class")
    return named or _CLASS_OF_MODEL.get(model.get("model_type") or "", "")


def _json(record: Mapping[str, Any]) -> bytes:
    return object_bytes(record, ensure_ascii=False)
