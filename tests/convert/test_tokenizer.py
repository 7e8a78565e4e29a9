"""Tokenizers of folders, SentencePiece models and GGUF metadata; peers/ compares with theirs."""

import io
import json
import random
import re
import shutil

import pytest
import sentencepiece

from t5lite.convert.gguf_tokenizer import (
    gguf_tokenizer_files,
    tokenizer_json_from_gguf,
    write_gguf_tokenizer,
)
from t5lite.convert.hf.tokenizer import read_vocabulary, written_files
from t5lite.convert.sentencepiece_model import PieceType, read_piece_model
from t5lite.convert.tokenizer_json import from_pieces
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.data.vocabularies.hf_vocabulary import HFVocabulary
from t5lite.data.vocabularies.sentencepiece_vocabulary import SentencePieceVocabulary
from tests.conftest import shared_path
from tests.data.tokenizer_folders import CHATML, chat_folder, write_json

TEXTS = [
    "",
    " ",
    "the cat  sat\non a mat ",
    "  naïve 東京 🙂",
    "<0x41> ▁ <unk",
    "a <extra_id_0> b <extra_id_1>.",
]


def sentencepiece_model(path, **changes):
    """A small model of LLaMA's kind."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the cat sat on the mat", "a dog and a cat", "two and two"] * 9),
        model_writer=model,
        **{
            "vocab_size": 300,
            "model_type": "bpe",
            "byte_fallback": True,
            "normalization_rule_name": "identity",
            "remove_extra_whitespaces": False,
            "hard_vocab_limit": False,
            "minloglevel": 2,
            **changes,
        },
    )
    path.write_bytes(model.getvalue())
    return path


def random_texts(count=200):
    rng = random.Random(0)
    alphabet = "the cat sat on mat dog two  \n<>x0é東"
    return TEXTS + ["".join(rng.choices(alphabet, k=rng.randrange(30))) for _ in range(count)]


def as_tokenizer_json(folder, vocabulary):
    for name, content in written_files(vocabulary).items():
        (folder / name).write_bytes(content)
    return HFVocabulary(str(folder / "tokenizer.json"))


# ------------------------------------------------------------------- SentencePiece's models


def test_what_a_model_file_holds(tmp_path):
    path = sentencepiece_model(tmp_path / "a.model", user_defined_symbols=["<b>"])
    model = read_piece_model(path.read_bytes(), source="a.model")
    processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
    assert [piece.text for piece in model.pieces] == [
        processor.IdToPiece(i) for i in range(processor.GetPieceSize())
    ]
    assert [piece.score for piece in model.pieces] == [
        processor.GetScore(i) for i in range(processor.GetPieceSize())
    ]
    kinds = [piece.type for piece in model.pieces]
    assert kinds[:4] == [
        PieceType.UNKNOWN,
        PieceType.CONTROL,
        PieceType.CONTROL,
        PieceType.USER_DEFINED,
    ]
    assert kinds.count(PieceType.BYTE) == 256
    assert (model.unk_id, model.bos_id, model.eos_id, model.pad_id) == (0, 1, 2, None)
    assert model.is_bpe
    assert model.byte_fallback
    assert not model.removes_spaces
    assert model.charsmap == b""


def test_t5s_model_file():
    content = shared_path("data", "vocab", "t5_spiece.model").read_bytes()
    model = read_piece_model(content, source="spiece.model")
    assert (model.unk_id, model.bos_id, model.eos_id, model.pad_id) == (2, None, 1, 0)
    assert (model.is_bpe, model.byte_fallback, model.removes_spaces) == (False, False, True)
    assert len(model.charsmap) > 200_000


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x0a\x05ab"])
def test_files_that_are_no_model(content):
    with pytest.raises(ValueError, match=r"x\.model is not a SentencePiece model"):
        read_piece_model(content, source="x.model")


def test_kinds_of_model_without_a_counterpart(tmp_path):
    path = sentencepiece_model(tmp_path / "a.model", model_type="char", byte_fallback=False)
    with pytest.raises(ValueError, match=r"of a kind that tokenizer\.json cannot express"):
        read_piece_model(path.read_bytes(), source="a.model")
    path = sentencepiece_model(tmp_path / "b.model", user_defined_symbols=["▁▁"])
    with pytest.raises(ValueError, match="'▁▁' is made of spaces"):
        from_pieces(read_piece_model(path.read_bytes(), source="b.model"))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"model_type": "unigram", "bos_id": -1, "pad_id": 0, "eos_id": 1, "unk_id": 2},
        {"add_dummy_prefix": False},
        {"normalization_rule_name": "nmt_nfkc", "remove_extra_whitespaces": True},
        {"byte_fallback": False, "vocab_size": 40, "character_coverage": 1.0},
        {"user_defined_symbols": ["<b>", "▁<c>"]},
    ],
)
def test_tokenizer_json_of_a_sentencepiece_model(tmp_path, changes):
    path = sentencepiece_model(tmp_path / "a.model", **changes)
    ours = SentencePieceVocabulary(str(path), extra_ids=3)
    theirs = as_tokenizer_json(tmp_path, ours)
    for text in [*random_texts(), "a <c> d <b>"]:
        if "<0x" in text and changes.get("model_type") == "unigram":
            continue
        ids = ours.encode(text)
        assert theirs.encode(text) == ids
        if ours.unk_id not in ids and "<" not in text:
            assert theirs.decode(ids) == ours.decode(ids)
    assert theirs.prefix_ids == ours.prefix_ids
    assert theirs.vocab_size == ours.vocab_size
    assert (theirs.bos_id, theirs.eos_id) == (ours.bos_id, ours.eos_id)


# --------------------------------------------------------------------- Hugging Face's folders


def test_which_tokenizer_a_folder_holds(tmp_path):
    assert read_vocabulary(tmp_path, scratch=tmp_path) is None
    write_json(tmp_path / "config.json", {"tokenizer_class": "ByT5Tokenizer"})
    assert read_vocabulary(tmp_path, scratch=tmp_path) == ByteVocabulary(125)
    (tmp_path / "config.json").unlink()
    sentencepiece_model(tmp_path / "tokenizer.model")
    llama = read_vocabulary(tmp_path, scratch=tmp_path)
    assert isinstance(llama, SentencePieceVocabulary)
    assert (llama.extra_ids, llama.prefix_ids) == (0, (1,))
    chat_folder(tmp_path)
    assert isinstance(read_vocabulary(tmp_path, scratch=tmp_path), HFVocabulary)


@pytest.mark.parametrize(
    ("config", "symbols", "extra_ids"),
    [
        ({}, [], 100),
        ({"extra_ids": 7}, [], 7),
        ({}, ["▁<extra_id_0>"], 0),
        ({"extra_ids": 0}, ["▁<extra_id_0>"], 0),
    ],
)
def test_sentinels_of_a_t5_folder(tmp_path, config, symbols, extra_ids):
    sentencepiece_model(tmp_path / "spiece.model", user_defined_symbols=symbols)
    write_json(tmp_path / "tokenizer_config.json", config)
    vocabulary = read_vocabulary(tmp_path, scratch=tmp_path)
    assert isinstance(vocabulary, SentencePieceVocabulary)
    assert vocabulary.extra_ids == extra_ids


def test_a_t5_folder_with_more_tokens_than_its_model(tmp_path):
    source = sentencepiece_model(tmp_path / "spiece.model")
    as_tokenizer_json(tmp_path, SentencePieceVocabulary(str(source), 3))
    assert isinstance(read_vocabulary(tmp_path, scratch=tmp_path), SentencePieceVocabulary)
    record = json.loads((tmp_path / "tokenizer.json").read_text())
    more = {**record["added_tokens"][-1], "id": record["added_tokens"][-1]["id"] + 1}
    record["added_tokens"].append({**more, "content": "<sep>"})
    write_json(tmp_path / "tokenizer.json", record)
    vocabulary = read_vocabulary(tmp_path, scratch=tmp_path)
    assert isinstance(vocabulary, HFVocabulary)
    assert vocabulary.encode("<sep>") == [vocabulary.vocab_size - 1]


def test_a_llama_folder_that_says_more_than_its_model(tmp_path):
    folder, scratch = tmp_path / "folder", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    sentencepiece_model(folder / "tokenizer.model")
    size = read_vocabulary(folder, scratch=scratch).vocab_size
    write_json(folder / "added_tokens.json", {"<|im_end|>": size})
    config = {"chat_template": CHATML, "bos_token": "<s>", "eos_token": "<|im_end|>"}
    write_json(folder / "tokenizer_config.json", config)
    write_json(folder / "generation_config.json", {"eos_token_id": 2})
    vocabulary = read_vocabulary(folder, scratch=scratch)
    assert vocabulary.eos_ids == (size, 2)
    assert vocabulary.prefix_ids == (1,)
    assert vocabulary.chat_template is not None
    assert vocabulary.encode("the cat<|im_end|>")[-1] == size


def test_gpt2s_two_files(tmp_path):
    folder, scratch = tmp_path / "folder", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    shutil.copy(shared_path("data", "vocab", "opt_gpt2_vocab.json"), folder / "vocab.json")
    shutil.copy(shared_path("data", "vocab", "opt_gpt2_merges.txt"), folder / "merges.txt")
    write_json(
        folder / "tokenizer_config.json",
        {"add_bos_token": True, "bos_token": "</s>", "eos_token": {"content": "</s>"}},
    )
    vocabulary = read_vocabulary(folder, scratch=scratch)
    assert vocabulary.prefix_ids == (2,)
    assert vocabulary.eos_ids == (2,)
    assert vocabulary.decode(vocabulary.encode("Hello  wörld")) == "Hello  wörld"


# ------------------------------------------------------------------------------ GGUF's metadata


def gguf_of(path, **changes):
    """What llama.cpp's converter writes of a SentencePiece model."""
    model = read_piece_model(path.read_bytes(), source=str(path))
    metadata = {
        "model": "llama",
        "tokens": [piece.text for piece in model.pieces],
        "scores": [piece.score for piece in model.pieces],
        "token_type": [int(piece.type) for piece in model.pieces],
        "bos_token_id": 1,
        "eos_token_id": 2,
        "unknown_token_id": 0,
        **changes,
    }
    return {f"tokenizer.ggml.{name}": v for name, v in metadata.items() if v is not None}


