"""tokenizer.json files made of other descriptions of a tokenizer.

They say in the `tokenizers` library's terms what SentencePiece, or GPT-2's two files, say in
theirs; the peers test compares ids.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from t5lite.convert.sentencepiece_model import Piece, PieceModel, PieceType

_SPACE = "▁"


def from_pieces(
    model: PieceModel, *, extra_ids: int = 0, prefix: Sequence[str] = (), suffix: Sequence[str] = ()
) -> dict[str, Any]:
    """The tokenizer.json of a SentencePiece model.

    Its ids are SentencePiece's, but where the library cannot do as SentencePiece does: special
    tokens are recognised in a text; text after a user-defined piece gets a space if text at the
    beginning does; characters are normalised a cluster (a letter with its combining marks) at a
    time; a piece that stands for a byte is recognised where a text with unknown characters spells
    it.

    Args:
      model: the SentencePiece model.
      extra_ids: sentinels after its pieces, counting down to `<extra_id_0>`.
      prefix: special tokens that the tokenizer puts before a text.
      suffix: special tokens that it puts after one.

    Raises:
      ValueError: the model has user-defined pieces made of spaces.
    """
    pieces = [_renamed(piece) for piece in model.pieces]
    ids = {piece.text: index for index, piece in enumerate(pieces)}
    sentinels = [
        _added(len(pieces) + place, f"<extra_id_{index}>", special=True, **_after_space(model))
        for place, index in enumerate(reversed(range(extra_ids)))
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": _added_tokens(model, pieces) + sentinels,
        "normalizer": _normalizer(model),
        "pre_tokenizer": None,
        "post_processor": template(ids, prefix=prefix, suffix=suffix),
        "decoder": _decoder(model),
        "model": _bpe(model, pieces, ids) if model.is_bpe else _unigram(model, pieces),
    }


def byte_level_bpe(
    vocab: Mapping[str, int],
    merges: Sequence[Sequence[str]],
    *,
    special: Sequence[str],
    plain_added: Sequence[str] = (),
    splits: Sequence[Mapping[str, Any]] = (),
    uses_own_split: bool = True,
    ignores_merges: bool = False,
    prefix: Sequence[str] = (),
    suffix: Sequence[str] = (),
) -> dict[str, Any]:
    """The tokenizer.json of byte-level BPE, GPT-2's kind.

    Args:
      vocab: ids by token, in GPT-2's spelling of bytes; special tokens as they are.
      merges: pairs of tokens, the first merged first.
      special: special tokens of `vocab`.
      plain_added: tokens of `vocab` that are recognised as a whole but are not special.
      splits: pre-tokenizers that run before.
      uses_own_split: split by GPT-2's regular expression (after `splits`).
      ignores_merges: take a word that is a token as that, whatever its merges would make of it.
      prefix: special tokens that the tokenizer puts before a text.
      suffix: special tokens that it puts behind one.
    """
    byte_level = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": uses_own_split,
    }
    added = sorted(
        [*((vocab[t], t, True) for t in special), *((vocab[t], t, False) for t in plain_added)]
    )
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added(i, t, special=is_special) for i, t, is_special in added],
        "normalizer": None,
        "pre_tokenizer": (
            {"type": "Sequence", "pretokenizers": [*splits, byte_level]} if splits else byte_level
        ),
        "post_processor": template(vocab, prefix=prefix, suffix=suffix)
        or {**byte_level, "trim_offsets": False, "use_regex": True},
        "decoder": {**byte_level, "use_regex": True},
        "model": _bpe_record(vocab, merges, ignores_merges=ignores_merges),
    }


def template(
    ids: Mapping[str, int], *, prefix: Sequence[str] = (), suffix: Sequence[str] = ()
) -> dict[str, Any] | None:
    """The post-processor that puts special tokens around each text; None for none."""
    if not prefix and not suffix:
        return None

    def around(sequence: str, type_id: int) -> list[dict[str, Any]]:
        def special(token: str) -> dict[str, Any]:
            return {"SpecialToken": {"id": token, "type_id": type_id}}

        return [
            *map(special, prefix),
            {"Sequence": {"id": sequence, "type_id": type_id}},
            *map(special, suffix),
        ]

    return {
        "type": "TemplateProcessing",
        "single": around("A", 0),
        "pair": [*around("A", 0), *around("B", 1)],
        "special_tokens": {
            token: {"id": token, "ids": [ids[token]], "tokens": [token]}
            for token in (*prefix, *suffix)
        },
    }


def _renamed(piece: Piece) -> Piece:
    """A user-defined piece without the space it starts with, which `_added_tokens` sees to.

    Raises:
      ValueError: nothing remains.
    """
    if piece.type != PieceType.USER_DEFINED or not piece.text.startswith(_SPACE):
        return piece
    text = piece.text.lstrip(_SPACE)
    if not text:
        raise ValueError(
            f"the SentencePiece model's user-defined piece {piece.text!r} is made of spaces, which "
            "tokenizer.json cannot express; put the model's own tokenizer.json beside it"
        )
    return Piece(text, piece.score, piece.type)


def _added_tokens(model: PieceModel, pieces: Sequence[Piece]) -> list[dict[str, Any]]:
    added = []
    for index, (before, piece) in enumerate(zip(model.pieces, pieces, strict=True)):
        if piece.type in (PieceType.UNKNOWN, PieceType.CONTROL):
            added.append(_added(index, piece.text, special=True))
        elif piece.type == PieceType.USER_DEFINED:
            place = _after_space(model) if before != piece else {}
            is_sentinel = piece.text.startswith("<extra_id_")
            added.append(_added(index, piece.text, special=is_sentinel, **place))
    return added


def _after_space(model: PieceModel) -> dict[str, bool]:
    """How an added token takes up the one space before it, as SentencePiece's pieces do."""
    # A normalised token is looked for in the normalised text, with the space that is put before
    # both.
    return {"normalized": True} if model.adds_space else {"lstrip": True}


