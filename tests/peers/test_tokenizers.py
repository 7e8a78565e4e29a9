"""Our ids, texts and rendered conversations are those of transformers' AutoTokenizer."""

import json
import random
import shutil

import pytest

from t5lite.convert.gguf_tokenizer import write_gguf_tokenizer
from t5lite.convert.hf.tokenizer import carried_files, read_vocabulary, written_files
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.data.vocabularies.hf_vocabulary import HFVocabulary
from t5lite.data.vocabularies.sentencepiece_vocabulary import SentencePieceVocabulary
from tests.conftest import REPOSITORY, shared_path
from tests.data.tokenizer_folders import (
    CHATML,
    CONVERSATIONS,
    TEMPLATES,
    chat_folder,
    write_json,
)

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.peers

TRICKY = [
    "",
    " ",
    "\n\n",
    "  two  spaces \t and\r\n lines ",
    "naïve café, 東京 🙂 \u200b ﬁ ½ ㎏",
    "it's 12345.67 <b>bold</b> you'll",
    "one<|endoftext|>two <|endoftext|>",
    "Thank you <extra_id_0> me to your party <extra_id_1> week.",
]


def texts():
    rng = random.Random(0)
    ranges = [(0x20, 0x7F), (0xA0, 0x17F), (0x4E00, 0x4F00), (0x1F600, 0x1F640), (0x09, 0x0E)]
    noise = [
        "".join(chr(rng.randrange(*rng.choice(ranges))) for _ in range(rng.randrange(40)))
        for _ in range(100)
    ]
    real = (REPOSITORY / "docs" / "architecture.md").read_text()
    return [*TRICKY, *noise, real, *real.splitlines()]


def auto(folder):
    return transformers.AutoTokenizer.from_pretrained(folder)


def assert_same(ours, theirs, examples=None):
    examples = texts() if examples is None else examples
    rng = random.Random(1)
    for text in examples:
        ids = theirs(text, add_special_tokens=False).input_ids
        assert ours.encode(text) == ids, text
        if ours.eos_id not in ids:
            assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=True)
    for _ in range(20):
        ids = [rng.randrange(ours.vocab_size) for _ in range(20)]
        ids = [i for i in ids if i != ours.eos_id]
        assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=True)
    assert [*ours.prefix_ids, *ours.encode("a b")] == [
        i for i in theirs("a b").input_ids if i != ours.eos_id or i in ours.prefix_ids
    ]
    assert (ours.eos_id, ours.bos_id) == (theirs.eos_token_id, theirs.bos_token_id)


def gpt2_folder(folder):
    shutil.copy(shared_path("weights", "tokenizers", "gpt2_tokenizer.json"), folder)
    (folder / "gpt2_tokenizer.json").rename(folder / "tokenizer.json")
    write_json(
        folder / "config.json", {"model_type": "gpt2", "eos_token_id": 50256, "bos_token_id": 50256}
    )
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "GPT2Tokenizer"})
    return folder


def test_gpt2(tmp_path):
    gpt2_folder(tmp_path)
    assert_same(read_vocabulary(tmp_path, scratch=tmp_path), auto(tmp_path))


def test_gpt_neox(tmp_path):
    shutil.copy(
        shared_path("data", "vocab", "gpt_neox_20B_tokenizer.json"), tmp_path / "tokenizer.json"
    )
    write_json(
        tmp_path / "config.json", {"model_type": "gpt_neox", "eos_token_id": 0, "bos_token_id": 0}
    )
    write_json(
        tmp_path / "tokenizer_config.json",
        {
            "tokenizer_class": "GPTNeoXTokenizer",
            "eos_token": "<|endoftext|>",
            "bos_token": "<|endoftext|>",
        },
    )
    assert_same(read_vocabulary(tmp_path, scratch=tmp_path), auto(tmp_path))


def test_opt_whose_folder_has_no_tokenizer_json(tmp_path):
    folder, scratch = tmp_path / "opt", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    shutil.copy(shared_path("data", "vocab", "opt_gpt2_vocab.json"), folder / "vocab.json")
    shutil.copy(shared_path("data", "vocab", "opt_gpt2_merges.txt"), folder / "merges.txt")
    write_json(
        folder / "config.json",
        {"model_type": "opt", "eos_token_id": 2, "bos_token_id": 2, "pad_token_id": 1},
    )
    token = {
        "__type": "AddedToken",
        "lstrip": False,
        "normalized": True,
        "rstrip": False,
        "single_word": False,
    }
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "GPT2Tokenizer",
            "add_bos_token": True,
            "add_prefix_space": False,
            "bos_token": token | {"content": "</s>"},
            "eos_token": token | {"content": "</s>"},
            "unk_token": token | {"content": "</s>"},
            "pad_token": token | {"content": "<pad>"},
        },
    )
    write_json(
        folder / "special_tokens_map.json",
        {"bos_token": "</s>", "eos_token": "</s>", "unk_token": "</s>", "pad_token": "<pad>"},
    )
    ours = read_vocabulary(folder, scratch=scratch)
    assert ours.prefix_ids == (2,)
    assert_same(ours, auto(folder), [*texts(), "a</s>b <pad> "])