def test_sentencepiece_in_gguf(tmp_path):
    path = shared_path("weights", "stories260k", "tok512.model")
    write_gguf_tokenizer(gguf_of(path), tmp_path)
    theirs, ours = (
        HFVocabulary(str(tmp_path / "tokenizer.json")),
        SentencePieceVocabulary(str(path), 0),
    )
    for text in [*random_texts(), "Once upon a time, there was a € girl."]:
        assert theirs.encode(text) == ours.encode(text)
        assert theirs.decode(ours.encode(text)) == ours.decode(ours.encode(text))
    assert theirs.prefix_ids == (1,)
    write_gguf_tokenizer(gguf_of(path, add_bos_token=False), tmp_path)
    assert HFVocabulary(str(tmp_path / "tokenizer.json")).prefix_ids == ()


def byte_level_gguf(folder, **changes):
    record = json.loads((chat_folder(folder) / "tokenizer.json").read_text())["model"]
    tokens = sorted(record["vocab"], key=record["vocab"].get)
    metadata = {
        "model": "gpt2",
        "pre": "gpt-2",
        "tokens": tokens,
        "token_type": [3, 3, 3] + [1] * (len(tokens) - 3),
        "merges": [" ".join(pair) for pair in record["merges"]],
        "bos_token_id": 1,
        "eos_token_id": 2,
        "eot_token_id": 0,
        **changes,
    }
    return {f"tokenizer.ggml.{name}": v for name, v in metadata.items() if v is not None}


