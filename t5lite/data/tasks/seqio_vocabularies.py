"""Our vocabularies as seqio's, and seqio's as ours."""

import functools
import hashlib
import pathlib
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from t5lite.data.tasks import environment
from t5lite.data.tasks.seqio_library import load_seqio, without_stderr
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.data.vocabularies.id_vocabularies import ClassVocabulary, PassThroughVocabulary
from t5lite.data.vocabularies.load import load_sentencepiece, parse_vocabulary
from t5lite.data.vocabularies.sentencepiece_vocabulary import SentencePieceVocabulary
from t5lite.data.vocabularies.vocabulary import Vocabulary

# What a subclass must leave alone to have the ids and texts of its base.
_DECIDES_IDS = ("encode", "_encode", "_encode_tf", "decode", "_decode", "vocab_size", "eos_id")


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

    A class that has no counterpart here, such as one of the user's own, is described by its ids.

    Raises:
      ValueError: if its file cannot be read.
    """
    seqio = load_seqio()
    if isinstance(vocabulary, _tokenizer_class()):
        ours: Vocabulary = vocabulary.ours
        return ours
    if _is_plain(vocabulary, seqio.ByteVocabulary):
        return ByteVocabulary(extra_ids=vocabulary.extra_ids)
    if _is_plain(vocabulary, seqio.PassThroughVocabulary):
        return PassThroughVocabulary(vocabulary.vocab_size, vocabulary.eos_id)
    if _is_plain(vocabulary, seqio.SentencePieceVocabulary) and (
        not vocabulary._normalizer_spec_overrides and vocabulary._reverse_extra_ids
    ):
        path = _on_this_machine(vocabulary.sentencepiece_model_file)
        return load_sentencepiece(path, vocabulary.extra_ids)
    return _described(_ByIdentity(vocabulary))


def _is_plain(vocabulary: Any, kind: type) -> bool:
    """Whether ids and texts are those of a class of seqio's; a subclass may change them."""
    return isinstance(vocabulary, kind) and all(
        getattr(type(vocabulary), name) is getattr(kind, name) for name in _DECIDES_IDS
    )


class _ByIdentity:
    """A key for what may have no hash."""

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


@functools.lru_cache(maxsize=64)
def _described(vocabulary: _ByIdentity) -> ClassVocabulary:
    return ClassVocabulary.of(vocabulary.value)


@functools.lru_cache(maxsize=8)
def _on_this_machine(path: str) -> str:
    """The path of a vocabulary's file, copied into the cache folder where it is an address.

    Raises:
      ValueError: if it cannot be read.
    """
    if "://" not in path:
        return path
    import tensorflow as tf

    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            content: bytes = file.read()
    except (OSError, tf.errors.OpError) as error:
        raise ValueError(
            f"Cannot read {path}, the vocabulary of a Task: {error}. Copy the file to this "
            "machine, and name the copy in the Task's module."
        ) from error
    digest = hashlib.sha256(content).hexdigest()[:16]
    folder = environment.local_cache_dir() / "vocabularies" / digest
    copy = folder / pathlib.PurePosixPath(path).name
    if not copy.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as scratch:
            scratch.write(content)
        pathlib.Path(scratch.name).replace(copy)
    return str(copy)


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
