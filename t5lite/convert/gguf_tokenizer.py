"""The tokenizer inside a GGUF file, as the files of a Hugging Face folder.

Keys are those of llama.cpp's `gguf-py/gguf/constants.py`. `tokenizer.ggml.model` is `gpt2` for
byte-level BPE, whose way of splitting text has a name in `tokenizer.ggml.pre`, and `llama` for
SentencePiece.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from t5lite.convert.sentencepiece_model import Piece, PieceModel, PieceType
from t5lite.convert.tokenizer_json import byte_level_bpe, from_pieces
from t5lite.data.vocabularies.hf_vocabulary import CONFIG_FILE, GENERATION_FILE, TOKENIZER_FILE
from t5lite.files.json_files import object_bytes

_PREFIX = "tokenizer.ggml."
_ID_KEYS = {
    "bos_token": "bos_token_id",
    "eos_token": "eos_token_id",
    "unk_token": "unknown_token_id",
    "pad_token": "padding_token_id",
}
# Further ends of an answer: of a turn, of a message.
_END_KEYS = ("eos_token_id", "eot_token_id", "eom_token_id")


class _Kind(NamedTuple):
    """How text is split before merging; GPT-2's way where nothing else is said.

    Attributes:
      splits: pre-tokenizers that run before the bytes are spelled.
      uses_own_split: whether GPT-2's expression splits after them.
      is_llama3: whether a whole word that is a token needs no merges, and BOS goes before a text
        unless the file says otherwise.
    """

    splits: tuple[Mapping[str, Any], ...] = ()
    uses_own_split: bool = True
    is_llama3: bool = False


def _split(pattern: str) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


_LLAMA3 = _Kind(
    (
        _split(
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
            r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
        ),
    ),
    uses_own_split=False,
    is_llama3=True,
)
_QWEN2 = _Kind(
    (
        _split(
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
            r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
        ),
    ),
    uses_own_split=False,
)
_DIGITS_APART = _Kind(({"type": "Digits", "individual_digits": True},))

# By `tokenizer.ggml.pre`, after llama.cpp's src/llama-vocab.cpp.
_KINDS: Mapping[str, _Kind] = {
    **dict.fromkeys(("gpt-2", "mpt", "olmo", "jais"), _Kind()),
    **dict.fromkeys(
        ("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone"), _DIGITS_APART
    ),
    **dict.fromkeys(("llama-bpe", "llama3", "llama-v3"), _LLAMA3),
    **dict.fromkeys(("qwen2", "deepseek-r1-qwen"), _QWEN2),
}


def write_gguf_tokenizer(metadata: Mapping[str, Any], folder: pathlib.Path) -> None:
    """Writes what a GGUF file says of its tokenizer into a folder; see `gguf_tokenizer_files`."""
    for name, content in gguf_tokenizer_files(metadata).items():
        (folder / name).write_bytes(content)


def gguf_tokenizer_files(metadata: Mapping[str, Any]) -> dict[str, bytes]:
    """The tokenizer of a GGUF file, by the names of a Hugging Face folder.

    Args:
      metadata: the file's keys with their values as plain Python.

    Returns:
      tokenizer.json, tokenizer_config.json with the special tokens and the chat template, and
      generation_config.json with every id that ends an answer.

    Raises:
      ValueError: the file has no tokenizer, or one of a kind that t5lite does not know.
    """
    found = {role: _token(metadata, key) for role, key in _ID_KEYS.items()}
    named = {role: token for role, token in found.items() if token is not None}
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **named,
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],
    }
    if "tokenizer.chat_template" in metadata:
        config["chat_template"] = _templates(metadata)
    ends = [metadata[_PREFIX + key] for key in _END_KEYS if _PREFIX + key in metadata]
    generation = {"eos_token_id": list(dict.fromkeys(ends))} if ends else {}
    records = {
        TOKENIZER_FILE: tokenizer_json_from_gguf(metadata),
        CONFIG_FILE: config,
        GENERATION_FILE: generation,
    }
    return {n: object_bytes(record, ensure_ascii=False) for n, record in records.items()}


def tokenizer_json_from_gguf(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The tokenizer.json of the tokenizer in a GGUF file.

    Args:
      metadata: the file's keys with their values as plain Python.

    Raises:
      ValueError: the file has no tokenizer, or one of a kind that t5lite does not know.
    """
    kind = _get(metadata, "model")
    if kind == "gpt2":
        return _byte_level(metadata)
    if kind == "llama":
        return _sentencepiece(metadata)
    raise ValueError(
        f"the GGUF file's tokenizer.ggml.model is {kind!r}; t5lite reads 'gpt2' (byte-level BPE) "
        "and 'llama' (SentencePiece). Convert the model from its Hugging Face folder."
    )


