"""Tokenizers that a Hugging Face folder describes without a tokenizer.json.

transformers has a class for each such description and makes a `tokenizers.Tokenizer` of it when it
loads the folder; here the same is made, id for id (tests/peers/test_tokenizers.py).

- `LlamaTokenizer`: a SentencePiece model (BPE) in tokenizer.model. `add_prefix_space` (true) puts a
  space before a text, and with `legacy` (false) before each stretch between added tokens too.
- `T5Tokenizer`: a SentencePiece model (unigram) in spiece.model, and `extra_ids` sentinels.
- `GPT2Tokenizer`, `GPTNeoXTokenizer`: vocab.json and merges.txt.
- `ByT5Tokenizer`: no file; bytes, and `extra_ids` sentinels.

`add_bos_token` and `add_eos_token` say what stands around a text, but T5's kinds always end it.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tokenizers
from tokenizers import AddedToken, Tokenizer, decoders, normalizers, pre_tokenizers, processors

from t5lite.convert.sentencepiece_model import PieceModel, PieceType, read_piece_model
from t5lite.data.vocabularies.tokenizer_settings import MAX_IDS, TokenizerSettings
from t5lite.files.json_files import read_object
from t5lite.files.regular_files import has_file, read_bytes, read_text
from t5lite.messages.value_types import check_type

LLAMA_MODEL, T5_MODEL = "tokenizer.model", "spiece.model"
VOCAB_FILE, MERGES_FILE = "vocab.json", "merges.txt"
# Defaults of the classes where tokenizer_config.json does not say.
T5_EXTRA_IDS, BYT5_EXTRA_IDS = 100, 125

_SPACE = "▁"
_GPT2_END = "<|endoftext|>"
_LLAMA_ROLES = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
_T5_ROLES = {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
_GPT2_ROLES = dict.fromkeys(("bos_token", "eos_token", "unk_token"), _GPT2_END)


class SlowTokenizer:
    """A tokenizer being put together.

    Attributes:
      tokenizer: What it came to.
      roles: The text of each role's token.
    """

    def __init__(self, tokenizer: Tokenizer, settings: TokenizerSettings):
        self.tokenizer = tokenizer
        self._settings = settings
        self.roles: dict[str, str] = {}

    def add_tokens(
        self, defaults: Mapping[str, str], *, extra: Sequence[AddedToken] = (), **flags: bool
    ) -> None:
        """Adds the tokens that the settings name, and those that the class names where they do not.

        Args:
          defaults: The class's tokens by role.
          extra: The class's further special tokens.
          **flags: How the class takes a role's token where nothing but its text is said.
        """
        settings = self._settings
        named = dict(settings.named)
        for role, token in defaults.items():
            said = settings.record.get(role, token)
            # A role may be said to have none.
            if isinstance(said, str) and said and named.get(role) not in settings.added:
                named[role] = AddedToken(said, special=True, **flags)
        self.roles = {role: token.content for role, token in named.items()}
        TokenizerSettings(
            record=settings.record,
            added=settings.added,
            named=named,
            extra=tuple(extra) if settings.extra is None else settings.extra,
            generation_ids={},
            templates={},
        ).add_to(self.tokenizer)

    def put_around(self, *, before: bool, behind: bool) -> None:
        """Puts the beginning and the end of a sequence around each text."""
        prefix = [self.roles["bos_token"]] if before and "bos_token" in self.roles else []
        suffix = [self.roles["eos_token"]] if behind and "eos_token" in self.roles else []
        pairs = [(token, self.tokenizer.token_to_id(token)) for token in (*prefix, *suffix)]
        if pairs:
            self.tokenizer.post_processor = processors.TemplateProcessing(
                single=[*prefix, "$A", *suffix],
                pair=[*prefix, "$A", *suffix, *prefix, "$B:1", *suffix],
                special_tokens=pairs,
            )


def build(
    folder: pathlib.Path, *, class_name: str, settings: TokenizerSettings
) -> SlowTokenizer | None:
    """Makes the tokenizer that a folder describes.

    Args:
      folder: The folder.
      class_name: The class of transformers that it asks for; may be empty.
      settings: What the folder says of its tokens.

    Returns:
      The tokenizer; None where there is no description.

    Raises:
      ValueError: a file is damaged or of a kind that has no counterpart.
    """
    if class_name.startswith("ByT5"):
        return _bytes(settings)
    if has_file(folder / T5_MODEL):
        return _t5(_read_pieces(folder / T5_MODEL), settings)
    if has_file(folder / LLAMA_MODEL):
        return _llama(_read_pieces(folder / LLAMA_MODEL), settings, is_named=bool(class_name))
    if has_file(folder / VOCAB_FILE) and has_file(folder / MERGES_FILE):
        return _gpt2(folder, settings, normalises=class_name.startswith("GPTNeoX"))
    return None


def bytes_tokenizer(extra_ids: int) -> Tokenizer:
    """UTF-8 bytes with the ids of `ByteVocabulary`, and sentinels behind them."""
    special = {"<pad>": 0, "</s>": 1, "<unk>": 2}
    vocab = special | {f"<0x{byte:02X}>": byte + len(special) for byte in range(256)}
    tokenizer = Tokenizer(
        tokenizers.models.BPE(vocab=vocab, merges=[], unk_token="<unk>", byte_fallback=True)
    )
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    tokens = [*special, *(f"<extra_id_{index}>" for index in range(extra_ids))]
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in tokens])
    return tokenizer


def _read_pieces(path: pathlib.Path) -> PieceModel:
    return read_piece_model(read_bytes(path), source=str(path))


def _added_pieces(model: PieceModel) -> list[AddedToken]:
    """Pieces that a text is searched for before anything else."""
    return [
        AddedToken(piece.text, normalized=False, special=piece.type == PieceType.CONTROL)
        for piece in model.pieces
        if piece.type in (PieceType.CONTROL, PieceType.USER_DEFINED)
    ]


def _llama(model: PieceModel, settings: TokenizerSettings, *, is_named: bool) -> SlowTokenizer:
    vocab = {piece.text: index for index, piece in enumerate(model.pieces)}
    tokenizer = Tokenizer(
        tokenizers.models.BPE(vocab=vocab, merges=_merges(vocab), fuse_unk=True, byte_fallback=True)
    )
    tokenizer.pre_tokenizer, tokenizer.decoder = llama_spaces(settings)
    slow = SlowTokenizer(tokenizer, settings)
    slow.add_tokens(_LLAMA_ROLES, extra=_added_pieces(model))
    # Where no class is named, the model is taken as Meta's own.
    slow.put_around(
        before=settings.get("add_bos_token", not is_named),
        behind=settings.get("add_eos_token", False),
    )
    return slow


def llama_spaces(
    settings: TokenizerSettings,
) -> tuple[pre_tokenizers.Metaspace, decoders.Sequence]:
    """How LLaMA's kind spells spaces, and how it reads them again."""
    adds_space = settings.get("add_prefix_space")
    steps = [decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    scheme = "never"
    if adds_space or adds_space is None:
        scheme = "always" if settings.get("legacy") else "first"
        steps.append(decoders.Strip(content=" ", left=1))
    spelled = pre_tokenizers.Metaspace(replacement=_SPACE, prepend_scheme=scheme, split=False)
    return spelled, decoders.Sequence(steps)


def _merges(vocab: dict[str, int]) -> list[tuple[str, str]]:
    """Every way to make a piece of two others; lower pieces, and shorter left halves, first."""
    merges = [
        (index, cut, text[:cut], text[cut:])
        for text, index in vocab.items()
        for cut in range(1, len(text))
        if text[:cut] in vocab and text[cut:] in vocab
    ]
    return [(left, right) for _, _, left, right in sorted(merges)]


def _t5(model: PieceModel, settings: TokenizerSettings) -> SlowTokenizer:
    count = settings.get("extra_ids", T5_EXTRA_IDS)
    sentinels = [f"<extra_id_{index}>" for index in range(count)]
    vocab = [(piece.text, piece.score) for piece in model.pieces]
    vocab += [(sentinel, 0.0) for sentinel in reversed(sentinels)]
    tokenizer = Tokenizer(tokenizers.models.Unigram(vocab, unk_id=model.unk_id))
    if model.charsmap:
        tokenizer.normalizer = normalizers.Precompiled(model.charsmap)
    spaces: dict[str, Any] = {"replacement": _SPACE, "prepend_scheme": "always", "split": True}
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(**spaces)]
    )
    tokenizer.decoder = decoders.Metaspace(**spaces)
    slow = SlowTokenizer(tokenizer, settings)
    extra = [*_added_pieces(model), *(AddedToken(token, special=True) for token in sentinels)]
    slow.add_tokens(_T5_ROLES, extra=extra)
    slow.put_around(before=False, behind=True)
    return slow


