"""tokenizer.json with what the files beside it say; peers/test_tokenizers.py compares ids."""

import json
import pickle
import shutil

import pytest

from t5lite.data.vocabularies.hf_vocabulary import HFVocabulary, tokenizer_files
from t5lite.data.vocabularies.load import parse_vocabulary, vocabulary_from_spec
from tests.conftest import shared_path
from tests.data.tokenizer_folders import CHATML, byte_level, chat_folder, write_json

TEXT = "the cat, naïve 東京 🙂\n  sat"


@pytest.fixture
def folder(tmp_path):
    return chat_folder(tmp_path)


def load(folder):
    return HFVocabulary(str(folder / "tokenizer.json"))


def test_text_comes_back(folder):
    vocabulary = load(folder)
    ids = vocabulary.encode(TEXT)
    assert len(ids) < len(TEXT.encode())
    assert vocabulary.decode(ids) == TEXT
    assert vocabulary.decode([*ids, vocabulary.eos_id, *ids]) == TEXT
    # Ids without a token have no text: an embedding may have rows to spare.
    assert vocabulary.decode([-1, *ids, vocabulary.vocab_size, 10**6]) == TEXT
    assert vocabulary.vocab_size > max(ids)


def test_special_tokens(folder):
    vocabulary = load(folder)
    assert vocabulary.encode("<|im_start|>a") == [1, *vocabulary.encode("a")]
    ids = [1, *vocabulary.encode("a"), 0]
    assert vocabulary.decode(ids) == "a"
    assert vocabulary.decode(ids, skip_special_tokens=False) == "<|im_start|>a<|endoftext|>"
    assert (vocabulary.bos_id, vocabulary.eos_id, vocabulary.pad_id) == (1, 2, 2)
    # The tokenizer's own end first, then the model's.
    assert vocabulary.eos_ids == (2, 0)
    assert vocabulary.prefix_ids == ()
    # Its unknown is the model's end, and so no sign of anything unknown.
    assert vocabulary.unk_id is None
    chat_folder(folder, unk_token="<|im_start|>")
    assert load(folder).unk_id == 1


def test_what_the_post_processor_puts_first(folder):
    record = json.loads((folder / "tokenizer.json").read_text())
    special = {"id": "<|im_start|>", "type_id": 0}
    record["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": special}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {"<|im_start|>": {"id": "<|im_start|>", "ids": [1], "tokens": ["x"]}},
    }
    write_json(folder / "tokenizer.json", record)
    vocabulary = load(folder)
    assert vocabulary.prefix_ids == (1,)
    assert vocabulary.encode("a") == load(chat_folder(folder)).encode("a")


def test_ids_of_the_model_where_the_tokenizer_names_none(folder):
    (folder / "tokenizer_config.json").unlink()
    (folder / "generation_config.json").unlink()
    write_json(folder / "config.json", {"eos_token_id": 2, "bos_token_id": 1, "vocab_size": 300})
    vocabulary = load(folder)
    assert (vocabulary.bos_id, vocabulary.eos_ids, vocabulary.pad_id) == (1, (2,), 0)
    assert vocabulary.unk_id is None
    assert vocabulary.special_tokens["eos_token"] == "<|im_end|>"
    # config.json is the model's; what it said goes along.
    assert json.loads(tokenizer_files(vocabulary.path)["generation_config.json"]) == {
        "bos_token_id": [1],
        "eos_token_id": [2],
    }


def test_the_end_where_nothing_names_one(folder):
    for name in ("tokenizer_config.json", "generation_config.json"):
        (folder / name).unlink()
    assert load(folder).eos_id == 0
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["added_tokens"] = []
    write_json(folder / "tokenizer.json", tokenizer)
    with pytest.raises(ValueError, match=r"(?s)which token of .*ends a sequence.*eos_token"):
        load(folder)


