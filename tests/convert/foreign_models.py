"""A tiny model of every format that t5lite reads, with the files that may lie beside weights."""

import importlib.util
import json
import pathlib
import tempfile
from collections.abc import Callable

import numpy as np
import safetensors.numpy
import tokenizers

from t5lite.convert import export_hf
from t5lite.convert.load import open_external
from t5lite.convert.names import stack
from t5lite.convert.sentencepiece_model import read_piece_model
from t5lite.convert.source import SpecialIds
from t5lite.convert.tokenizer_json import from_pieces
from t5lite.convert.vocabulary import own_vocabulary
from tests.convert import t5x_trees
from tests.convert.test_llama2_c import make_config, meta_tensors, write_version_0
from tests.convert.test_llama2_c_tokenizer import write_tokenizer
from tests.convert.test_tokenizer import sentencepiece_model
from tests.models.tiny import encoder_decoder, family, sharp_params

T5 = encoder_decoder(vocab_size=420, dropout_rate=0.1)
FAMILIES = {
    "t5": T5,
    "gpt2": family("gpt2", vocab_size=420, d_model=24, d_kv=8),
    "opt": family("opt", vocab_size=420, d_model=24, d_kv=8, norm_epsilon=1e-5),
    "gpt_neox": family("gpt_neox", vocab_size=420, d_model=33, initializer="small"),
    "llama": family("llama", vocab_size=420, d_model=24),
}
_ROLES = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
_TEMPLATE = "{% for m in messages %}{{ m.content }}{{ eos_token }}{% endfor %}"


def read_all(path: pathlib.Path) -> None:
    """Opens a model, all its arrays, and its tokenizer, as `t5lite convert` does.

    Raises:
      ValueError: it is not as it should be.
    """
    source = open_external(path)
    stack(source.arrays)
    with tempfile.TemporaryDirectory() as scratch:
        vocabulary = own_vocabulary(source, scratch=pathlib.Path(scratch))
        if vocabulary is not None:
            vocabulary.decode(vocabulary.encode("a cat </s> sat."))


def write_hf(folder: pathlib.Path, name: str) -> pathlib.Path:
    """A Hugging Face folder of a family, with a fast tokenizer and everything beside it."""
    config = FAMILIES[name]
    export_hf(config, sharp_params(config, 1), folder, special_ids=SpecialIds(bos=1, eos=2, pad=0))
    specials = list(dict.fromkeys(_ROLES.values()))
    made = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300, special_tokens=specials, initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(["the cat sat on the mat"] * 9, trainer)
    made.save(str(folder / "tokenizer.json"))
    added = {
        str(made.token_to_id(text)): {"content": text, "special": True, "normalized": False}
        for text in specials
    }
    config_json = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "added_tokens_decoder": added,
        "extra_special_tokens": ["<extra>"],
        "chat_template": [{"name": "default", "template": _TEMPLATE}],
        "clean_up_tokenization_spaces": False,
        "split_special_tokens": False,
        "add_bos_token": True,
        "add_eos_token": False,
        "model_max_length": 64,
        **_ROLES,
    }
    _write(folder / "tokenizer_config.json", config_json)
    return folder


def write_older_hf(folder: pathlib.Path) -> pathlib.Path:
    """GPT-2 with vocab.json, merges.txt, and the files that tokenizer_config.json replaced."""
    config = FAMILIES["gpt2"]
    export_hf(config, sharp_params(config, 1), folder, special_ids=SpecialIds(bos=0, eos=0))
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    pieces = ["<|endoftext|>", *alphabet, "th", "the"]
    _write(folder / "vocab.json", {piece: index for index, piece in enumerate(pieces)})
    (folder / "merges.txt").write_text("#version: 0.2\nt h\nth e\n")
    _write(folder / "tokenizer_config.json", {"tokenizer_class": "GPT2Tokenizer"})
    _write(folder / "special_tokens_map.json", {"eos_token": "<|endoftext|>"})
    _write(folder / "added_tokens.json", {"<new>": len(pieces)})
    (folder / "chat_template.jinja").write_text(_TEMPLATE)
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates/tools.jinja").write_text(_TEMPLATE)
    arrays = safetensors.numpy.load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    safetensors.numpy.save_file(arrays, folder / "model-00001-of-00001.safetensors")
    index = {"weight_map": dict.fromkeys(arrays, "model-00001-of-00001.safetensors")}
    _write(folder / "model.safetensors.index.json", index)
    return folder


def write_sentencepiece_hf(folder: pathlib.Path, name: str, file: str) -> pathlib.Path:
    """A Hugging Face folder with a SentencePiece model."""
    config = FAMILIES[name]
    export_hf(config, sharp_params(config, 1), folder, special_ids=SpecialIds(bos=1, eos=2))
    kind = "unigram" if file == "spiece.model" else "bpe"
    sentencepiece_model(folder / file, model_type=kind)
    _write(folder / "tokenizer_config.json", {"extra_ids": 100, **_ROLES})
    return folder


