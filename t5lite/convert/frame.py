"""What stands around each prompt of a model that other programs made.

Its own tokenizer decides, whatever config.json says of special tokens; formats that hold none, or
say it in words of their own, say it in their `Source`.
"""

import dataclasses

from t5lite.convert.source import Source
from t5lite.data.vocabularies.vocabulary import Vocabulary


def with_frame_of(source: Source, vocabulary: Vocabulary, *, is_own: bool) -> Source:
    """The source with the ids that go before and behind every prompt.

    Of a vocabulary that was given for a model that has none, those of a tokenizer.json count; bytes
    and SentencePiece, which say nothing of it, end the input of an encoder, and open that of a
    decoder with the beginning of sequence if they have one.

    Args:
      source: What was opened.
      vocabulary: Its vocabulary.
      is_own: Whether the source's files hold the vocabulary.

    Raises:
      ValueError: an id has no row in the model's embedding.
    """
    prefix, suffix = source.prompt_prefix, source.prompt_suffix
    says = is_own or vocabulary.spec()["kind"] == "tokenizer"
    is_pair = source.config.architecture == "encoder_decoder"
    if prefix is None:
        prefix = vocabulary.prefix_ids if says or not is_pair else ()
    if suffix is None:
        ends = vocabulary.eos_ids[:1] if is_pair else ()
        suffix = vocabulary.suffix_ids if says else ends
    for token in (*prefix, *suffix):
        if not 0 <= token < source.config.vocab_size:
            raise ValueError(
                f"the tokenizer of {source.path} puts the id {token} around each text, and the "
                f"model's embedding has {source.config.vocab_size} rows: is it another model's? "
                "(In a tokenizer.json: post_processor)"
            )
    return dataclasses.replace(source, prompt_prefix=prefix, prompt_suffix=suffix)
