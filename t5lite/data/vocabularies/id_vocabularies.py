"""Vocabularies whose ids are all that is sure: PassThroughVocabulary, and classes of users."""

import hashlib
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from t5lite.data.vocabularies.vocabulary import Vocabulary

# Of so many ids the texts are compared to know a vocabulary again.
_COMPARED_IDS = 1000


class SeqioVocabulary(Protocol):
    """What is used of a `seqio.Vocabulary`."""

    @property
    def vocab_size(self) -> int:
        """Number of ids, extra ids included."""

    def encode(self, s: str) -> Any:
        """Ids of a text, as far as the class has texts."""

    def decode(self, ids: Iterable[int]) -> Any:
        """Text of ids, as far as the class has texts."""


class PassThroughVocabulary(Vocabulary):
    """Ids that stand for no text, written as numbers: seqio's vocabulary of that name."""

    extra_ids = 0
    special_tokens: Mapping[str, str] = types.MappingProxyType({})

    def __init__(self, size: int, eos_id: int | None = None):
        self._size = size
        self._eos_id = -1 if eos_id is None else eos_id

    @property
    def vocab_size(self) -> int:
        """Number of ids."""
        return self._size

    @property
    def eos_id(self) -> int:
        """What the vocabulary was made with; -1 where that is None."""
        return self._eos_id

    @property
    def unk_id(self) -> None:
        """None: every id is known."""
        return None

    def encode(self, text: str) -> list[int]:
        """The ids that a text of numbers names.

        Raises:
          ValueError: the text is something else.
        """
        words = text.split()
        if not all(word.isdecimal() and int(word) < self._size for word in words):
            raise ValueError(
                f"a PassThroughVocabulary has no texts, only the ids 0 to {self._size - 1}: write "
                f"them as numbers with blanks between, such as '3 17 9'; found {text[:80]!r}"
            )
        return [int(word) for word in words]

    def decode(self, ids: Iterable[int]) -> str:
        """The ids up to the first end of sequence, as numbers."""
        return " ".join(map(str, self._until_eos(ids)))

    def decoded(self, ids: Sequence[int]) -> list[int]:
        """The ids themselves, up to the first end of sequence."""
        return self._until_eos(ids)

    def spec(self) -> dict[str, Any]:
        """Number of ids and the end of sequence."""
        return {"kind": "pass_through", "size": self._size, "eos_id": self._eos_id}


class ClassVocabulary(Vocabulary):
    """A vocabulary of a class that a Task brings, such as one that a user wrote.

    Its ids are known wherever its spec is. Its texts are known beside the Task only, for no spec
    says what the class does.
    """

    special_tokens: Mapping[str, str] = types.MappingProxyType({})

    def __init__(self, spec: dict[str, Any], theirs: SeqioVocabulary | None = None):
        """Use `of` for the vocabulary of a Task.

        Args:
          spec: what `spec` gave.
          theirs: the vocabulary itself, where it is at hand.
        """
        self._spec = spec
        self._theirs = theirs
        self.extra_ids = spec["extra_ids"]

    @classmethod
    def of(cls, theirs: SeqioVocabulary) -> "ClassVocabulary":
        """Describes the vocabulary of a Task."""
        kind = type(theirs)
        eos_id = _optional(theirs, "eos_id")
        spec = {
            "kind": "class",
            "class": f"{kind.__module__}.{kind.__qualname__}",
            "vocab_size": int(theirs.vocab_size),
            "extra_ids": int(getattr(theirs, "extra_ids", 0)),
            "eos_id": -1 if eos_id is None else eos_id,
            "bos_id": _optional(theirs, "bos_id"),
            "unk_id": _optional(theirs, "unk_id"),
            "texts_sha256": _digest_of_texts(theirs),
        }
        return cls(spec, theirs)

    @property
    def vocab_size(self) -> int:
        """Number of ids, extra ids included."""
        return self._spec["vocab_size"]

    @property
    def eos_id(self) -> int:
        """The class's end of sequence; -1 where it has none."""
        return self._spec["eos_id"]

    @property
    def bos_id(self) -> int | None:
        """The class's beginning of sequence, if it has one."""
        return self._spec["bos_id"]

    @property
    def unk_id(self) -> int | None:
        """The class's unknown, if it has one."""
        return self._spec["unk_id"]

    @property
    def has_texts(self) -> bool:
        """Whether `decode` gives texts."""
        return self._theirs is not None and self._spec["texts_sha256"] is not None

    def encode(self, text: str) -> list[int]:
        """Ids of a text.

        Raises:
          ValueError: the class has no texts, or it is not at hand.
        """
        try:
            return [int(token) for token in self._at_hand().encode(text)]
        except Exception as error:
            raise ValueError(self._explain("ids for a text", error)) from error

    def decode(self, ids: Iterable[int]) -> str:
        """Text of token ids, up to the first end of sequence; ids as numbers where they stay ids.

        Raises:
          ValueError: as `encode`.
        """
        text = self.decoded([*ids])
        if isinstance(text, bytes):
            return text.decode("utf-8", "replace")
        return text if isinstance(text, str) else " ".join(map(str, text))

    def decoded(self, ids: Sequence[int]) -> Any:
        """What the class decodes ids to.

        Raises:
          ValueError: as `encode`.
        """
        try:
            return self._at_hand().decode([int(token) for token in ids])
        except Exception as error:
            raise ValueError(self._explain("a text for ids", error)) from error

    def spec(self) -> dict[str, Any]:
        """Name of the class, its ids, and a hash of what some of them read as."""
        return dict(self._spec)

    def _at_hand(self) -> SeqioVocabulary:
        if self._theirs is None:
            raise LookupError(
                "only the Task that brings it knows what its ids mean. Give `eval` and `infer` "
                "the Task's module (--tasks)"
            )
        return self._theirs

    def _explain(self, wanted: str, error: Exception) -> str:
        reason = str(error) or f"it raises {type(error).__name__}"
        return f"the vocabulary {self._spec['class']} does not give {wanted} here: {reason}"


def _optional(theirs: SeqioVocabulary, name: str) -> int | None:
    """An id that a class may leave out, by None, by a negative one, or by not implementing it."""
    try:
        token = getattr(theirs, name)
    except (AttributeError, NotImplementedError):
        return None
    return None if token is None or token < 0 else int(token)


def _digest_of_texts(theirs: SeqioVocabulary) -> str | None:
    """A hash of what single ids read as; None where the class has no texts."""
    size = int(theirs.vocab_size)
    step = max(1, size // _COMPARED_IDS)
    try:
        texts = [theirs.decode([token]) for token in range(0, size, step)]
    except Exception:
        return None
    return hashlib.sha256(repr([str(text) for text in texts]).encode()).hexdigest()