def write_fast_t5_hf(folder: pathlib.Path) -> pathlib.Path:
    """T5 with a SentencePiece model, a tokenizer.json beside it, and the class that reads them."""
    write_sentencepiece_hf(folder, "t5", "spiece.model")
    path = folder / "spiece.model"
    pieces = read_piece_model(path.read_bytes(), source=str(path))
    _write(folder / "tokenizer.json", from_pieces(pieces, extra_ids=100, suffix=["</s>"]))
    config = {"tokenizer_class": "T5Tokenizer", "extra_ids": 100, **_ROLES}
    _write(folder / "tokenizer_config.json", config)
    return folder


def write_t5x_file(folder: pathlib.Path) -> pathlib.Path:
    """T5X's checkpoint of one msgpack file, and its gin file above it."""
    target = t5x_trees.separate(sharp_params(T5))
    t5x_trees.write_one_file(folder / "checkpoint_7/checkpoint", target)
    (folder / "config.gin").write_text("network.T5Config.mlp_activations = ('gelu', 'linear')\n")
    return folder / "checkpoint_7"


def write_t5x_folder(folder: pathlib.Path) -> pathlib.Path:
    """T5X's checkpoint with a zarr folder for each array."""
    return t5x_trees.write_folder(folder, t5x_trees.separate(sharp_params(T5)))


def write_t5x_metadata(folder: pathlib.Path) -> pathlib.Path:
    """T5X's checkpoint as orbax describes it in JSON."""
    entries = {}
    for name, array in t5x_trees.separate(sharp_params(T5)).items():
        keys = ["target", *name.split("/")]
        t5x_trees.write_zarr(folder / ".".join(keys), array)
        entries[str(tuple(keys))] = {
            "key_metadata": [{"key": key, "key_type": 2} for key in keys],
            "value_metadata": {"value_type": "jax.Array", "skip_deserialize": False},
        }
    _write(folder / "_METADATA", {"tree_metadata": entries})
    return folder


def write_gguf_file(folder: pathlib.Path) -> pathlib.Path:
    """A GGUF file with the tokenizer in it."""
    from tests.convert import test_gguf

    config = family("llama", vocab_size=420, **test_gguf.SMALL)
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "▁a"]
    pieces += [f"x{index}" for index in range(420 - len(pieces))]
    words = {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": pieces,
        "tokenizer.ggml.scores": [-float(index) for index in range(420)],
        "tokenizer.ggml.token_type": [2, 3, 3, *[6] * 256, *[1] * 161],
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
    }
    test_gguf.write_gguf(folder / "a.gguf", config, sharp_params(config), changes=words)
    return folder / "a.gguf"


def write_llama2_c(folder: pathlib.Path) -> pathlib.Path:
    """A file of llama2.c and its tokenizer."""
    vocab_size = write_tokenizer(folder / "tokenizer.bin")
    config = make_config(vocab_size=vocab_size)
    write_version_0(folder / "a.bin", config, meta_tensors(config, sharp_params(config)))
    return folder / "a.bin"


def write_meta(folder: pathlib.Path) -> pathlib.Path:
    """LLaMA as Meta hands it out."""
    import torch

    config = make_config(vocab_size=300)
    tensors = meta_tensors(config, sharp_params(config))
    sentencepiece_model(folder / "tokenizer.model")
    torch.save(
        {name: torch.from_numpy(np.array(array)) for name, array in tensors.items()},
        folder / "consolidated.00.pth",
    )
    sizes = {"dim": config.d_model, "n_layers": config.num_decoder_layers}
    sizes |= {"n_heads": config.num_heads, "n_kv_heads": config.kv_heads}
    sizes |= {"vocab_size": -1, "norm_eps": 1e-5, "rope_theta": 10000.0, "multiple_of": 32}
    _write(folder / "params.json", sizes)
    return folder


def _write(path: pathlib.Path, record: object) -> None:
    path.write_text(json.dumps(record))


def _hf_writer(name: str) -> Callable[[pathlib.Path], pathlib.Path]:
    return lambda folder: write_hf(folder, name)


# Each writes a model into an empty folder, and says what `t5lite convert` is given.
MODELS: dict[str, Callable[[pathlib.Path], pathlib.Path]] = {
    **{f"hf_{name}": _hf_writer(name) for name in FAMILIES},
    "hf_older": write_older_hf,
    "hf_spiece": lambda folder: write_sentencepiece_hf(folder, "t5", "spiece.model"),
    "hf_t5_fast": write_fast_t5_hf,
    "hf_sentencepiece": lambda folder: write_sentencepiece_hf(folder, "llama", "tokenizer.model"),
    "t5x_file": write_t5x_file,
    "t5x_folder": write_t5x_folder,
    "t5x_metadata": write_t5x_metadata,
    "llama2_c": write_llama2_c,
}
if importlib.util.find_spec("gguf"):
    MODELS["gguf"] = write_gguf_file
if importlib.util.find_spec("torch"):
    MODELS["meta"] = write_meta
