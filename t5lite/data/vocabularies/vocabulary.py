"""What every vocabulary offers.

Vocabularies follow seqio's interface: `encode` adds nothing to the text's own tokens, `decode` goes
up to and including the first end of sequence.
"""

from __future__ import annotations

import abc
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from t5lite.files import strict_json
from t5lite.files.regular_files import read_bytes

if TYPE_CHECKING:
    from t5lite.data.vocabularies.chat_template import ChatTemplate

PAD_ID = 0

# A text is often tokenised again at once, for its length first and then for its tokens.
LAST_TEXTS = 4

HELP = (
    'Write "bytes", "bytes:EXTRA_IDS", "/path/to/spiece.model", "/path/to/spiece.model:EXTRA_IDS", '
    '"/path/to/tokenizer.json" or the folder that holds one '
    "(flag --vocabulary, gin macro VOCABULARY, variable T5LITE_VOCABULARY)."
)


class Vocabulary(abc.ABC):
    """What every vocabulary offers. Equal when their specs are."""

    extra_ids: int
    # Texts by role, such as `eos_token`, that chat templates may name.
    special_tokens: Mapping[str, str]
    # Whether a special token in a text swallows the blanks around it.
    _special_take_blanks = False

    @property
    @abc.abstractmethod
    def vocab_size(self) -> int:
        """Number of ids, sentinels included."""

    @property
    def pad_id(self) -> int:
        """Id of padding; 0 where the vocabulary has none. Rows are always filled up with 0."""
        return PAD_ID

    @property
    def num_sentinels(self) -> int:
        """How many of the last ids are sentinels, the last being `<extra_id_0>`."""
        return self.extra_ids

    @property
    @abc.abstractmethod
    def eos_id(self) -> int:
        """Id of the end of a sequence; -1 where the vocabulary has none."""

    @property
    def eos_ids(self) -> tuple[int, ...]:
        """Every id that ends an answer, `eos_id` first; none where the vocabulary has none."""
        return (self.eos_id,) if self.eos_id >= 0 else ()

    @property
    def bos_id(self) -> int | None:
        """Id of the beginning of a sequence, if there is one."""
        return None

    @property
    @abc.abstractmethod
    def unk_id(self) -> int | None:
        """Id of what has no id, if there is one."""

    @property
    def prefix_ids(self) -> tuple[int, ...]:
        """Ids that the tokenizer's makers put before a text; `encode` leaves them out."""
        return ()

    @property
    def suffix_ids(self) -> tuple[int, ...]:
        """Ids that the tokenizer's makers put behind a text; `encode` leaves them out."""
        return ()

    @property
    def chat_template(self) -> ChatTemplate | None:
        """How a conversation is written as one text, where that is known."""
        return None

    @abc.abstractmethod
    def encode(self, text: str) -> list[int]:
        """Token ids of a text, without an end of sequence."""

    def encode_special(self, text: str) -> list[int]:
        """As `encode`, but special tokens written in the text become themselves.

        So transformers reads what a chat template wrote.
        """
        ids = self._special_ids_by_text()
        blanks = r"\s*" if self._special_take_blanks else ""
        parts = re.split(f"{blanks}({'|'.join(map(re.escape, ids))}){blanks}", text)
        return [
            token
            for part in parts
            if part
            for token in ([ids[part]] if part in ids else self.encode(part))
        ]

    @property
    def control_ids(self) -> frozenset[int]:
        """Ids that say something of a text, such as where it ends, and are none of it."""
        return frozenset(self.eos_ids).union(self._special_ids_by_text().values())

    def _special_ids_by_text(self) -> dict[str, int]:
        ids = {"bos_token": self.bos_id, "eos_token": self.eos_id}
        return {
            text: token
            for role, text in self.special_tokens.items()
            if (token := ids.get(role)) is not None
        }

    @abc.abstractmethod
    def decode(self, ids: Iterable[int]) -> str:
        """Text of token ids, up to the first end of sequence."""

    @property
    def has_texts(self) -> bool:
        """Whether `decode` gives texts; ids are all that is known of some vocabularies."""
        return True

    def decoded(self, ids: Sequence[int]) -> Any:
        """What seqio's vocabulary decodes ids to, for metrics; need not be a text."""
        return self.decode(ids)

    def shown(self, ids: Iterable[int]) -> str:
        """What stands for token ids where they are shown: their text, or else they as numbers."""
        return self.decode(ids) if self.has_texts else " ".join(map(str, ids))

    @abc.abstractmethod
    def spec(self) -> dict[str, Any]:
        """What `vocabulary_from_spec` rebuilds this vocabulary from; plain JSON."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.spec() == other.spec()

    def __hash__(self) -> int:
        return hash(strict_json.dumps(self.spec(), sort_keys=True))

    def _until_eos(self, ids: Iterable[int]) -> list[int]:
        kept = []
        for token in ids:
            kept.append(int(token))
            if kept[-1] == self.eos_id:
                break
        return kept


def read_file(path: str) -> bytes:
    """The bytes of a vocabulary's file.

    Raises:
      ValueError: if it cannot be read.
    """
    try:
        return read_bytes(pathlib.Path(path).expanduser())
    except OSError as error:
        raise ValueError(f"Cannot read the vocabulary {path}: {error.strerror}. {HELP}") from error
