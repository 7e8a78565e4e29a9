"""A converted model is asked with transformers' ids, whatever config.json says; exported, too."""

import json
import shutil

import pytest

from t5lite import cli
from t5lite.checkpoints.model_dir import ModelDescription
from t5lite.convert import export_hf
from t5lite.data.vocabularies.load import vocabulary_from_spec
from tests.conftest import shared_path
from tests.data.tokenizer_folders import byte_level, write_json
from tests.models.tiny import encoder_decoder, family, sharp_params

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.peers

TEXTS = ["what is the cat", "a b", "two and two"]
SPECIAL = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "unk_token": "<|endoftext|>"}


def fast(folder, class_name="PreTrainedTokenizerFast", template=None):
    """Byte-level BPE in a tokenizer.json; 400 ids or fewer."""
    from tokenizers import processors

    tokenizer = byte_level(TEXTS)
    if template:
        pairs = [(token, tokenizer.token_to_id(token)) for token in SPECIAL.values()]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=template, special_tokens=pairs
        )
    tokenizer.save(str(folder / "tokenizer.json"))
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": class_name, **SPECIAL})


def slow_llama(folder, **flags):
    shutil.copy(shared_path("weights", "stories260k", "tok512.model"), folder / "tokenizer.model")
    settings = {"tokenizer_class": "LlamaTokenizer", "legacy": False, **flags}
    write_json(folder / "tokenizer_config.json", settings)


def slow_gpt2(folder, **flags):
    for ours, theirs in (
        ("opt_gpt2_vocab.json", "vocab.json"),
        ("opt_gpt2_merges.txt", "merges.txt"),
    ):
        shutil.copy(shared_path("data", "vocab", ours), folder / theirs)
    roles = dict.fromkeys(("bos_token", "eos_token", "unk_token"), "</s>")
    settings = {"tokenizer_class": "GPT2Tokenizer", **roles, **flags}
    write_json(folder / "tokenizer_config.json", settings)


def t5(folder):
    shutil.copy(shared_path("data", "vocab", "t5_spiece.model"), folder / "spiece.model")
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "T5Tokenizer"})


def byt5(folder):
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "ByT5Tokenizer"})


LLAMA = family("llama", d_model=24, vocab_size=512)
GPT2 = family("gpt2", d_model=24, d_kv=8, vocab_size=512)
OPT = family("opt", d_model=24, d_kv=8, norm_epsilon=1e-5, vocab_size=50272)
T5 = encoder_decoder(vocab_size=32128)
BOTH = "<|im_start|> $A <|im_end|>"
CASES = {
    "fast, by a class of its own": (LLAMA, fast, {}),
    "fast, as GPT-2": (LLAMA, fast, {"class_name": "GPT2Tokenizer"}),
    "fast, with both": (GPT2, fast, {"template": BOTH}),
    "fast, before twice": (LLAMA, fast, {"template": "<|im_start|> <|im_start|> $A"}),
    "fast, as NeoX, whose template counts for nothing": (
        family("gpt_neox", d_model=33, vocab_size=512),
        fast,
        {"class_name": "GPTNeoXTokenizer", "template": BOTH},
    ),
    "LLaMA": (LLAMA, slow_llama, {"add_bos_token": True}),
    "LLaMA, neither": (LLAMA, slow_llama, {"add_bos_token": False}),
    "LLaMA, both": (LLAMA, slow_llama, {"add_bos_token": True, "add_eos_token": True}),
    "OPT": (OPT, slow_gpt2, {"add_bos_token": True}),
    "T5": (T5, t5, {}),
    "T5, with both": (encoder_decoder(vocab_size=400), fast, {"template": BOTH}),
    "T5, with neither": (encoder_decoder(vocab_size=400), fast, {}),
    "ByT5": (encoder_decoder(vocab_size=384), byt5, {}),
    "a decoder of ByT5's bytes": (LLAMA, byt5, {}),
}


def asked(folder, text):
    """What the model of a folder of ours is given for a text."""
    description = ModelDescription.load(folder)
    vocabulary = vocabulary_from_spec(description.vocabulary)
    return description.converter.prompt(vocabulary.encode(text)).tolist()


@pytest.mark.parametrize("name", CASES)
def test_prompts_are_transformers(name, tmp_path):
    config, write_tokenizer, options = CASES[name]
    folder = tmp_path / "theirs"
    export_hf(config, sharp_params(config), folder)
    write_tokenizer(folder, **options)
    # What config.json and generation_config.json say of a beginning changes nothing.
    bos = (0, 2, -1, None, 10**6)[list(CASES).index(name) % 5]
    record = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", record | {"bos_token_id": bos})
    write_json(folder / "generation_config.json", {"bos_token_id": bos})
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    ours = tmp_path / "ours"
    assert cli.main(["convert", str(folder), str(ours), "--noverify"]) == 0
    for text in TEXTS:
        assert asked(ours, text) == theirs(text).input_ids
    back = tmp_path / "back"
    assert cli.main(["convert", str(ours), str(back), "--noverify"]) == 0
    again = transformers.AutoTokenizer.from_pretrained(back)
    for text in TEXTS:
        assert again(text).input_ids == theirs(text).input_ids
        assert again.decode(again(text).input_ids, skip_special_tokens=True) == text
