"""Tokenizers of exported models put around a text what their model was trained on."""

import json

import pytest
import tokenizers
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing

from t5lite.convert.hf.frame import with_frame
from t5lite.convert.hf.tokenizer import written_files
from t5lite.data.hf_vocabulary import HFVocabulary
from t5lite.data.vocabularies import ByteVocabulary

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


def test_an_id_without_a_token_is_told():
    with pytest.raises(ValueError, match=r"asked with the id 9 around each prompt"):
        with_frame(make_files(), (9,), suffix=())
