"""The vocabulary of a checkpoint: the one that its files hold, or the one that was asked for."""

import contextlib
import dataclasses
import pathlib
import tempfile

from t5lite.convert.frame import with_frame_of
from t5lite.convert.hf.tokenizer import read_vocabulary
from t5lite.convert.source import Source
from t5lite.data.vocabularies.load import parse_vocabulary, vocabulary_from_spec
from t5lite.data.vocabularies.vocabulary import Vocabulary


def with_vocabulary(
    source: Source, name: str | None, *, target: str, at_end: contextlib.ExitStack
) -> Source:
    """The source with the vocabulary that was asked for, or else with its own.

    That of a Hugging Face folder is read only if ours needs it: its files go along as they are.

    Args:
      source: What was opened.
      name: The vocabulary, as `--vocabulary` gives it; None takes the source's own.
      target: The format that it is converted to.
      at_end: Deletes files that are needed until then.

    Raises:
      ValueError: ours needs one and there is none, or it has more ids than the model.
    """
    if name is not None:
        vocabulary = parse_vocabulary(name)
    elif source.vocabulary is not None:
        vocabulary = vocabulary_from_spec(source.vocabulary)
    elif target == "t5lite" or source.write_tokenizer is not None:
        vocabulary = _own_vocabulary(source, at_end)
    else:
        return source
    size, rows = vocabulary.vocab_size, source.config.vocab_size
    if size > rows:
        raise ValueError(
            f"the vocabulary has {size} ids, but the model's embedding only {rows} rows: it is "
            "not this model's"
        )
    source = with_frame_of(source, vocabulary, is_own=name is None)
    return dataclasses.replace(source, vocabulary=vocabulary.spec())


def _own_vocabulary(source: Source, at_end: contextlib.ExitStack) -> Vocabulary:
    """The vocabulary that the source's files hold."""
    scratch = pathlib.Path(at_end.enter_context(tempfile.TemporaryDirectory()))
    vocabulary = own_vocabulary(source, scratch=scratch)
    if vocabulary is None:
        raise ValueError(
            f"{source.path} holds no tokenizer, and a t5lite model folder needs one: say which "
            "with --vocabulary (bytes, PATH.model or PATH/tokenizer.json)"
        )
    return vocabulary


def own_vocabulary(source: Source, *, scratch: pathlib.Path) -> Vocabulary | None:
    """The vocabulary that a source's files hold; None where they hold none.

    Args:
      source: The source.
      scratch: An empty folder, where a tokenizer.json is put together if there is none. Keep it
        until the vocabulary's files have been copied.

    Raises:
      ValueError: The tokenizer's files are damaged.
    """
    if source.vocabulary is not None:
        return vocabulary_from_spec(source.vocabulary)
    if source.hf_folder is not None:
        return read_vocabulary(source.hf_folder, scratch=scratch)
    if source.write_tokenizer is None:
        return None
    source.write_tokenizer(scratch)
    return read_vocabulary(scratch, scratch=scratch)
