"""Tokenizers of Hugging Face folders: which one a folder holds, and the files that make one."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

from t5lite.convert.json_files import read_json
from t5lite.convert.sentencepiece_model import PieceModel, read_piece_model
from t5lite.convert.tokenizer_json import byte_level_bpe, from_pieces
from t5lite.data.hf_vocabulary import (
    CONFIG_FILE,
    GENERATION_FILE,
    TOKENIZER_FILE,
    HFVocabulary,
    tokenizer_files,
)
from t5lite.data.vocabularies import (
    ByteVocabulary,
    SentencePieceVocabulary,
    Vocabulary,
)

_T5_MODEL, _LLAMA_MODEL = "spiece.model", "tokenizer.model"
_VOCAB_FILE, _MERGES_FILE = "vocab.json", "merges.txt"
_MAP_FILE, _ADDED_FILE = "special_tokens_map.json", "added_tokens.json"
_TEMPLATES = ("chat_template.jinja", "additional_chat_templates/*.jinja")
_CARRIED = (
    TOKENIZER_FILE,
    CONFIG_FILE,
    _MAP_FILE,
    _ADDED_FILE,
    _T5_MODEL,
    _LLAMA_MODEL,
    _VOCAB_FILE,
    _MERGES_FILE,
    *_TEMPLATES,
)
# transformers' defaults where tokenizer_config.json does not say.
_T5_EXTRA_IDS, _BYT5_EXTRA_IDS = 100, 125
_GPT2_END = "<|endoftext|>"
_BYT5_TOKENS = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}

# The class of transformers 4 and 5 that takes tokenizer.json as it is; others build their own.
_CLASS = "PreTrainedTokenizerFast"


def carried_files(folder: pathlib.Path) -> dict[str, bytes]:
    """The tokenizer's files of a Hugging Face folder, by name, to be put beside another model."""
    files = (file for pattern in _CARRIED for file in sorted(folder.glob(pattern)))
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def read_vocabulary(folder: pathlib.Path, *, scratch: pathlib.Path) -> Vocabulary | None:
    """The vocabulary of a Hugging Face folder; None where it holds no tokenizer.

    A `spiece.model` (T5's) is read as SentencePiece, `tokenizer.json` and whatever transformers
    would make one of as that.

    Args:
      folder: the folder.
      scratch: an empty folder, where a tokenizer.json is put together if there is none. Keep it
        until the vocabulary's files have been copied.

    Raises:
      ValueError: the tokenizer's files are damaged.
    """
    config = _read_if_there(folder / CONFIG_FILE)
    if _class_name(folder, config).startswith("ByT5Tokenizer"):
        return ByteVocabulary(extra_ids=config.get("extra_ids", _BYT5_EXTRA_IDS))
    if (folder / _T5_MODEL).is_file():
        extra_ids, adds_others = _t5_extra_ids(folder, config)
        if not adds_others:
            return SentencePieceVocabulary(str(folder / _T5_MODEL), extra_ids)
    if (folder / TOKENIZER_FILE).is_file():
        return HFVocabulary(str(folder / TOKENIZER_FILE))
    if (folder / _LLAMA_MODEL).is_file() and not _needs_more(folder, config):
        return SentencePieceVocabulary(str(folder / _LLAMA_MODEL), extra_ids=0)
    built = _build(folder, config)
    if built is None:
        return None
    files = carried_files(folder) | {TOKENIZER_FILE: _json(built)}
    for name in (GENERATION_FILE, "config.json"):
        if (folder / name).is_file():
            files[name] = (folder / name).read_bytes()
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
        files.setdefault(CONFIG_FILE, _json(_fast_config(vocabulary.special_tokens)))
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
    content = pathlib.Path(vocabulary.path).expanduser().read_bytes()
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
        CONFIG_FILE: _json(_fast_config(tokens)),
        _LLAMA_MODEL if opens else _T5_MODEL: content,
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
        "clean_up_tokenization_spaces": False,
        # Without token types, which no model here takes.
        "model_input_names": ["input_ids", "attention_mask"],
    }