def test_t5_as_tokenizer_json(tmp_path):
    shutil.copy(shared_path("data", "vocab", "t5_tokenizer.json"), tmp_path / "tokenizer.json")
    write_json(tmp_path / "config.json", {"model_type": "t5", "eos_token_id": 1, "pad_token_id": 0})
    write_json(
        tmp_path / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": "</s>",
            "unk_token": "<unk>",
            "pad_token": "<pad>",
        },
    )
    ours = read_vocabulary(tmp_path, scratch=tmp_path)
    assert isinstance(ours, HFVocabulary)
    assert_same(ours, auto(tmp_path))


@pytest.mark.parametrize("extra_ids", [0, 100])
def test_t5_sentencepiece_written_for_transformers(tmp_path, extra_ids):
    path = str(shared_path("data", "vocab", "t5_spiece.model"))
    ours = SentencePieceVocabulary(path, extra_ids)
    theirs = auto(write(tmp_path, ours, {"model_type": "t5"}))
    assert_same_encoding(ours, theirs)
    assert theirs("a b").input_ids == [*ours.encode("a b"), 1]
    assert len(theirs) == ours.vocab_size
    assert (theirs.pad_token_id, theirs.eos_token_id, theirs.unk_token_id) == (0, 1, 2)
    if extra_ids:
        assert theirs.convert_tokens_to_ids("<extra_id_0>") == 32099
    assert read_vocabulary(tmp_path, scratch=tmp_path).encode("a b") == ours.encode("a b")


def write(folder, vocabulary, config):
    write_json(folder / "config.json", config)
    for name, content in written_files(vocabulary).items():
        (folder / name).write_bytes(content)
    return folder


def assert_same_encoding(ours, theirs, examples=None):
    for text in texts() if examples is None else examples:
        # transformers recognises special tokens and sentinels anywhere, SentencePiece does not.
        if "<|endoftext|>" in text or "</s>" in text:
            continue
        ids = ours.encode(text)
        assert theirs(text, add_special_tokens=False).input_ids == ids, text
        if ours.unk_id not in ids:
            assert theirs.decode(ids) == ours.decode(ids)


def test_llama_sentencepiece_written_for_transformers(tmp_path):
    ours = SentencePieceVocabulary(str(shared_path("weights", "stories260k", "tok512.model")), 0)
    theirs = auto(write(tmp_path, ours, {"model_type": "llama"}))
    assert_same_encoding(ours, theirs)
    assert theirs("a b").input_ids == [1, *ours.encode("a b")]
    assert (theirs.bos_token_id, theirs.eos_token_id, theirs.pad_token_id) == (1, 2, None)
    assert read_vocabulary(tmp_path, scratch=tmp_path).prefix_ids == (1,)


def test_a_vocabulary_of_our_own_written_for_transformers(tmp_path, trained_model):
    ours = SentencePieceVocabulary(str(trained_model), 10)
    theirs = auto(write(tmp_path, ours, {"model_type": "t5"}))
    assert_same_encoding(ours, theirs)
    assert theirs("a b").input_ids == [*ours.encode("a b"), 1]


@pytest.fixture(scope="module")
def trained_model(tmp_path_factory):
    """As `t5lite vocabulary` makes them."""
    import io

    import sentencepiece

    path = tmp_path_factory.mktemp("vocabulary") / "own.model"
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the cat sat on the mat", "a dog and a cat", "two and two"] * 9),
        model_writer=model,
        vocab_size=290,
        model_type="unigram",
        byte_fallback=True,
        split_digits=True,
        character_coverage=1.0,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        hard_vocab_limit=False,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    path.write_bytes(model.getvalue())
    return path


def test_bytes_written_for_transformers(tmp_path):
    ours = ByteVocabulary(5)
    theirs = auto(write(tmp_path, ours, {"model_type": "t5"}))
    for text in texts():
        if "<" not in text:
            assert theirs(text, add_special_tokens=False).input_ids == ours.encode(text)
    assert len(theirs) == ours.vocab_size
    assert read_vocabulary(tmp_path, scratch=tmp_path) == ours


