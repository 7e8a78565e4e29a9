"""What transformers' classes make of a tokenizer.json, which few of them take as it is.

`LlamaTokenizer` takes its vocabulary, merges and what stands around a text, and decides by
`legacy` and `add_prefix_space` how spaces are spelled; `GPT2Tokenizer` and `GPTNeoXTokenizer`
decide by `add_prefix_space` whether one goes before the text. Around a text, `T5Tokenizer` always
has the end behind it, and `GPTNeoXTokenizer` nothing. `PreTrainedTokenizerFast` changes nothing.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import Any

from t5lite.convert.hf.slow_tokenizer import llama_spaces
from t5lite.convert.tokenizer_json import template
from t5lite.data.vocabularies.tokenizer_settings import TokenizerSettings
from t5lite.files import strict_json
from t5lite.files.json_files import read_object
from t5lite.messages.ranges import Count
from t5lite.messages.value_types import check_fields, check_type

# What is read of a tokenizer.json before the library reads all.
_OBJECT = Mapping[str, Any]
_FIELDS: Mapping[str, Any] = {
    "model": _OBJECT,
    "pre_tokenizer": _OBJECT,
    "post_processor": _OBJECT,
    "added_tokens": list[_OBJECT],
}


def read_tokenizer_json(path: pathlib.Path, *, missing_ok: bool = False) -> dict[str, Any]:
    """A tokenizer.json, in which what is read here has the types that it must have.

    Raises:
      ValueError: something in it has another type; names the file and the field.
    """
    record = read_object(path, missing_ok=missing_ok)
    check_fields(record, _FIELDS, name=str(path))
    for token in record.get("added_tokens") or []:
        check_type(token.get("content"), str, name=f"{path}: added_tokens: content")
        check_type(token.get("id"), Count, name=f"{path}: added_tokens: id")
    return record


def added_ids(record: Mapping[str, Any]) -> dict[str, int]:
    """The id of each added token of a tokenizer.json."""
    return {token["content"]: token["id"] for token in record.get("added_tokens") or []}


def as_class_makes_it(
    record: Mapping[str, Any], *, class_name: str, settings: TokenizerSettings
) -> dict[str, Any]:
    """The tokenizer.json of what a class makes of one; an equal one where it takes it as it is.

    Args:
      record: The file's content.
      class_name: The class of transformers that the folder asks for; may be empty.
      settings: What the folder says of its tokens.
    """
    changed = dict(record)
    name = class_name.removesuffix("Fast")
    split = record.get("pre_tokenizer") or {}
    spells_bytes = "ByteLevel" in strict_json.dumps(split)
    kind = (record.get("model") or {}).get("type")
    if name == "LlamaTokenizer" and kind == "BPE" and not spells_bytes:
        pre_tokenizer, decoder = llama_spaces(settings)
        changed |= {
            "normalizer": None,
            "pre_tokenizer": json.loads(pre_tokenizer.__getstate__()),
            "decoder": json.loads(decoder.__getstate__()),
        }
    if name in ("GPT2Tokenizer", "GPTNeoXTokenizer") and split.get("type") == "ByteLevel":
        adds_space = bool(settings.get("add_prefix_space"))
        changed["pre_tokenizer"] = {**split, "add_prefix_space": adds_space}
    if name == "GPTNeoXTokenizer" and _template_kind(record) == "TemplateProcessing":
        changed["post_processor"] = None
    if name in ("T5Tokenizer", "MT5Tokenizer"):
        end = settings.roles.get("eos_token", "</s>")
        ids = added_ids(record)
        if end in ids:
            changed["post_processor"] = _ending(record, end, ids)
    return changed


def _template_kind(record: Mapping[str, Any]) -> str | None:
    return (record.get("post_processor") or {}).get("type")


def _ending(record: Mapping[str, Any], end: str, ids: Mapping[str, int]) -> Any:
    """A post-processor that ends a text; that of the file if it does so already."""
    held = record.get("post_processor") or {}
    wanted = template(ids, suffix=[end])
    assert wanted is not None
    same = held.get("type") == wanted["type"] and held.get("single") == wanted["single"]
    return held if same else wanted