def _t5_extra_ids(folder: pathlib.Path, config: Mapping[str, Any]) -> tuple[int, bool]:
    """How many sentinels stand after the pieces, and whether other tokens do too."""
    path = folder / _T5_MODEL
    pieces = {p.text for p in read_piece_model(path.read_bytes(), source=str(path)).pieces}
    inside = "▁<extra_id_0>" in pieces
    extra_ids = config.get("extra_ids", 0 if inside else _T5_EXTRA_IDS)
    known = pieces | {f"<extra_id_{index}>" for index in range(max(extra_ids, _T5_EXTRA_IDS))}
    return extra_ids, not known.issuperset(_added_tokens(folder, config))


def _added_tokens(folder: pathlib.Path, config: Mapping[str, Any]) -> set[str]:
    """Tokens that are added to a SentencePiece model's own."""
    added = {token["content"] for token in config.get("added_tokens_decoder", {}).values()}
    added |= _read_if_there(folder / _ADDED_FILE).keys()
    in_file = _read_if_there(folder / TOKENIZER_FILE).get("added_tokens", [])
    return added | {token["content"] for token in in_file}


def _needs_more(folder: pathlib.Path, config: Mapping[str, Any]) -> bool:
    """Whether a folder with a SentencePiece model says more than that model can."""
    path = folder / _LLAMA_MODEL
    pieces = {p.text for p in read_piece_model(path.read_bytes(), source=str(path)).pieces}
    has_templates = "chat_template" in config or any(
        any(folder.glob(pattern)) for pattern in _TEMPLATES
    )
    return has_templates or not pieces.issuperset(_added_tokens(folder, config))


def _build(folder: pathlib.Path, config: Mapping[str, Any]) -> dict[str, Any] | None:
    """The tokenizer.json that transformers would put together when it loads the folder."""
    if (folder / _LLAMA_MODEL).is_file():
        path = folder / _LLAMA_MODEL
        model = read_piece_model(path.read_bytes(), source=str(path))
        tokens = _tokens(model)
        prefix = [tokens["bos_token"]] if config.get("add_bos_token", "bos_token" in tokens) else []
        suffix = [tokens["eos_token"]] if config.get("add_eos_token") else []
        return from_pieces(model, prefix=prefix, suffix=suffix)
    if (folder / _VOCAB_FILE).is_file() and (folder / _MERGES_FILE).is_file():
        vocab = read_json(folder / _VOCAB_FILE)
        named = dict.fromkeys(("unk_token", "bos_token", "eos_token"), _GPT2_END)
        named |= _role_tokens(config) | _role_tokens(_read_if_there(folder / _MAP_FILE))
        return byte_level_bpe(
            vocab,
            list(_read_merges(folder / _MERGES_FILE)),
            special=sorted(vocab.keys() & named.values()),
            adds_space=bool(config.get("add_prefix_space")),
            prefix=[named["bos_token"]] if config.get("add_bos_token") else [],
        )
    return None


def _role_tokens(record: Mapping[str, Any]) -> dict[str, str]:
    """The text of each token that has a role: `bos_token` and so on."""
    tokens = {role: value for role, value in record.items() if role.endswith("_token")}
    texts = {r: v["content"] if isinstance(v, Mapping) else v for r, v in tokens.items()}
    return {role: text for role, text in texts.items() if isinstance(text, str)}


def _read_merges(path: pathlib.Path) -> Iterable[tuple[str, str]]:
    for line in path.read_text(encoding="utf-8").split("\n"):
        left, space, right = line.partition(" ")
        if space and not line.startswith("#version"):
            yield left, right


def _class_name(folder: pathlib.Path, config: Mapping[str, Any]) -> str:
    """The class of transformers that the folder asks for, or an empty text."""
    model = _read_if_there(folder / "config.json")
    return config.get("tokenizer_class") or model.get("tokenizer_class") or ""


def _read_if_there(path: pathlib.Path) -> dict[str, Any]:
    return read_json(path) if path.is_file() else {}


def _json(record: Mapping[str, Any]) -> bytes:
    return (json.dumps(record, ensure_ascii=False, indent=2) + "\n").encode()
