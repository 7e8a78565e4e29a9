"""Tokenizers of exported models put around a text what their model was trained on."""

import json
import pathlib

import pytest
import tokenizers
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing

from t5lite.convert.frame import with_frame_of
from t5lite.convert.hf.frame import with_frame
from t5lite.convert.hf.tokenizer import written_files
from t5lite.convert.source import Source
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.data.vocabularies.hf_vocabulary import HFVocabulary
from tests.models.tiny import encoder_decoder, family

VOCAB = {"<pad>": 0, "</s>": 1, "<unk>": 2, "a": 3, "b": 4}


def make_files(template=None):
    tokenizer = tokenizers.Tokenizer(WordLevel(VOCAB, unk_token="<unk>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.add_special_tokens(["<pad>", "</s>"])
    if template:
        special = [(token, VOCAB[token]) for token in ("<pad>", "</s>")]
        tokenizer.post_processor = TemplateProcessing(single=template, special_tokens=special)
    return {
        "tokenizer.json": tokenizer.to_str().encode(),
        "tokenizer_config.json": json.dumps({"tokenizer_class": "T5Tokenizer"}).encode(),
        "spiece.model": b"pieces",
    }


def encode(files, text):
    return tokenizers.Tokenizer.from_buffer(files["tokenizer.json"]).encode(text).ids


@pytest.mark.parametrize("template", [None, "$A </s>", "</s> $A"])
@pytest.mark.parametrize("prefix", [(0,), (1, 0), (0, 0), ()])
@pytest.mark.parametrize("suffix", [(), (1,), (1, 0)])
def test_a_text_gets_its_frame_and_nothing_else(template, prefix, suffix):
    files = make_files(template)
    changed = with_frame(files, prefix, suffix=suffix)
    assert encode(changed, "a b") == [*prefix, 3, 4, *suffix]
    if encode(files, "a b") == [*prefix, 3, 4, *suffix]:
        assert changed == files
    else:
        # Other classes would put their own tokens there again.
        config = json.loads(changed["tokenizer_config.json"])
        assert config["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert changed["spiece.model"] == b"pieces"


@pytest.mark.parametrize("frame", [((), (1,)), ((0,), ()), ((2, 2), (1, 1)), ((), ())])
def test_bytes_get_theirs_in_a_file_of_their_own(tmp_path, frame):
    vocabulary = ByteVocabulary(4)
    files = with_frame(written_files(vocabulary), frame[0], suffix=frame[1])
    if frame == ((), (1,)):
        # What ByT5's class does by itself.
        assert files == written_files(vocabulary)
        return
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    read = HFVocabulary(str(tmp_path / "tokenizer.json"))
    assert (read.prefix_ids, read.suffix_ids) == frame
    for text in ("a b", "é 東\n", "</s> <extra_id_0> <pad>", ""):
        assert read.encode(text) == vocabulary.encode(text)
        assert read.decode(read.encode(text)) == text
    assert (read.vocab_size, read.eos_id, read.pad_id) == (263, 1, 0)


def test_an_id_without_a_token_is_reported():
    with pytest.raises(ValueError, match=r"asked with the id 9 around each prompt"):
        with_frame(make_files(), (9,), suffix=())


def source(config, **fields):
    path = pathlib.Path("somewhere")
    return Source(format="hf", path=path, config=config, arrays={}, **fields)


DECODER, PAIR = family("llama", d_model=24, vocab_size=300), encoder_decoder(vocab_size=300)


@pytest.mark.parametrize(
    ("config", "is_own", "frame"),
    [
        # A tokenizer that ends a text ends a decoder's too; bytes that were merely given do not.
        (DECODER, True, ((), (1,))),
        (DECODER, False, ((), ())),
        (PAIR, True, ((), (1,))),
        (PAIR, False, ((), (1,))),
    ],
)
def test_bytes_around_a_prompt(config, is_own, frame):
    found = with_frame_of(source(config), ByteVocabulary(), is_own=is_own)
    assert (found.prompt_prefix, found.prompt_suffix) == frame


def test_what_a_format_says_itself_counts():
    said = source(DECODER, prompt_prefix=(7,), prompt_suffix=())
    assert with_frame_of(said, ByteVocabulary(), is_own=True) == said


def test_ids_beyond_the_embedding_are_refused(tmp_path):
    for name, content in make_files("</s> $A").items():
        (tmp_path / name).write_bytes(content)
    record = json.loads((tmp_path / "tokenizer.json").read_text())
    record["post_processor"]["special_tokens"]["</s>"]["ids"] = [301]
    (tmp_path / "tokenizer.json").write_text(json.dumps(record))
    vocabulary = HFVocabulary(str(tmp_path / "tokenizer.json"))
    message = r"tokenizer of somewhere puts the id 301 .* has 300 rows(.|\n)*post_processor"
    with pytest.raises(ValueError, match=message):
        with_frame_of(source(DECODER), vocabulary, is_own=True)