def test_byte_level_tokens_in_gguf(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    metadata = byte_level_gguf(source) | {"tokenizer.chat_template": CHATML}
    write_gguf_tokenizer(metadata, target)
    theirs, ours = (HFVocabulary(str(folder / "tokenizer.json")) for folder in (target, source))
    for text in random_texts():
        assert theirs.encode(f"{text}<|im_end|>{text}") == ours.encode(f"{text}<|im_end|>{text}")
    assert theirs.eos_ids == (2, 0)
    assert theirs.prefix_ids == ()
    assert theirs.chat_template.sources == {"default": CHATML}
    metadata["tokenizer.ggml.add_bos_token"] = True
    write_gguf_tokenizer(metadata, target)
    assert HFVocabulary(str(target / "tokenizer.json")).prefix_ids == (1,)
    metadata["tokenizer.ggml.add_eos_token"] = True
    write_gguf_tokenizer(metadata, target)
    assert HFVocabulary(str(target / "tokenizer.json")).suffix_ids == (2,)
    metadata["tokenizer.ggml.eos_token_id"] = len(metadata["tokenizer.ggml.tokens"])
    with pytest.raises(ValueError, match=r"ggml\.eos_token_id is \d+, and there are \d+ tokens"):
        write_gguf_tokenizer(metadata, target)


def test_ways_of_splitting(tmp_path):
    def pieces(pre, text):
        write_gguf_tokenizer(byte_level_gguf(tmp_path, pre=pre), tmp_path)
        return HFVocabulary(
            str(tmp_path / "tokenizer.json")
        )._tokenizer.pre_tokenizer.pre_tokenize_str(text)

    def texts(pre, text):
        return [piece for piece, _ in pieces(pre, text)]

    text = "it's 1234\n\n x"
    assert texts("gpt-2", text) == ["it", "'s", "Ġ1234", "ĊĊ", "Ġx"]
    assert texts("smollm", text) == ["it", "'s", "Ġ", "1", "2", "3", "4", "ĊĊ", "Ġx"]
    assert texts("llama-bpe", text) == ["it", "'s", "Ġ", "123", "4", "ĊĊ", "Ġx"]
    assert texts("qwen2", text) == ["it", "'s", "Ġ", "1", "2", "3", "4", "ĊĊ", "Ġx"]


def test_named_templates_in_gguf(tmp_path):
    metadata = byte_level_gguf(tmp_path) | {
        "tokenizer.chat_template": "a",
        "tokenizer.chat_templates": ["tool_use"],
        "tokenizer.chat_template.tool_use": "b",
    }
    config = json.loads(gguf_tokenizer_files(metadata)["tokenizer_config.json"])
    assert config["chat_template"] == [
        {"name": "default", "template": "a"},
        {"name": "tool_use", "template": "b"},
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "t5"}, r"model is 't5'; t5lite reads 'gpt2'.*'llama'"),
        ({"model": None}, r"has no tokenizer\.ggml\.model"),
        ({"pre": "viking"}, r"pre is 'viking'; t5lite knows gpt-2.*smollm"),
        ({"merges": None}, r"has no tokenizer\.ggml\.merges"),
    ],
)
def test_gguf_tokenizers_that_are_not_known(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        tokenizer_json_from_gguf(byte_level_gguf(tmp_path, **changes))


@pytest.mark.parametrize("class_name", ["T5Tokenizer", "ByT5Tokenizer", "PreTrainedTokenizerFast"])
@pytest.mark.parametrize("has_pieces", [True, False])
def test_added_tokens_of_another_type_are_refused(tmp_path, class_name, has_pieces):
    path = sentencepiece_model(tmp_path / "spiece.model")
    record = from_pieces(read_piece_model(path.read_bytes(), source=str(path)), suffix=["</s>"])
    write_json(tmp_path / "tokenizer_config.json", {"tokenizer_class": class_name})
    if not has_pieces:
        path.unlink()
    token = record["added_tokens"][0]
    for field, value in [("content", [1]), ("content", None), ("id", "1"), ("id", -1)]:
        record["added_tokens"][0] = {**token, field: value}
        write_json(tmp_path / "tokenizer.json", record)
        found = rf"tokenizer\.json: added_tokens: {field} must be .*{re.escape(repr(value))}"
        with pytest.raises(ValueError, match=found):
            read_vocabulary(tmp_path, scratch=tmp_path)
