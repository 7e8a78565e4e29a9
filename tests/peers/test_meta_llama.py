"""Meta's LLaMA files beside Meta's own way of computing, written out in torch."""

import json
import os
import shutil

import ml_dtypes
import numpy as np
import pytest

from t5lite.checkpoints.model_dir import ModelDescription
from t5lite.cli import main
from t5lite.convert import load_external
from t5lite.convert.llama import TABLE
from t5lite.convert.load import open_external
from t5lite.convert.names import to_theirs, unstack
from t5lite.data.vocabularies.sentencepiece_vocabulary import SentencePieceVocabulary
from t5lite.models.position_config import Rotary
from tests.conftest import shared_path
from tests.convert.test_llama2_c import make_config
from tests.models.tiny import assert_same_params, logits, random_tokens, sharp_params

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.peers

# The axis along which Megatron's parallelism cuts each kind of tensor.
CUT = {"wq": 0, "wk": 0, "wv": 0, "wo": 1, "w1": 0, "w2": 1, "w3": 0, "output": 0}


def meta_tensors(config, params, dtype=torch.float32):
    theirs = to_theirs(TABLE, unstack(params), config=config)
    return {
        name: torch.from_numpy(np.ascontiguousarray(tensor.read())).to(dtype)
        for name, tensor in theirs.items()
    }


@pytest.fixture
def model():
    config = make_config(tied_embeddings=False, vocab_size=44)
    return config, sharp_params(config)


def write_folder(folder, config, tensors, *, num_shards, embedding_axis=1, **changes):
    """params.json and shards, as Meta hands them out; a None in `changes` leaves a field out."""
    folder.mkdir(exist_ok=True)
    record = {
        "dim": config.d_model,
        "n_layers": config.num_decoder_layers,
        "n_heads": config.num_heads,
        "n_kv_heads": config.kv_heads,
        "multiple_of": 8,
        "norm_eps": config.norm_epsilon,
        "rope_theta": config.positions.theta,
        "vocab_size": -1,
    }
    record = {name: value for name, value in (record | changes).items() if value is not None}
    (folder / "params.json").write_text(json.dumps(record))
    axes = CUT | {"tok_embeddings": embedding_axis}
    for shard in range(num_shards):
        held = {"rope.freqs": torch.zeros(config.d_kv // 2)}
        for name, tensor in tensors.items():
            axis = axes.get(name.split(".")[-2])
            held[name] = tensor if axis is None else tensor.chunk(num_shards, axis)[shard].clone()
        torch.save(held, folder / f"consolidated.{shard:02d}.pth")


def their_logits(config, tensors, tokens):
    """What `llama/model.py` of Meta's repository computes, rotary pairs as complex numbers."""
    batch, length = tokens.shape
    heads, kv_heads, width = config.num_heads, config.kv_heads, config.d_kv
    frequencies = config.positions.theta ** (-torch.arange(0, width, 2).float() / width)
    angles = torch.outer(torch.arange(length).float(), frequencies)
    turns = torch.polar(torch.ones_like(angles), angles)[:, None]
    mask = torch.full((length, length), float("-inf")).triu(1)

    def norm(x, weight):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + config.norm_epsilon) * weight

    def turn(x):
        pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2))
        return torch.view_as_real(pairs * turns).flatten(-2)

    x = tensors["tok_embeddings.weight"][torch.from_numpy(tokens).long()]
    for i in range(config.num_decoder_layers):
        layer = {name: tensors[f"layers.{i}.{name}.weight"] for name in LAYER}
        y = norm(x, layer["attention_norm"])
        q = turn((y @ layer["attention.wq"].T).view(batch, length, heads, width))
        k = turn((y @ layer["attention.wk"].T).view(batch, length, kv_heads, width))
        v = (y @ layer["attention.wv"].T).view(batch, length, kv_heads, width)
        k, v = (t.repeat_interleave(heads // kv_heads, 2).transpose(1, 2) for t in (k, v))
        scores = q.transpose(1, 2) @ k.transpose(2, 3) / width**0.5 + mask
        attended = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, length, -1)
        x = x + attended @ layer["attention.wo"].T
        y = norm(x, layer["ffn_norm"])
        gate = torch.nn.functional.silu(y @ layer["feed_forward.w1"].T)
        x = x + (gate * (y @ layer["feed_forward.w3"].T)) @ layer["feed_forward.w2"].T
    x = norm(x, tensors["norm.weight"])
    return (x @ tensors.get("output.weight", tensors["tok_embeddings.weight"]).T).numpy()


LAYER = [
    *("attention_norm", "attention.wq", "attention.wk", "attention.wv", "attention.wo"),
    *("ffn_norm", "feed_forward.w1", "feed_forward.w2", "feed_forward.w3"),
]


@pytest.mark.parametrize(
    ("num_shards", "changes"),
    [
        (1, {"tied_embeddings": False}),
        (2, {"tied_embeddings": False, "positions": Rotary(theta=500.0), "norm_epsilon": 1e-6}),
        (2, {"tied_embeddings": True, "num_kv_heads": None}),
    ],
)
def test_logits_are_those_of_metas_code(num_shards, changes, tmp_path):
    # Output rows are cut too, so their number is even.
    config = make_config(**changes, vocab_size=44)
    params = sharp_params(config)
    tensors = meta_tensors(config, params)
    write_folder(tmp_path / "7B", config, tensors, num_shards=num_shards)
    found_config, found, source = load_external(tmp_path / "7B")
    assert source == "meta_llama"
    assert found_config == config
    assert_same_params(found, params)
    tokens = random_tokens(np.random.default_rng(0), 2, 17)
    ours = logits(config, found, {"decoder_input_tokens": tokens})
    expected = their_logits(config, tensors, tokens)
    assert np.abs(expected).max() > 3
    np.testing.assert_allclose(ours, expected, atol=1e-4)


def test_shards_of_llama_3_cut_the_embedding_by_rows(model, tmp_path):
    config, params = model
    tensors = meta_tensors(config, params)
    write_folder(tmp_path / "8B", config, tensors, num_shards=2, embedding_axis=0, vocab_size=44)
    assert_same_params(load_external(tmp_path / "8B")[1], params)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_the_type_of_the_files_is_kept(model, dtype, tmp_path):
    config, params = model
    tensors = meta_tensors(config, params, getattr(torch, dtype))
    write_folder(tmp_path / "7B", config, tensors, num_shards=2)
    source = open_external(tmp_path / "7B")
    assert {str(array.dtype) for array in source.arrays.values()} == {dtype}
    expected = params["decoder"]["layers"]["mlp"]["wo"]["kernel"][1]
    found = source.arrays["decoder/layers/mlp/wo/kernel", 1].read()
    np.testing.assert_array_equal(found, expected.astype(getattr(ml_dtypes, dtype, dtype)))


@pytest.mark.parametrize("place", ["7B", "."])
def test_the_tokenizer_is_in_the_folder_or_one_level_up(model, place, tmp_path):
    config, params = model
    write_folder(tmp_path / "7B", config, meta_tensors(config, params), num_shards=1)
    assert open_external(tmp_path / "7B").vocabulary is None
    tokenizer = tmp_path / place / "tokenizer.model"
    shutil.copyfile(shared_path("weights", "stories260k", "tok512.model"), tokenizer)
    source = open_external(tmp_path / "7B")
    assert source.vocabulary == SentencePieceVocabulary(str(tokenizer), extra_ids=0).spec()
    assert source.prompt_prefix == (1,)
    assert (source.special_ids.bos, source.special_ids.eos) == (1, 2)


def test_a_tokenizer_of_another_kind_is_left_out_with_a_word(model, tmp_path, caplog):
    config, params = model
    write_folder(tmp_path / "8B", config, meta_tensors(config, params), num_shards=1)
    (tmp_path / "8B" / "tokenizer.model").write_text("IQ== 0\nIg== 1\n")
    assert open_external(tmp_path / "8B").vocabulary is None
    assert "is not a SentencePiece model" in caplog.text


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"n_heads": None}, "params.json has no n_heads"),
        ({"use_scaled_rope": True}, "use_scaled_rope is true"),
        ({"moe": {"num_experts": 8}}, "params.json has moe, which"),
        ({"vocab_size": 32000}, "vocab_size is 32000, but tok_embeddings.weight has 44 rows"),
        ({"n_layers": 2}, r"unused layers\.2\.attention\.wq\.weight"),
        ({"n_layers": 4}, r"missing layers\.3\.attention\.wq\.weight"),
    ],
)
def test_params_that_do_not_fit_are_refused(changes, complaint, model, tmp_path):
    config, params = model
    write_folder(tmp_path / "7B", config, meta_tensors(config, params), num_shards=1, **changes)
    with pytest.raises(ValueError, match=complaint):
        load_external(tmp_path / "7B")


