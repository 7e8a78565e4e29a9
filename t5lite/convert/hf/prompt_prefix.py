"""Makes a tokenizer open every prompt with the ids that its model was trained to see there."""

import json
import logging
from collections.abc import Mapping

import tokenizers

from t5lite.convert.tokenizer_json import template
from t5lite.data.hf_vocabulary import CONFIG_FILE, TOKENIZER_FILE

log = logging.getLogger(__name__)

# The class that takes tokenizer.json as it is; others put what they like around a text.
_CLASS = "PreTrainedTokenizerFast"


def with_prefix(files: Mapping[str, bytes], prefix: tuple[int, ...]) -> dict[str, bytes]:
    """Tokenizer files of a decoder-only model, changed where they put something else around a text.

    A vocabulary made for an encoder closes a text; prompts of a language model stay open.

    Args:
      files: The tokenizer's files, by name.
      prefix: Ids that go before every prompt.
    """
    if TOKENIZER_FILE not in files:
        log.warning(
            "the tokenizer written puts the end token after a text, and not %s before it; a prompt "
            "of this model is opened with that, and is not ended",
            prefix,
        )
        return dict(files)
    read = tokenizers.Tokenizer.from_buffer(files[TOKENIZER_FILE])
    plain = read.encode("a", add_special_tokens=False).ids
    if read.encode("a").ids == [*prefix, *plain]:
        return dict(files)
    record = json.loads(files[TOKENIZER_FILE])
    tokens = {str(read.id_to_token(token_id)): token_id for token_id in prefix}
    record["post_processor"] = template(tokens, prefix=tuple(tokens))
    config = json.loads(files[CONFIG_FILE]) | {"tokenizer_class": _CLASS}
    changed = {TOKENIZER_FILE: record, CONFIG_FILE: config}
    return dict(files) | {
        name: (json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode()
        for name, content in changed.items()
    }
