"""Tokenizers of exported language models open a prompt with what their model was trained on."""

import json

import pytest
import tokenizers
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing

from t5lite.convert.hf.prompt_prefix import with_prefix

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
@pytest.mark.parametrize("prefix", [(0,), (1, 0), ()])
def test_prompts_open_with_the_prefix_and_stay_open(template, prefix):
    files = make_files(template)
    changed = with_prefix(files, prefix)
    assert encode(changed, "a b") == [*prefix, 3, 4]
    if encode(files, "a b") == [*prefix, 3, 4]:
        assert changed == files
    else:
        # Other classes would put their own tokens there again.
        config = json.loads(changed["tokenizer_config.json"])
        assert config["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert changed["spiece.model"] == b"pieces"


def test_bytes_have_no_such_file(caplog):
    files = {"tokenizer_config.json": b"{}"}
    assert with_prefix(files, (0,)) == files
    assert "the end token after a text, and not (0,) before it" in caplog.text