def _gpt2(folder: pathlib.Path, settings: TokenizerSettings, *, normalises: bool) -> SlowTokenizer:
    tokenizer = Tokenizer(_byte_pairs(folder))
    if normalises:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(
        add_prefix_space=bool(settings.get("add_prefix_space"))
    )
    tokenizer.decoder = decoders.ByteLevel()
    slow = SlowTokenizer(tokenizer, settings)
    # OPT's kind has no such token, and an id for it would lie beyond the model's embedding.
    slow.add_tokens(_GPT2_ROLES if _GPT2_END in tokenizer.get_vocab() else {})
    slow.put_around(
        before=settings.get("add_bos_token", False),
        behind=settings.get("add_eos_token", False),
    )
    return slow


def _byte_pairs(folder: pathlib.Path) -> tokenizers.models.BPE:
    vocab = read_object(folder / VOCAB_FILE)
    check_type(vocab, Mapping[str, int], name=str(folder / VOCAB_FILE))
    for piece, index in vocab.items():
        if not 0 <= index < MAX_IDS:
            raise ValueError(
                f"{folder / VOCAB_FILE}: {piece!r} has the id {index}, expected one from 0 to "
                f"{MAX_IDS - 1:,}"
            )
    try:
        return tokenizers.models.BPE(
            vocab=vocab,
            merges=list(_read_merges(folder / MERGES_FILE)),
            continuing_subword_prefix="",
            end_of_word_suffix="",
        )
    except Exception as error:  # the class that `tokenizers` raises
        raise ValueError(
            f"{folder / VOCAB_FILE} and {MERGES_FILE} beside it do not belong together ({error})"
        ) from error


def _bytes(settings: TokenizerSettings) -> SlowTokenizer:
    # Sentinels come before all other tokens, wherever those are named.
    tokenizer = bytes_tokenizer(settings.get("extra_ids", BYT5_EXTRA_IDS))
    slow = SlowTokenizer(tokenizer, settings)
    slow.add_tokens(_T5_ROLES, lstrip=True, rstrip=True)
    slow.put_around(before=False, behind=True)
    return slow


def _read_merges(path: pathlib.Path) -> Iterable[tuple[str, str]]:
    for line in read_text(path).replace("\r\n", "\n").split("\n"):
        left, space, right = line.partition(" ")
        if space and not line.startswith("#version"):
            yield left, right