def _added(
    index: int, text: str, *, special: bool, normalized: bool = False, lstrip: bool = False
) -> dict[str, Any]:
    return {
        "id": index,
        "content": text,
        "single_word": False,
        "lstrip": lstrip,
        "rstrip": False,
        "normalized": normalized,
        "special": special,
    }


def _normalizer(model: PieceModel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = []
    if model.charsmap:
        charsmap = base64.b64encode(model.charsmap).decode()
        steps.append({"type": "Precompiled", "precompiled_charsmap": charsmap})
    if model.removes_spaces:
        steps.append({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "})
        steps.append({"type": "Strip", "strip_left": True, "strip_right": True})
    if model.adds_space:
        steps.append({"type": "Prepend", "prepend": _SPACE})
    steps.append({"type": "Replace", "pattern": {"String": " "}, "content": _SPACE})
    return {"type": "Sequence", "normalizers": steps}


def _decoder(model: PieceModel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [
        {"type": "Replace", "pattern": {"String": _SPACE}, "content": " "}
    ]
    if model.byte_fallback:
        steps.append({"type": "ByteFallback"})
    steps.append({"type": "Fuse"})
    if model.adds_space:
        steps.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    return {"type": "Sequence", "decoders": steps}


def _unigram(model: PieceModel, pieces: Sequence[Piece]) -> dict[str, Any]:
    # SentencePiece never finds other than normal pieces in a text. Here all are looked for, and
    # the others must lose.
    normal = [piece.score for piece in pieces if piece.type == PieceType.NORMAL]
    lowest = min(normal, default=0.0) - 1000.0
    return {
        "type": "Unigram",
        "unk_id": model.unk_id,
        "vocab": [
            [piece.text, piece.score if piece.type == PieceType.NORMAL else lowest]
            for piece in pieces
        ],
        "byte_fallback": model.byte_fallback,
    }


def _bpe(model: PieceModel, pieces: Sequence[Piece], ids: Mapping[str, int]) -> dict[str, Any]:
    return _bpe_record(
        ids,
        _merges_by_score(pieces),
        unk_token=pieces[model.unk_id].text,
        byte_fallback=model.byte_fallback,
    )


def _merges_by_score(pieces: Sequence[Piece]) -> list[tuple[str, str]]:
    """Every way to make a piece of two others, the highest score first."""
    ids = {p.text: i for i, p in enumerate(pieces) if p.type == PieceType.NORMAL}
    merges = []
    for text, index in ids.items():
        for cut in range(1, len(text)):
            left, right = text[:cut], text[cut:]
            if left in ids and right in ids:
                merges.append((-pieces[index].score, ids[left], ids[right], left, right))
    return [(left, right) for *_, left, right in sorted(merges)]


def _bpe_record(
    vocab: Mapping[str, int],
    merges: Sequence[Sequence[str]],
    *,
    unk_token: str | None = None,
    byte_fallback: bool = False,
    ignores_merges: bool = False,
) -> dict[str, Any]:
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": unk_token,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": unk_token is not None,
        "byte_fallback": byte_fallback,
        "ignore_merges": ignores_merges,
        "vocab": dict(vocab),
        "merges": [list(pair) for pair in merges],
    }
