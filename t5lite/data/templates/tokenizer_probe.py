"""Tries what a tokenizer.json does to texts before and behind its vocabulary.

Its normalizers may make a short text a huge one, its post-processors may put a million tokens
around it, and its regular expressions may go back and forth for hours over a few words: Oniguruma
ends a match after ten million steps, which is a quarter of a second, and then starts at the next
character. Nothing in `tokenizers` limits that, so a file is tried here, in the process of `worker`,
on texts made of what its own patterns name.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

# Parts that neither search by a pattern of the file's nor lengthen texts by more than a few times.
_PLAIN = (
    *("NFC", "NFD", "NFKC", "NFKD", "Nmt", "Lowercase", "Strip", "StripAccents", "BertNormalizer"),
    *("ByteLevel", "Metaspace", "BertPreTokenizer", "Whitespace", "WhitespaceSplit", "Punctuation"),
    *("Digits", "UnicodeScripts", "FixedLength", "ByteFallback", "Fuse", "WordPiece", "BPEDecoder"),
    *("CTC", "BertProcessing", "RobertaProcessing"),
)
_PARTS = ("normalizer", "pre_tokenizer", "decoder", "post_processor")

# A text may become so many times as long, and so many characters more; each of a few parts may
# double it unasked.
_GROWTH = 32
_MORE = 1000
_FEW = 8

# Texts are made of so many of a file's words and characters at most.
_MOST_SEEDS = 80
_MOST_PAIRED = 5
_USUAL_SEEDS = ("a", "A", "0", " ", "\n", "\t", ".", "'", "é", "я", "あ", "文", "▁", "Ġ")


def parts_to_probe(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """The parts of a tokenizer.json that are to be tried; None where there is nothing to try."""
    parts = {name: record.get(name) for name in _PARTS}
    return None if all(_is_plain(part) for part in parts.values()) else parts


def _is_plain(part: Any) -> bool:
    """Whether a part does no more to any text than it is known to do."""
    leaves = list(_leaves(part))
    return len(leaves) <= _FEW and all(
        leaf.get("type") in _PLAIN or _shortens(leaf) or _frames(leaf) for leaf in leaves
    )


def _frames(leaf: Mapping[str, Any]) -> bool:
    """Whether a `TemplateProcessing` puts a few tokens around one text."""
    pieces, special = leaf.get("single"), leaf.get("special_tokens")
    if leaf.get("type") != "TemplateProcessing" or not isinstance(pieces, list):
        return False
    texts = [piece for piece in pieces if isinstance(piece, Mapping) and "Sequence" in piece]
    tokens = list(special.values()) if isinstance(special, Mapping) else []
    ids = [token.get("ids") if isinstance(token, Mapping) else None for token in tokens]
    return (
        len(pieces) <= _FEW
        and len(texts) == 1
        and all(isinstance(each, list) and len(each) <= _FEW for each in ids)
    )


def _shortens(leaf: Mapping[str, Any]) -> bool:
    """Whether a `Replace` or a `Prepend` adds at most a character."""
    if leaf.get("type") == "Prepend":
        return len(str(leaf.get("prepend"))) <= 1
    pattern = leaf.get("pattern")
    text = pattern.get("String") if isinstance(pattern, Mapping) else None
    if leaf.get("type") != "Replace" or not isinstance(text, str) or not text:
        return False
    return len(str(leaf.get("content"))) <= len(text)


def _leaves(part: Any) -> Iterator[Mapping[str, Any]]:
    """The parts that a `Sequence` is made of, however nested."""
    if isinstance(part, Mapping):
        if part.get("type") == "Sequence":
            for name in ("normalizers", "pretokenizers", "decoders", "processors"):
                inner = part.get(name)
                for each in inner if isinstance(inner, list) else ():
                    yield from _leaves(each)
        else:
            yield part


def probe_tokenizer(parts: Mapping[str, Any]) -> str:
    """Encodes and decodes texts with these parts around a vocabulary of nothing.

    Returns:
      What is wrong with them; '' for nothing. What takes too long or too much does not return.
    """
    import tokenizers

    model = {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"}
    record = {"version": "1.0", "added_tokens": [], "model": model, **parts}
    try:
        tokenizer = tokenizers.Tokenizer.from_str(json.dumps(record))
    except Exception:
        return ""  # Reported where the file itself is read.
    for seed in _seeds(parts):
        for text in (seed, seed * 20, seed * 40 + "\0", (seed * 18 + "\0") * 12, seed * 200):
            most = _GROWTH * len(text) + _MORE
            try:
                written = tokenizer.normalizer.normalize_str(text) if tokenizer.normalizer else ""
                decoded = tokenizer.decoder.decode([text]) if tokenizer.decoder else ""
                num_ids = len(tokenizer.encode(text).ids) if len(written) <= most else 0
            except MemoryError:
                raise
            except Exception as error:
                return f"it fails on some texts: {error}"
            except BaseException as error:
                if type(error).__name__ != "PanicException":
                    raise
                return f"its regular expressions fail on some texts: {error}"
            if num_ids > most:
                return f"it makes {num_ids:,} tokens of a text of {len(text):,} characters"
            if max(len(written), len(decoded)) > most:
                longest = max(len(written), len(decoded))
                return f"it makes {longest:,} characters of a text of {len(text):,}"
    return ""


def _seeds(parts: Mapping[str, Any]) -> list[str]:
    """Texts to repeat: what the parts' own patterns and contents are made of."""
    written = [text for part in parts.values() for leaf in _leaves(part) for text in _texts(leaf)]
    words = [word for text in written for word in (text[:100], *re.findall(r"\w+", text[:1000]))]
    characters = list(dict.fromkeys("".join(text[:1000] for text in written)))
    paired = [c for c in characters if c.isalnum() or c.isspace()][:_MOST_PAIRED]
    pairs = ["".join(pair) for pair in itertools.permutations(paired, 2)]
    found = dict.fromkeys([*_USUAL_SEEDS, *words, *characters, *pairs])
    return [seed for seed in found if seed][:_MOST_SEEDS]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            if name not in ("type", "behavior", "precompiled_charsmap"):
                yield from _texts(item)
