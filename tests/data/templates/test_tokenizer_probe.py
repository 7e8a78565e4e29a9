"""A tokenizer.json that hangs or swells is refused when it is read; those of models are not."""

import json

import pytest

from t5lite.data.templates import process
from t5lite.data.templates.process import TemplateProcess
from t5lite.data.vocabularies.hf_vocabulary import HFVocabulary
from tests.data.tokenizer_folders import byte_level

GPT_4 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
GPT_4O = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
    r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def split(pattern):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def replace(pattern, content):
    pattern = {"String": pattern} if isinstance(pattern, str) else pattern
    return {"type": "Replace", "pattern": pattern, "content": content}


def normalizers(*parts):
    return {"normalizer": {"type": "Sequence", "normalizers": list(parts)}}


def decoders(*parts):
    return {"decoder": {"type": "Sequence", "decoders": list(parts)}}


@pytest.fixture(scope="module", autouse=True)
def short_deadline():
    """Tries with less patience than is usual."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "_shared", TemplateProcess(cpu_seconds=1, memory=2**28))
        yield
        process._shared.close()


def frame(*, pieces=1, ids=1, texts=1):
    """A post-processor that puts tokens before a text, and says how often the text stands there."""
    token = {"id": "s", "ids": [0] * ids, "tokens": ["s"] * ids}
    start = [{"SpecialToken": {"id": "s", "type_id": 0}}] * pieces
    return {
        "type": "TemplateProcessing",
        "single": [*start, *[{"Sequence": {"id": "A", "type_id": 0}}] * texts],
        "pair": [],
        "special_tokens": {"s": token},
    }


def read(folder, parts):
    path = folder / "tokenizer.json"
    record = json.loads(byte_level(["a b"]).to_str()) | parts
    path.write_text(json.dumps(record))
    return HFVocabulary(str(path))


@pytest.mark.parametrize(
    "parts",
    [
        {"pre_tokenizer": split("(a+)+$")},
        {"pre_tokenizer": split("(a|aa)+$")},
        {"pre_tokenizer": split("(x+x+)+y")},
        {"pre_tokenizer": split("(?:(?:ab)+c?)+$")},
        {"pre_tokenizer": split(r"(\w+\s?)*$")},
        normalizers(replace({"Regex": "(a+)+$"}, "x")),
        normalizers(*[replace("a", "aa")] * 14),
        normalizers(*[replace("a", "aa")] * 40),
        normalizers(replace("ab", "ab" * 1000)),
        normalizers(*[replace(x, y * 9) for x, y in ("qw", "we", "er")]),
        normalizers(replace({"Regex": "."}, "long" * 99)),
        normalizers(*[{"type": "Prepend", "prepend": "a" * 9999}] * 9),
        decoders(*[replace("a", "aa")] * 14),
        decoders(replace({"Regex": "(a+)+$"}, "x")),
        {"post_processor": frame(pieces=10_000)},
        {"post_processor": frame(pieces=9999, ids=9999)},
        {"post_processor": {"type": "Sequence", "processors": [frame(texts=2)] * 20}},
    ],
)
def test_what_hangs_or_swells_is_refused(parts, tmp_path):
    with pytest.raises(ValueError, match=r"tokenizer\.json is not safe to use: "):
        read(tmp_path, parts)


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"pre_tokenizer": split(GPT_4)},
        {"pre_tokenizer": split(GPT_4O)},
        normalizers({"type": "Prepend", "prepend": "▁"}, replace(" ", "▁")),
        normalizers({"type": "NFKC"}, replace({"Regex": " {2,}"}, " "), replace("``", '"')),
        {"post_processor": frame()},
        {"post_processor": frame(pieces=40)},
    ],
)
def test_what_models_bring_is_read(parts, tmp_path):
    vocabulary = read(tmp_path, parts)
    assert vocabulary.encode("a b")


def test_a_text_that_the_library_gives_up_on_is_an_error(tmp_path):
    vocabulary = read(tmp_path, {"pre_tokenizer": split(r"(?:\p{Thai}+x?)+$")})
    with pytest.raises(ValueError, match=r"tokenizer\.json fails on a text: .*retry-limit"):
        vocabulary.encode("\u0e01" * 60 + "!")
