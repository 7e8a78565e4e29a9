"""The tokenizer of llama2.c, beside a plain reading of what its run.c does."""

import itertools
import random
import struct

import pytest

from t5lite.convert.llama2_c_tokenizer import (
    BOS_ID,
    EOS_ID,
    find_tokenizer,
    read_pieces,
    sentencepiece_model,
)
from t5lite.data.vocabularies.sentencepiece_vocabulary import SentencePieceVocabulary
from tests.conftest import shared_path

# Pieces after the bytes, best first; each can be merged from two before it or from characters.
LETTERS = [*"etaon h.é", "東"]
MERGED = ["he", " t", " the", "the", "at", " a", "on", "ea", "  ", "en", "éé", "n.", " é"]
RANGES = [(0x61, 0x7B), (0x20, 0x7F), (0xE0, 0xF0), (0x4E00, 0x4F00), (0x1F600, 0x1F640), (9, 11)]


def write_tokenizer(path, *, bytes_as_characters=False):
    texts = ["<unk>", "\n<s>\n", "\n</s>\n"]
    texts += [chr(byte) if bytes_as_characters else f"<0x{byte:02X}>" for byte in range(256)]
    content = b""
    for index, text in enumerate([*texts, *MERGED, *LETTERS]):
        score = float(259 - index) if index >= 259 else 0.0
        encoded = text.encode()
        content += struct.pack("<fI", score, len(encoded)) + encoded
    path.write_bytes(struct.pack("<I", 7) + content)
    return len(texts) + len(MERGED) + len(LETTERS)


def read_plainly(path):
    """(text, score) of each piece, as bytes and a float."""
    content = path.read_bytes()
    pieces, position = [], 4
    while position < len(content):
        score, size = struct.unpack_from("<fI", content, position)
        pieces.append((content[position + 8 : position + 8 + size], score))
        position += 8 + size
    return pieces


def encode_as_run_c_does(pieces, text):
    """Characters, or their bytes; then the best-scored merge of neighbours, again and again."""
    ids = {piece: index for index, (piece, _) in reversed(list(enumerate(pieces)))}
    tokens = [ids[b" "]] if text else []
    for character in text:
        encoded = character.encode()
        tokens += [ids[encoded]] if encoded in ids else [byte + 3 for byte in encoded]
    while True:
        best = None
        for place, (left, right) in enumerate(itertools.pairwise(tokens)):
            merged = ids.get(pieces[left][0] + pieces[right][0])
            if merged is not None and (best is None or pieces[merged][1] > best[0]):
                best = (pieces[merged][1], place, merged)
        if best is None:
            return tokens
        tokens[best[1] : best[1] + 2] = [best[2]]


def random_texts(letters):
    rng = random.Random(0)
    texts = ["", " ", "  two  spaces ", "a\nb", "<s>the<unk>", "the éé 東 the"]
    for _ in range(300):
        pool = [chr(rng.randrange(*rng.choice(RANGES))) for _ in range(5)] + list(letters)
        texts.append("".join(rng.choice(pool) for _ in range(rng.randrange(40))))
    return texts


def vocabulary_of(path, vocab_size, folder):
    (folder / "made.model").write_bytes(sentencepiece_model(read_pieces(path, vocab_size)))
    return SentencePieceVocabulary(str(folder / "made.model"), extra_ids=0)


def test_ids_are_those_of_run_c(tmp_path):
    vocab_size = write_tokenizer(tmp_path / "tokenizer.bin")
    vocabulary = vocabulary_of(tmp_path / "tokenizer.bin", vocab_size, tmp_path)
    assert vocabulary.vocab_size == vocab_size
    assert (vocabulary.bos_id, vocabulary.eos_id, vocabulary.unk_id) == (BOS_ID, EOS_ID, 0)
    pieces = read_plainly(tmp_path / "tokenizer.bin")
    lengths = set()
    for text in random_texts(LETTERS):
        ids = vocabulary.encode(text)
        assert ids == encode_as_run_c_does(pieces, text), text
        assert vocabulary.decode(ids) == text
        lengths.update(len(pieces[i][0]) for i in ids if i >= 259)
    assert {1, 2, 4} <= lengths  # merges happened, and merges of merges


def test_files_that_hold_bytes_as_characters(tmp_path):
    vocab_size = write_tokenizer(tmp_path / "new.bin")
    write_tokenizer(tmp_path / "old.bin", bytes_as_characters=True)
    old, new = (read_pieces(tmp_path / f"{name}.bin", vocab_size) for name in ("old", "new"))
    assert old == new


def test_stories260k_ids_are_those_of_run_c(tmp_path):
    path = shared_path("weights", "stories260k", "tok512.bin")
    vocabulary = vocabulary_of(path, 512, tmp_path)
    pieces = read_plainly(path)
    for text in [*random_texts("theandswo ,."), "Once upon a time, there was a little girl."]:
        ids = vocabulary.encode(text)
        assert ids == encode_as_run_c_does(pieces, text), text
        assert vocabulary.decode(ids) == text


def test_which_file_is_taken(tmp_path):
    weights = tmp_path / "model.bin"
    assert find_tokenizer(weights, 512) is None
    (tmp_path / "tokenizer.bin").touch()
    assert find_tokenizer(weights, 512) == tmp_path / "tokenizer.bin"
    (tmp_path / "tok512.bin").touch()
    assert find_tokenizer(weights, 512) == tmp_path / "tok512.bin"
    assert find_tokenizer(weights, 32000) == tmp_path / "tokenizer.bin"
    assert find_tokenizer(tmp_path / "tokenizer.bin", 32000) is None


def test_damaged_files_are_refused(tmp_path):
    path = tmp_path / "tokenizer.bin"
    vocab_size = write_tokenizer(path)
    whole = path.read_bytes()
    with pytest.raises(ValueError, match=rf"tokenizer\.bin holds {vocab_size} pieces.*has 512"):
        read_pieces(path, 512)
    for length in (len(whole) - 1, len(whole) - 3, len(whole) - 10, 6):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"tokenizer\.bin (is not|holds)"):
            read_pieces(path, vocab_size)
    path.write_bytes(struct.pack("<IfI", 7, 0.0, 2) + b"\xff\xff")
    with pytest.raises(ValueError, match=r"not a tokenizer of llama2\.c.*copy it again"):
        read_pieces(path, 1)
