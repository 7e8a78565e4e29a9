"""Vocabularies of Hugging Face's `tokenizer.json`, read by the `tokenizers` library alone.

Which ids are special stands in other files beside it (tokenizer_settings.py).
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

import tokenizers

from t5lite.data.templates import process
from t5lite.data.templates.process import TemplateFailure
from t5lite.data.templates.tokenizer_probe import parts_to_probe
from t5lite.data.vocabularies.chat_template import ChatTemplate
from t5lite.data.vocabularies.tokenizer_settings import (
    ADDED_FILE,
    CONFIG_FILE,
    GENERATION_FILE,
    MAP_FILE,
    MAX_IDS,
    TEMPLATE_FILE,
    TEMPLATE_FOLDER,
    TokenizerSettings,
    extra_templates,
    template_file,
)
from t5lite.data.vocabularies.vocabulary import HELP, LAST_TEXTS, PAD_ID, Vocabulary, read_file
from t5lite.files.json_files import object_bytes
from t5lite.files.regular_files import has_file, read_bytes

TOKENIZER_FILE = "tokenizer.json"

# The end of a sequence where no file names it; the first that is one of the special tokens.
_USUAL_ENDS = ("</s>", "<|endoftext|>", "<|end_of_text|>", "<eos>", "<|im_end|>")

# What `clean_up_tokenization_spaces` takes out, in this order.
_SPACES_BEFORE = (" .", " ?", " !", " ,", " ' ", " n't", " 'm", " 's", " 've", " 're")


class HFVocabulary(Vocabulary):
    """A `tokenizer.json`, with the special ids that the files beside it name.

    Ids are those of transformers' tokenizer. `eos_id` is that of the tokenizer's `eos_token`;
    `eos_ids` holds those of `generation_config.json` (or `config.json`) too.

    Attributes:
      path: of the file.
      special_tokens: texts by role, such as `bos_token`.

    Raises:
      ValueError: a file is absent or damaged, or nothing says what ends a sequence.
    """

    extra_ids = 0

    def __init__(self, path: str):
        self.path = str(path)
        file = pathlib.Path(path).expanduser()
        content = read_file(self.path)
        self._sha256 = hashlib.sha256(content).hexdigest()
        # Worker processes share out the cores already, and a fork after threads have started
        # would only bring a warning.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        self._tokenizer = open_tokenizer(content, path=self.path)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        settings = TokenizerSettings.read(file.parent)
        settings.add_to(self._tokenizer)
        self._encode = functools.lru_cache(LAST_TEXTS)(self._encode_anew)
        self._vocab_size = max(self._tokenizer.get_vocab(with_added_tokens=True).values()) + 1
        self._special_ids = _special_ids(self._tokenizer, settings, path=self.path)
        named = {r: self._tokenizer.id_to_token(i[0]) for r, i in self._special_ids.items() if i}
        self.special_tokens = {r: token for r, token in named.items() if token} | settings.roles
        self._templates = dict(settings.templates)
        is_bpe = isinstance(self._tokenizer.model, tokenizers.models.BPE)
        self._cleans_up = bool(settings.record.get("clean_up_tokenization_spaces")) and not is_bpe

    def __reduce__(self) -> tuple[Any, ...]:
        return HFVocabulary, (self.path,)

    @property
    def vocab_size(self) -> int:
        """One more than the highest id, added tokens included."""
        return self._vocab_size

    @property
    def pad_id(self) -> int:
        """The tokenizer's own padding, or 0; rows are always filled up with 0."""
        return next(iter(self._special_ids["pad_token"]), PAD_ID)

    @property
    def eos_id(self) -> int:
        """The tokenizer's own end of sequence."""
        return self._special_ids["eos_token"][0]

    @property
    def eos_ids(self) -> tuple[int, ...]:
        """Every id that ends an answer, `eos_id` first."""
        return self._special_ids["eos_token"]

    @property
    def bos_id(self) -> int | None:
        """The tokenizer's own beginning of sequence."""
        return next(iter(self._special_ids["bos_token"]), None)

    @property
    def unk_id(self) -> int | None:
        """The tokenizer's own unknown; those of bytes need none, and some name the end instead."""
        unk_id = next(iter(self._special_ids["unk_token"]), None)
        return None if unk_id in self.eos_ids else unk_id

    @property
    def prefix_ids(self) -> tuple[int, ...]:
        """What the post-processor puts before a text."""
        return self._around[0]

    @property
    def suffix_ids(self) -> tuple[int, ...]:
        """What the post-processor puts behind a text."""
        return self._around[1]

    @functools.cached_property
    def _around(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        with _panics_reported(self.path):
            encoding = self._tokenizer.encode("a")
        is_text = [not special for special in encoding.special_tokens_mask]
        if True not in is_text:
            return (), ()
        start, end = is_text.index(True), len(is_text) - is_text[::-1].index(True)
        return tuple(encoding.ids[:start]), tuple(encoding.ids[end:])

    @functools.cached_property
    def chat_template(self) -> ChatTemplate | None:
        """The model's chat templates, if it has any."""
        if not self._templates:
            return None
        folder = pathlib.Path(self.path).expanduser().parent
        files = {name: str(template_file(folder, name)) for name in self._templates}
        return ChatTemplate(self._templates, self.special_tokens, files)

    def encode(self, text: str) -> list[int]:
        """Token ids of a text; special tokens written in it become themselves."""
        return list(self._encode(text))

    def encode_special(self, text: str) -> list[int]:
        """As `encode`, which reads special tokens anyway."""
        return self.encode(text)

    @functools.cached_property
    def control_ids(self) -> frozenset[int]:
        """Added tokens, those of blanks apart, and what ends a sequence."""
        added = self._tokenizer.get_added_tokens_decoder()
        return frozenset(i for i, t in added.items() if t.content.strip()).union(self.eos_ids)

    def _encode_anew(self, text: str) -> list[int]:
        with _panics_reported(self.path):
            return self._tokenizer.encode(text, add_special_tokens=False).ids

    def decode(self, ids: Iterable[int], *, skip_special_tokens: bool = True) -> str:
        """Text of token ids, up to the first end of sequence; an id without a token has no text.

        Args:
          ids: token ids.
          skip_special_tokens: whether special tokens leave no trace.
        """
        known = [i for i in self._until_eos(ids) if 0 <= i < self._vocab_size]
        with _panics_reported(self.path):
            text = self._tokenizer.decode(known, skip_special_tokens=skip_special_tokens)
        if self._cleans_up:
            for spaced in _SPACES_BEFORE:
                text = text.replace(spaced, spaced.strip())
        return text

    def spec(self) -> dict[str, Any]:
        """Path and content hash of tokenizer.json, and what the files beside it say of ids."""
        return {
            "kind": "tokenizer",
            "path": self.path,
            "sha256": self._sha256,
            "vocab_size": self._vocab_size,
            "bos_id": self.bos_id,
            "eos_ids": list(self.eos_ids),
            "pad_id": self.pad_id,
            "unk_id": self.unk_id,
        }


def open_tokenizer(content: bytes, *, path: str) -> tokenizers.Tokenizer:
    """Makes a tokenizer of the bytes of a tokenizer.json.

    Args:
      content: the bytes.
      path: of the file, for messages.

    Raises:
      ValueError: they are none, or it is not safe to use.
    """
    _probe(content, path=path)
    try:
        with _panics_reported(path):
            tokenizer = tokenizers.Tokenizer.from_buffer(content)
    except Exception as error:  # the class that `tokenizers` raises
        raise ValueError(
            f"The vocabulary {path} is not a tokenizer.json of the `tokenizers` library "
            f"({error}). {HELP}"
        ) from error
    highest = max(tokenizer.get_vocab().values(), default=-1)
    if not 0 <= highest < MAX_IDS:
        found = f"has the id {highest:,}, of at most {MAX_IDS:,}" if highest > 0 else "is empty"
        raise ValueError(f"The vocabulary {path} {found}. {HELP}")
    return tokenizer


def _probe(content: bytes, *, path: str) -> None:
    """Refuses a tokenizer.json that may take hours, or all memory, over a text.

    Raises:
      ValueError: it does so with texts made of what its patterns name.
    """
    try:
        record = json.loads(content)
        parts = parts_to_probe(record) if isinstance(record, dict) else None
    except (ValueError, RecursionError):
        return  # Reported by `tokenizers`.
    if parts is None:
        return
    try:
        (wrong,) = process.render("tokenizer", [{"parts": parts}])
    except TemplateFailure as failure:
        wrong = f"with a short text {failure.message}"
    if wrong:
        raise ValueError(
            f"The tokenizer {path} is not safe to use: {wrong}. Look at its normalizer, "
            "pre_tokenizer, post_processor and decoder."
        )


@contextlib.contextmanager
def _panics_reported(path: str) -> Iterator[None]:
    """Turns what `tokenizers` raises where its own code gives up, which is no Exception."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise ValueError(f"The tokenizer {path} fails on a text: {error}") from error


def tokenizer_files(path: str | pathlib.Path) -> dict[str, bytes]:
    """The files that together are a tokenizer, by their names in its folder, byte for byte.

    Where only a `config.json` names ids, which is the model's, a `generation_config.json` that
    names them stands for it.

    Args:
      path: of the tokenizer.json.
    """
    folder = pathlib.Path(path).expanduser().parent
    names = [TOKENIZER_FILE, CONFIG_FILE, MAP_FILE, ADDED_FILE, TEMPLATE_FILE, GENERATION_FILE]
    names += [f"{TEMPLATE_FOLDER}/{file.name}" for file in extra_templates(folder)]
    files = {name: read_bytes(folder / name) for name in names if has_file(folder / name)}
    files[TOKENIZER_FILE] = read_bytes(pathlib.Path(path).expanduser())
    generation_ids = TokenizerSettings.read(folder).generation_ids
    if GENERATION_FILE not in files and generation_ids:
        record = {f"{role}_id": list(ids) for role, ids in generation_ids.items()}
        files[GENERATION_FILE] = object_bytes(record)
    return files


def _special_ids(
    tokenizer: tokenizers.Tokenizer, settings: TokenizerSettings, *, path: str
) -> dict[str, tuple[int, ...]]:
    """Ids of each role, the tokenizer's own before the model's.

    Raises:
      ValueError: there is no end of sequence.
    """
    own = {role: tokenizer.token_to_id(token) for role, token in settings.roles.items()}
    if own.get("unk_token") is None and getattr(tokenizer.model, "unk_token", None) is not None:
        own["unk_token"] = tokenizer.token_to_id(tokenizer.model.unk_token)
    ids = {}
    for role in ("bos_token", "eos_token", "pad_token", "unk_token"):
        found = [own.get(role), *settings.generation_ids.get(role, ())]
        ids[role] = tuple(dict.fromkeys(i for i in found if i is not None))
    if not ids["eos_token"]:
        special = {t.content: i for i, t in tokenizer.get_added_tokens_decoder().items()}
        ids["eos_token"] = tuple(special[end] for end in _USUAL_ENDS if end in special)[:1]
    if not ids["eos_token"]:
        raise ValueError(
            f"nothing says which token of {path} ends a sequence: it has no special token "
            f"{', '.join(_USUAL_ENDS)}. Put a {CONFIG_FILE} beside it that holds "
            '{"eos_token": "..."}.'
        )
    return ids
