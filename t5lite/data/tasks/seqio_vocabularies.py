"""Our vocabularies as seqio's, and seqio's as ours."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from t5lite.data.tasks import environment
from t5lite.data.tasks.seqio_library import load_seqio, without_stderr
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.data.vocabularies.load import load_sentencepiece, parse_vocabulary
from t5lite.data.vocabularies.sentencepiece_vocabulary import SentencePieceVocabulary
from t5lite.data.vocabularies.vocabulary import Vocabulary


def output_features(add_eos: bool = True) -> dict[str, Any]:
    """`{"inputs": seqio.Feature, "targets": seqio.Feature}` with the vocabulary of the settings.

    Args:
      add_eos: whether `seqio.preprocessors.append_eos` ends both with an end of sequence.
    """
    seqio = load_seqio()
    vocabulary = _current_seqio_vocabulary(environment.vocabulary_name())
    return {
        name: seqio.Feature(vocabulary=vocabulary, add_eos=add_eos)
        for name in ("inputs", "targets")
    }


def from_seqio(vocabulary: Any) -> Vocabulary:
    """Our vocabulary with the same ids as a seqio vocabulary.

    Raises:
      ValueError: if it is of a kind without a counterpart here.
    """
    seqio = load_seqio()
    if isinstance(vocabulary, _tokenizer_class()):
        ours: Vocabulary = vocabulary.ours
        return ours
    if isinstance(vocabulary, seqio.ByteVocabulary):
        return ByteVocabulary(extra_ids=vocabulary.extra_ids)
    plain = isinstance(vocabulary, seqio.SentencePieceVocabulary)
    if plain and not vocabulary._normalizer_spec_overrides and vocabulary._reverse_extra_ids:
        return load_sentencepiece(vocabulary.sentencepiece_model_file, vocabulary.extra_ids)
    raise ValueError(
        f"The vocabulary {type(vocabulary).__name__} of a Task has no counterpart in t5lite. Use "
        "seqio.ByteVocabulary, or seqio.SentencePieceVocabulary without normalizer overrides and "
        "with extra ids in descending order, or what seqio_adapter.to_seqio makes of one of "
        "t5lite's."
    )


def to_seqio(vocabulary: Vocabulary) -> Any:
    """The seqio vocabulary with the same ids; its TensorFlow tokenizer is built once."""
    if isinstance(vocabulary, SentencePieceVocabulary):
        return _caching_sentencepiece_class()(vocabulary.path, extra_ids=vocabulary.extra_ids)
    if isinstance(vocabulary, ByteVocabulary):
        return load_seqio().ByteVocabulary(extra_ids=vocabulary.extra_ids)
    return _tokenizer_class()(vocabulary)


@functools.lru_cache(maxsize=8)
def _current_seqio_vocabulary(name: str) -> Any:
    """One object for all Tasks, which therefore share one tokenizer."""
    return to_seqio(parse_vocabulary(name))


@functools.cache
def _caching_sentencepiece_class() -> type:
    theirs: Any = load_seqio().SentencePieceVocabulary
    import tensorflow as tf

    class CachingSentencePieceVocabulary(theirs):
        """seqio builds the whole model anew at each access of `tf_tokenizer`: this one once."""

        _cached_tokenizer = None

        @property
        def tf_tokenizer(self) -> Any:
            if self._cached_tokenizer is None:
                # Lifted out of the graph being traced, or no other graph could use it.
                with tf.init_scope(), without_stderr():
                    self._cached_tokenizer = super().tf_tokenizer
            return self._cached_tokenizer

        def __getstate__(self) -> dict[str, Any]:
            # Copies and comparisons go by this.
            return {k: v for k, v in super().__getstate__().items() if k != "_cached_tokenizer"}

    return CachingSentencePieceVocabulary


@functools.cache
def _tokenizer_class() -> Any:
    theirs: Any = load_seqio().Vocabulary
    import tensorflow as tf

    class TokenizerVocabulary(theirs):
        """One of t5lite's vocabularies that TensorFlow has no operation for: it calls Python."""

        def __init__(self, ours: Vocabulary):
            super().__init__(extra_ids=0)
            self.ours = ours

        @property
        def _base_vocab_size(self) -> int:
            return self.ours.vocab_size

        @property
        def bos_id(self) -> int | None:
            return self.ours.bos_id

        @property
        def eos_id(self) -> int:
            return self.ours.eos_id

        @property
        def unk_id(self) -> int | None:
            return self.ours.unk_id

        def _encode(self, s: str) -> list[int]:
            return self.ours.encode(s)

        def _decode(self, ids: Sequence[int]) -> str:
            return self.ours.decode(ids)

        def _encode_tf(self, s: Any) -> Any:
            def encode(data: bytes | np.ndarray) -> np.ndarray:
                # Bytes in a graph, an array of one object outside.
                text: bytes = data if isinstance(data, bytes) else data.item()
                return np.array(self.ours.encode(text.decode("utf-8")), np.int32)

            text = tf.convert_to_tensor(s, tf.string)
            ids = tf.numpy_function(encode, [text], tf.int32, stateful=False)
            return tf.ensure_shape(ids, [None])

        def _decode_tf(self, ids: Any) -> Any:
            def decode(row: np.ndarray) -> bytes:
                return self._decode(row.tolist()).encode("utf-8")

            return tf.ensure_shape(tf.numpy_function(decode, [ids], tf.string, stateful=False), [])

        def __eq__(self, other: object) -> bool:
            return isinstance(other, TokenizerVocabulary) and self.ours == other.ours

        def __hash__(self) -> int:
            return hash(self.ours)

    return TokenizerVocabulary