def test_truncation_and_padding_of_the_file_are_left_out(folder):
    tokenizer = byte_level(["the cat"])
    tokenizer.enable_truncation(3)
    tokenizer.enable_padding(length=50)
    tokenizer.save(str(folder / "tokenizer.json"))
    vocabulary = load(folder)
    assert vocabulary.decode(vocabulary.encode(TEXT)) == TEXT
    assert vocabulary.encode("") == []


def test_chat_template(folder):
    vocabulary = load(folder)
    text = vocabulary.chat_template.render([{"role": "user", "content": "the cat"}])
    assert text.endswith("<|im_start|>user\nthe cat<|im_end|>\n<|im_start|>assistant\n")
    ids = vocabulary.encode(text)
    assert [ids.count(i) for i in (0, 1, 2)] == [0, 3, 2]
    chat_folder(folder, template="{{ bos_token }}{{ pad_token }}")
    assert load(folder).chat_template.render([{"role": "user"}]) == "<|im_start|><|im_end|>"
    (folder / "chat_template.jinja").write_text("from its file")
    assert load(folder).chat_template.render([{"role": "user"}]) == "from its file"
    chat_folder(folder, template=None)
    (folder / "chat_template.jinja").unlink()
    assert load(folder).chat_template is None


def test_specs_and_pickles(folder, tmp_path):
    vocabulary = load(folder)
    spec = vocabulary.spec()
    assert json.loads(json.dumps(spec)) == spec
    rebuilt = vocabulary_from_spec(spec)
    assert rebuilt == vocabulary == pickle.loads(pickle.dumps(vocabulary))
    assert hash(rebuilt) == hash(vocabulary)
    assert rebuilt.encode(TEXT) == vocabulary.encode(TEXT)
    with pytest.raises(ValueError, match="not the one this was made with"):
        vocabulary_from_spec({**spec, "sha256": "0" * 64})


def test_names_of_vocabularies(folder, monkeypatch):
    assert parse_vocabulary(str(folder)) == parse_vocabulary(str(folder / "tokenizer.json"))
    monkeypatch.chdir(folder)
    assert parse_vocabulary("tokenizer.json").vocab_size == parse_vocabulary(".").vocab_size
    with pytest.raises(ValueError, match=r"gone\.json: No such file.*--vocabulary"):
        parse_vocabulary("gone.json")
    with pytest.raises(ValueError, match=r"Unknown vocabulary 'tokenizer\.json:5'"):
        parse_vocabulary("tokenizer.json:5")


def test_files_that_are_damaged(folder):
    (folder / "tokenizer_config.json").write_text("{")
    with pytest.raises(
        ValueError, match=r"tokenizer_config\.json, line 1, column \d+: malformed JSON"
    ):
        load(folder)
    (folder / "tokenizer.json").write_text('{"version": "1.0"}')
    with pytest.raises(ValueError, match=r"is not a tokenizer\.json of the `tokenizers` library"):
        load(folder)


def test_the_files_that_are_a_tokenizer(folder):
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "rag.jinja").write_text("r")
    (folder / "model.safetensors").write_text("large")
    files = tokenizer_files(folder / "tokenizer.json")
    assert set(files) == {
        "tokenizer.json",
        "tokenizer_config.json",
        "generation_config.json",
        "additional_chat_templates/rag.jinja",
    }
    assert all((folder / name).read_bytes() == content for name, content in files.items())
    assert json.loads(files["tokenizer_config.json"])["chat_template"] == CHATML


def test_gpt2s_own_ids(tmp_path):
    shutil.copy(shared_path("weights", "tokenizers", "gpt2_tokenizer.json"), tmp_path / "gpt2.json")
    vocabulary = parse_vocabulary(str(tmp_path / "gpt2.json"))
    assert vocabulary.encode("Hello world") == [15496, 995]
    assert vocabulary.encode(" Hello world<|endoftext|>") == [18435, 995, 50256]
    assert (vocabulary.vocab_size, vocabulary.eos_ids) == (50257, (50256,))