def test_tokenizer_json_written_for_transformers(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    ours = HFVocabulary(str(chat_folder(source) / "tokenizer.json"))
    theirs = auto(write(target, ours, {"model_type": "llama"}))
    assert_same(ours, theirs)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (target / name).read_bytes() == (source / name).read_bytes()
    assert theirs.chat_template == CHATML
    assert {*carried_files(source)} == {"tokenizer.json", "tokenizer_config.json"}


def test_tokens_that_only_the_settings_name_are_added(tmp_path):
    size = HFVocabulary(str(chat_folder(tmp_path) / "tokenizer.json")).vocab_size
    chat_folder(
        tmp_path,
        pad_token="<pad>",
        extra_special_tokens=["<tool>", "<|im_end|>"],
        added_tokens_decoder={"400": {"content": "<think>", "special": False, "normalized": False}},
    )
    ours, theirs = HFVocabulary(str(tmp_path / "tokenizer.json")), auto(tmp_path)
    assert_same(ours, theirs, [*texts(), "<think>a</think> <pad><tool>b <tools>"])
    assert ours.vocab_size == len(theirs) == size + 3
    assert ours.pad_id == theirs.pad_token_id


def test_tokens_of_older_folders_are_added(tmp_path):
    chat_folder(tmp_path, pad_token=None)
    write_json(tmp_path / "special_tokens_map.json", {"pad_token": {"content": "<pad>"}})
    write_json(tmp_path / "added_tokens.json", {"<b>": 401, "<pad>": 400})
    ours, theirs = HFVocabulary(str(tmp_path / "tokenizer.json")), auto(tmp_path)
    assert_same(ours, theirs, [*texts(), "<pad> <b>x</b>"])
    assert ours.pad_id == theirs.pad_token_id
    assert ours.decode([ours.pad_id], skip_special_tokens=False) == "<pad>"


@pytest.mark.parametrize("cleans_up", [True, False])
def test_cleaning_up_spaces(tmp_path, cleans_up):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    words = ["[UNK]", "</s>", "do", "n't", "it", "'s", ",", ".", "a"]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=False)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    write_json(
        tmp_path / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": "</s>",
            "unk_token": "[UNK]",
            "clean_up_tokenization_spaces": cleans_up,
        },
    )
    write_json(tmp_path / "config.json", {"model_type": "llama"})
    ours, theirs = HFVocabulary(str(tmp_path / "tokenizer.json")), auto(tmp_path)
    ids = ours.encode("do n't , it 's a . zz")
    assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=True)
    assert (" ," in ours.decode(ids)) is not cleans_up


@pytest.mark.parametrize("conversation", CONVERSATIONS)
@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("add_generation_prompt", [True, False])
def test_conversations(tmp_path, name, conversation, add_generation_prompt):
    chat_folder(tmp_path, template=TEMPLATES[name])
    ours, theirs = HFVocabulary(str(tmp_path / "tokenizer.json")), auto(tmp_path)
    text = ours.chat_template.render(conversation, add_generation_prompt=add_generation_prompt)
    options = {"add_generation_prompt": add_generation_prompt}
    assert text == theirs.apply_chat_template(conversation, tokenize=False, **options)
    ids = theirs.apply_chat_template(conversation, return_dict=False, **options)
    assert ours.encode(text) == ids


def test_named_templates(tmp_path):
    chat_folder(tmp_path)
    (tmp_path / "chat_template.jinja").write_text("plain {{ messages | length }}")
    (tmp_path / "additional_chat_templates").mkdir()
    (tmp_path / "additional_chat_templates" / "tool_use.jinja").write_text(TEMPLATES["everything"])
    ours, theirs = HFVocabulary(str(tmp_path / "tokenizer.json")), auto(tmp_path)
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    for given in (None, tools):
        text = ours.chat_template.render(CONVERSATIONS[0], tools=given)
        assert text == theirs.apply_chat_template(
            CONVERSATIONS[0], tools=given, tokenize=False, add_generation_prompt=True
        )
    assert text.startswith("0:USER")


def test_gguf_says_what_tokenizer_json_says(tmp_path):
    theirs = auto(gpt2_folder(tmp_path))
    record = json.loads((tmp_path / "tokenizer.json").read_text())["model"]
    tokens = sorted(record["vocab"], key=record["vocab"].get)
    metadata = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3 if t == "<|endoftext|>" else 1 for t in tokens],
        "tokenizer.ggml.merges": record["merges"],
        "tokenizer.ggml.bos_token_id": 50256,
        "tokenizer.ggml.eos_token_id": 50256,
    }
    folder = tmp_path / "gguf"
    folder.mkdir()
    write_gguf_tokenizer(metadata, folder)
    assert_same(HFVocabulary(str(folder / "tokenizer.json")), theirs)