def _byte_level(metadata: Mapping[str, Any]) -> dict[str, Any]:
    pre = metadata.get(f"{_PREFIX}pre", "gpt-2")
    if pre not in _KINDS:
        raise ValueError(
            f"the GGUF file's tokenizer.ggml.pre is {pre!r}; t5lite knows {', '.join(_KINDS)}. "
            "Convert the model from its Hugging Face folder."
        )
    kind = _KINDS[pre]
    tokens, types = _get(metadata, "tokens"), _types(metadata)
    prefix, suffix = _around(metadata)
    merges = [merge.split(" ") for merge in _get(metadata, "merges")]

    def of_type(wanted: PieceType) -> list[str]:
        return [token for token, t in zip(tokens, types, strict=True) if t == wanted]

    return byte_level_bpe(
        {token: index for index, token in enumerate(tokens)},
        merges,
        special=of_type(PieceType.CONTROL),
        plain_added=of_type(PieceType.USER_DEFINED),
        splits=kind.splits,
        uses_own_split=kind.uses_own_split,
        ignores_merges=kind.is_llama3,
        prefix=prefix,
        suffix=suffix,
    )


def _sentencepiece(metadata: Mapping[str, Any]) -> dict[str, Any]:
    scores = _get(metadata, "scores")
    pieces = tuple(
        Piece(text, float(score), kind)
        for text, score, kind in zip(
            _get(metadata, "tokens"), scores, _types(metadata), strict=True
        )
    )
    model = PieceModel(
        pieces=pieces,
        is_bpe=True,
        unk_id=metadata.get(f"{_PREFIX}unknown_token_id", 0),
        bos_id=metadata.get(f"{_PREFIX}bos_token_id"),
        eos_id=metadata.get(f"{_PREFIX}eos_token_id"),
        pad_id=metadata.get(f"{_PREFIX}padding_token_id"),
        byte_fallback=any(piece.type == PieceType.BYTE for piece in pieces),
        adds_space=metadata.get(f"{_PREFIX}add_space_prefix", True),
        removes_spaces=metadata.get(f"{_PREFIX}remove_extra_whitespaces", False),
    )
    prefix, suffix = _around(metadata)
    return from_pieces(model, prefix=prefix, suffix=suffix)


def _types(metadata: Mapping[str, Any]) -> list[PieceType]:
    return [PieceType(number) for number in _get(metadata, "token_type")]


def adds_tokens(metadata: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether a text gets the beginning of a sequence before it, and the end behind it.

    Where the file does not say, as llama.cpp does: SentencePiece's models and LLaMA 3's open a
    text, other byte-level ones do not, and none ends it.
    """
    is_llama3 = _KINDS.get(metadata.get(f"{_PREFIX}pre", ""), _Kind()).is_llama3
    opens = metadata.get(f"{_PREFIX}model") == "llama" or is_llama3
    before = metadata.get(f"{_PREFIX}add_bos_token", opens)
    return bool(before), bool(metadata.get(f"{_PREFIX}add_eos_token", False))


def _around(metadata: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The tokens put before and behind each text."""
    before, behind = adds_tokens(metadata)
    bos, eos = _token(metadata, "bos_token_id"), _token(metadata, "eos_token_id")
    return (
        [bos] if before and bos is not None else [],
        [eos] if behind and eos is not None else [],
    )


def _token(metadata: Mapping[str, Any], key: str) -> str | None:
    """The text of the token that a key names.

    Raises:
      ValueError: there is no such token.
    """
    token, tokens = metadata.get(_PREFIX + key), _get(metadata, "tokens")
    if token is None:
        return None
    if not isinstance(token, int) or not 0 <= token < len(tokens):
        raise ValueError(f"{_PREFIX}{key} is {token!r}, and there are {len(tokens)} tokens")
    return tokens[token]


def _templates(metadata: Mapping[str, Any]) -> str | list[dict[str, str]]:
    """The chat template, or all of them by name."""
    key = "tokenizer.chat_template"
    names = metadata.get(f"{key}s", ())
    if not names:
        return metadata[key]
    named = [{"name": n, "template": metadata[f"{key}.{n}"]} for n in names]
    return [{"name": "default", "template": metadata[key]}, *named]


def _get(metadata: Mapping[str, Any], name: str) -> Any:
    """A value that every tokenizer has.

    Raises:
      ValueError: the file has none.
    """
    value = metadata.get(_PREFIX + name)
    if value is None:
        raise ValueError(
            f"the GGUF file has no {_PREFIX}{name}: it holds no whole tokenizer. Convert the model "
            "from its Hugging Face folder."
        )
    return value
