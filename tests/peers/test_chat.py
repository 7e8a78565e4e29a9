"""Conversations of named templates: transformers reads them as we do, in exported folders."""

import json

import pytest

from t5lite.convert.hf.tokenizer import written_files
from t5lite.data.chat.chat_format import ChatFormat
from t5lite.data.chat.named_chat_templates import choose_template
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.data.vocabularies.hf_vocabulary import HFVocabulary
from t5lite.data.vocabularies.sentencepiece_vocabulary import SentencePieceVocabulary
from tests.conftest import shared_path
from tests.data.tokenizer_folders import byte_level, write_json

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.peers

TALK = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Hello,  what is é?\nTell me."},
    {"role": "assistant", "content": " A letter.\n"},
    {"role": "user", "content": "fine </s> <|endoftext|>"},
]


def vocabulary_named(name, folder):
    if name == "bytes":
        return ByteVocabulary(125)
    if name == "t5":
        return SentencePieceVocabulary(str(shared_path("data/vocab/t5_spiece.model")))
    if name == "llama":
        return SentencePieceVocabulary(str(shared_path("weights/stories260k/tok512.model")), 0)
    folder.mkdir()
    byte_level(["the cat sat on the mat"]).save(str(folder / "tokenizer.json"))
    write_json(folder / "tokenizer_config.json", {"eos_token": "<|endoftext|>"})
    return HFVocabulary(str(folder / "tokenizer.json"))


@pytest.mark.parametrize("choice", ["plain", "instruction", "chatml"])
@pytest.mark.parametrize("name", ["bytes", "t5", "llama", "tokenizer"])
def test_ids_of_conversations(name, choice, tmp_path):
    vocabulary = vocabulary_named(name, tmp_path / "own")
    if choice == "chatml" and name != "tokenizer":
        return  # They have no <|im_end|>, which tests/data/chat/test_chat_format.py sees refused.
    template = choose_template(choice, vocabulary)
    for file, content in written_files(vocabulary).items():
        (tmp_path / file).write_bytes(content)
    (tmp_path / "chat_template.jinja").write_text(template.sources["default"])
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    ours = ChatFormat(vocabulary, template)
    for end in (2, 4):
        said = json.loads(json.dumps(TALK[:end]))
        expected = theirs.apply_chat_template(said, add_generation_prompt=True)["input_ids"]
        assert ours.prompt(said).tokens == expected
