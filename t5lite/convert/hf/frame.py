"""Makes a tokenizer put around a text just what its model is asked with."""

import json
from collections.abc import Mapping
from typing import Any

import tokenizers

from t5lite.convert.hf.slow_tokenizer import bytes_tokenizer
from t5lite.convert.tokenizer_json import template
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.data.vocabularies.hf_vocabulary import TOKENIZER_FILE
from t5lite.data.vocabularies.tokenizer_settings import CONFIG_FILE
from t5lite.files.json_files import object_bytes

# The class that takes tokenizer.json as it is; others put what they like around a text.
_CLASS = "PreTrainedTokenizerFast"


def with_frame(
    files: Mapping[str, bytes], prefix: tuple[int, ...], *, suffix: tuple[int, ...]
) -> dict[str, bytes]:
    """Tokenizer files, changed where they put something else around a text.

    Args:
      files: The tokenizer's files, by name; without a tokenizer.json they are ByT5's.
      prefix: Ids that go before every prompt.
      suffix: Ids that go behind every prompt.

    Raises:
      ValueError: the tokenizer has no token of an id.
    """
    if TOKENIZER_FILE not in files:
        return _bytes_with_frame(files, prefix, suffix)
    read = tokenizers.Tokenizer.from_buffer(files[TOKENIZER_FILE])
    plain = read.encode("a", add_special_tokens=False).ids
    if read.encode("a").ids == [*prefix, *plain, *suffix]:
        return dict(files)
    record = _framed(read, prefix, suffix)
    config = json.loads(files[CONFIG_FILE]) | {"tokenizer_class": _CLASS}
    return dict(files) | _written(record, config)


def _bytes_with_frame(
    files: Mapping[str, bytes], prefix: tuple[int, ...], suffix: tuple[int, ...]
) -> dict[str, bytes]:
    """ByT5's files where its class does what is asked, else a tokenizer.json of bytes."""
    config = json.loads(files[CONFIG_FILE])
    vocabulary = ByteVocabulary(config["extra_ids"])
    if (prefix, suffix) == (vocabulary.prefix_ids, vocabulary.suffix_ids):
        return dict(files)
    tokenizer = bytes_tokenizer(vocabulary.extra_ids)
    # What a text spells like a special token is bytes too.
    config |= {"tokenizer_class": _CLASS, "split_special_tokens": True}
    del config["extra_ids"]
    record = _framed(tokenizer, prefix, suffix)
    return dict(files) | _written(record, config)


def _framed(
    tokenizer: tokenizers.Tokenizer, prefix: tuple[int, ...], suffix: tuple[int, ...]
) -> dict[str, Any]:
    """The content of a tokenizer.json, with another post-processor."""
    before, behind = (
        [_text_of(tokenizer, token) for token in tokens] for tokens in (prefix, suffix)
    )
    ids = dict(zip((*before, *behind), (*prefix, *suffix), strict=True))
    record = json.loads(tokenizer.to_str())
    record["post_processor"] = template(ids, prefix=before, suffix=behind)
    return record


def _text_of(tokenizer: tokenizers.Tokenizer, token: int) -> str:
    text = tokenizer.id_to_token(token)
    if text is None:
        raise ValueError(
            f"the model is asked with the id {token} around each prompt, and its vocabulary has no "
            "such token, so that no tokenizer can write it"
        )
    return text


def _written(record: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, bytes]:
    records = {TOKENIZER_FILE: record, CONFIG_FILE: config}
    return {name: object_bytes(value, ensure_ascii=False) for name, value in records.items()}
