"""Folders of every class of tokenizer and many settings: transformers' ids, and ours.

What a folder says is drawn at random: which tokens are added, with which flags and in which of the
files that may name them, what stands around a text, spaces before it, sentinels.
"""

import io
import json
import random
import shutil

import pytest
import sentencepiece

from t5lite.convert.hf.tokenizer import read_vocabulary, written_files
from tests.conftest import shared_path
from tests.data.tokenizer_folders import byte_level

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.peers

ADDED = ["<sep>", "<|im_start|>", "<|im_end|>", "<b>", "the", "[INST]", "é>"]
WORDS = [
    "the",
    "cat",
    "sat",
    "on",
    "mat",
    "a",
    "dog",
    "two",
    "ca",
    "naïve",
    "東京",
    "12",
    "'s",
    ".",
]


@pytest.fixture(scope="module")
def llama_model(tmp_path_factory):
    """A small model of LLaMA's kind."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the cat sat on the mat", "a dog and a cat", "two and two"] * 9),
        model_writer=model,
        vocab_size=300,
        model_type="bpe",
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        hard_vocab_limit=False,
        user_defined_symbols=["<u>"],
        minloglevel=2,
    )
    path = tmp_path_factory.mktemp("llama") / "tokenizer.model"
    path.write_bytes(model.getvalue())
    return path


def draw_token(rng, content):
    flags = ("lstrip", "rstrip", "single_word", "normalized", "special")
    return {"content": content} | {flag: rng.random() < 0.3 for flag in flags}


def draw_additions(rng, first_id, roles):
    """Added tokens, in the one or the other form in which folders name them."""
    chosen = rng.sample(ADDED, rng.randrange(1, len(ADDED)))
    settings, files = {}, {}
    if rng.random() < 0.5:
        settings["added_tokens_decoder"] = {
            str(first_id + place): draw_token(rng, token) for place, token in enumerate(chosen)
        }
    else:
        files["added_tokens.json"] = {token: first_id + i for i, token in enumerate(chosen)}
        if rng.random() < 0.5:
            files["special_tokens_map.json"] = {
                role: draw_token(rng, token) if rng.random() < 0.5 else token
                for role, token in roles.items()
            }
    if rng.random() < 0.3:
        settings["extra_special_tokens"] = ["<extra>", chosen[0]]
    if rng.random() < 0.2:
        settings["image_token"] = "<image>"
    for flag in ("add_bos_token", "add_eos_token", "legacy", "add_prefix_space"):
        if rng.random() < 0.6:
            settings[flag] = rng.random() < 0.5
    if rng.random() < 0.7:
        settings |= roles
    return settings, files


def draw_text(rng, tokens):
    parts = []
    for _ in range(rng.randrange(1, 9)):
        parts.append(rng.choice(tokens if rng.random() < 0.4 else WORDS))
        parts.append(rng.choice(["", " ", " ", "  ", "\n"]))
    return rng.choice(["", "", " "]) + "".join(parts)


def assert_same_ids(folder, rng, tokens, *, count=60):
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    scratch = folder.parent / "scratch"
    scratch.mkdir()
    ours = read_vocabulary(folder, scratch=scratch)
    for text in [draw_text(rng, tokens) for _ in range(count)]:
        expected = theirs(text, add_special_tokens=False).input_ids
        assert ours.encode(text) == expected, (text, sorted(folder.iterdir()))
    around = theirs("cat").input_ids
    plain = theirs("cat", add_special_tokens=False).input_ids
    assert [*ours.prefix_ids, *plain, *ours.suffix_ids] == around
    assert ours.vocab_size == len(theirs)
    # The folder that is written of it is transformers' too.
    written = folder.parent / "written"
    written.mkdir()
    shutil.copy(folder / "config.json", written)
    for name, content in written_files(ours).items():
        (written / name).write_bytes(content)
    again = transformers.AutoTokenizer.from_pretrained(written)
    for text in [draw_text(rng, tokens) for _ in range(10)]:
        assert again(text).input_ids == theirs(text).input_ids


def write(folder, **files):
    for name, record in files.items():
        (folder / name).write_text(json.dumps(record))


@pytest.mark.parametrize("seed", range(6))
def test_llama(tmp_path, llama_model, seed):
    rng = random.Random(seed)
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(llama_model, folder)
    size = sentencepiece.SentencePieceProcessor(model_file=str(llama_model)).GetPieceSize()
    roles = {"bos_token": "<s>", "eos_token": rng.choice(["</s>", "<|im_end|>"])}
    settings, files = draw_additions(rng, size, roles)
    settings["tokenizer_class"] = rng.choice(["LlamaTokenizer", "LlamaTokenizerFast"])
    write(
        folder,
        **{"config.json": {"model_type": "llama"}, "tokenizer_config.json": settings},
        **files,
    )
    assert_same_ids(folder, rng, [*ADDED, "<s>", "</s>", "<extra>", "<image>", "<unk>", "<u>"])


TEMPLATES = {
    "nothing": None,
    "opens": ("<s> $A", "<s> $A <s> $B"),
    "closes": ("$A </s>", "$A </s> $B </s>"),
    "both": ("<s> $A </s>", "<s> $A </s> <s> $B </s>"),
    "twice": ("<s> <s> $A </s>", "<s> <s> $A </s> $B"),
}
CLASSES = ("LlamaTokenizer", "LlamaTokenizerFast", "GPT2Tokenizer", "GPTNeoXTokenizer")


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("class_name", [*CLASSES, "PreTrainedTokenizerFast"])
def test_tokenizer_json_with_a_class(tmp_path, llama_model, class_name, template):
    from tokenizers import Tokenizer, processors

    rng = random.Random(class_name + template)
    plain, folder = tmp_path / "plain", tmp_path / "folder"
    plain.mkdir()
    folder.mkdir()
    roles = {"bos_token": "<s>", "eos_token": "</s>"}
    if "Llama" in class_name or class_name.startswith("Pre"):
        shutil.copy(llama_model, plain)
        write(plain, **{"tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer"}})
    else:
        words = [*roles.values(), "the cat sat on the mat"]
        tokenizer = byte_level(words, vocab_size=290)
        tokenizer.add_special_tokens(list(roles.values()))
        tokenizer.save(str(plain / "tokenizer.json"))
        write(plain, **{"tokenizer_config.json": roles})
    scratch = tmp_path / "made"
    scratch.mkdir()
    path = read_vocabulary(plain, scratch=scratch).path
    tokenizer = Tokenizer.from_file(path)
    size = tokenizer.get_vocab_size()
    if TEMPLATES[template]:
        single, pair = TEMPLATES[template]
        special = [(token, tokenizer.token_to_id(token)) for token in roles.values()]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=single, pair=pair, special_tokens=special
        )
    tokenizer.save(str(folder / "tokenizer.json"))
    settings, files = draw_additions(rng, size, roles)
    settings["tokenizer_class"] = class_name
    if "added_tokens_decoder" in settings:
        # As saved: with the tokens that tokenizer.json adds.
        for token in json.loads((folder / "tokenizer.json").read_text())["added_tokens"]:
            settings["added_tokens_decoder"].setdefault(str(token.pop("id")), token)
    if "NeoX" in class_name:
        roles["pad_token"] = "</s>"
    model_type = "gpt_neox" if "NeoX" in class_name else "llama"
    write(
        folder,
        **{"config.json": {"model_type": model_type}, "tokenizer_config.json": settings | roles},
        **files,
    )
    assert_same_ids(folder, rng, [*ADDED, "<s>", "</s>", "<extra>"])


@pytest.mark.parametrize("seed", range(4))
def test_t5(tmp_path, seed):
    rng = random.Random(seed)
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(shared_path("data", "vocab", "t5_spiece.model"), folder / "spiece.model")
    extra_ids = rng.choice([100, 100, 0, 7])
    settings, files = draw_additions(rng, 32000 + extra_ids, {"eos_token": "</s>"})
    settings |= {"tokenizer_class": "T5Tokenizer", "extra_ids": extra_ids}
    write(
        folder, **{"config.json": {"model_type": "t5"}, "tokenizer_config.json": settings}, **files
    )
    assert_same_ids(folder, rng, [*ADDED, "</s>", "<pad>", "<extra_id_0>", "<extra_id_3>"])


@pytest.mark.parametrize("seed", range(4))
def test_gpt2(tmp_path, seed):
    rng = random.Random(seed)
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(shared_path("data", "vocab", "opt_gpt2_vocab.json"), folder / "vocab.json")
    shutil.copy(shared_path("data", "vocab", "opt_gpt2_merges.txt"), folder / "merges.txt")
    roles = dict.fromkeys(("bos_token", "eos_token", "unk_token"), "</s>")
    settings, files = draw_additions(rng, 50265, roles)
    settings |= {"tokenizer_class": "GPT2Tokenizer", **roles}
    write(
        folder, **{"config.json": {"model_type": "opt"}, "tokenizer_config.json": settings}, **files
    )
    assert_same_ids(folder, rng, [*ADDED, "</s>", "<pad>"])


@pytest.mark.parametrize("seed", range(2))
def test_byt5(tmp_path, seed):
    """As its class saves itself: it writes all of its tokens, those of its own among them."""
    rng = random.Random(seed)
    folder = tmp_path / "folder"
    folder.mkdir()
    special = {"normalized": False, "special": True}
    own = ["<pad>", "</s>", "<unk>"]
    sentinels = [f"<extra_id_{index}>" for index in range(125)]
    decoder = {i: {"content": token, **special} for i, token in enumerate(own)}
    decoder |= {259 + i: {"content": token, **special} for i, token in enumerate(sentinels)}
    for index, token in enumerate(rng.sample(ADDED, 4)):
        # What stands next to a token of one word alone is said in other ways by a class in Python.
        decoder[384 + index] = draw_token(rng, token) | {"single_word": False}
    settings = {
        "tokenizer_class": "ByT5Tokenizer",
        "extra_ids": 0,
        "additional_special_tokens": sentinels,
        "added_tokens_decoder": {str(i): token for i, token in decoder.items()},
    }
    write(folder, **{"config.json": {"model_type": "t5"}, "tokenizer_config.json": settings})
    assert_same_ids(folder, rng, [*ADDED, "</s>", "<pad>", "<extra_id_0>"])