def test_missing_and_damaged_shards_are_refused(model, tmp_path):
    config, params = model
    folder = tmp_path / "13B"
    write_folder(folder, config, meta_tensors(config, params), num_shards=3)
    (folder / "consolidated.02.pth").rename(tmp_path / "kept")
    with pytest.raises(ValueError, match=r"13B has 2 files .* call for 3; copy all"):
        load_external(folder)
    (tmp_path / "kept").rename(folder / "consolidated.03.pth")
    with pytest.raises(ValueError, match="shards are missing between"):
        load_external(folder)
    (folder / "consolidated.03.pth").rename(folder / "consolidated.02.pth")
    whole = (folder / "consolidated.01.pth").read_bytes()
    (folder / "consolidated.01.pth").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"consolidated\.01\.pth is not a file of tensors"):
        load_external(folder)


def test_a_pickle_that_runs_something_is_not_read(model, tmp_path):
    config, params = model
    write_folder(tmp_path / "7B", config, meta_tensors(config, params), num_shards=1)
    trace = tmp_path / "trace"

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(trace),)

    torch.save({"tok_embeddings.weight": Trap()}, tmp_path / "7B" / "consolidated.00.pth")
    with pytest.raises(ValueError, match=r"consolidated\.00\.pth is not a file of tensors"):
        load_external(tmp_path / "7B")
    assert not trace.exists()


def test_a_folder_becomes_ours_with_its_tokenizer(tmp_path, capsys):
    config = make_config(tied_embeddings=False, vocab_size=512)
    write_folder(tmp_path / "7B", config, meta_tensors(config, sharp_params(config)), num_shards=2)
    tokenizer = shared_path("weights", "stories260k", "tok512.model")
    shutil.copyfile(tokenizer, tmp_path / "tokenizer.model")
    assert main(["convert", str(tmp_path / "7B"), str(tmp_path / "ours")]) == 0
    record = json.loads((tmp_path / "ours" / "conversion.json").read_text())
    assert record["source"]["format"] == "meta_llama"
    assert record["verification"]["relative_difference"] < 1e-5
    assert (tmp_path / "ours" / "vocabulary.model").read_bytes() == tokenizer.read_bytes()
    assert ModelDescription.load(tmp_path / "ours").converter.prompt_prefix == (1,)
