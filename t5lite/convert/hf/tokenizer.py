"""The tokenizer files that stand beside an exported T5."""

import pathlib
from collections.abc import Mapping
from typing import Any

_SPECIAL_TOKENS = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}


def json_files(vocabulary_spec: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """tokenizer_config.json for a vocabulary's `spec()`, by file name."""
    classes = {"bytes": "ByT5Tokenizer", "sentencepiece": "T5Tokenizer"}
    return {
        "tokenizer_config.json": {
            "tokenizer_class": classes[vocabulary_spec["kind"]],
            "extra_ids": vocabulary_spec["extra_ids"],
            **_SPECIAL_TOKENS,
        }
    }


def copies(vocabulary_spec: Mapping[str, Any]) -> dict[str, pathlib.Path]:
    """Files the tokenizer needs, by their name in the folder."""
    if vocabulary_spec["kind"] == "bytes":
        return {}
    return {"spiece.model": pathlib.Path(vocabulary_spec["path"]).expanduser()}
