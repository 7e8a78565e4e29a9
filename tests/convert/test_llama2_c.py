"""Tiny files in each version of llama2.c, written as its export.py writes them."""

import struct

import numpy as np
import pytest

from t5lite.convert import llama2_c, load_external
from t5lite.convert.llama import TABLE
from t5lite.convert.load import open_external
from t5lite.convert.names import to_theirs, unstack
from t5lite.models.position_config import Rotary
from tests.models.tiny import assert_same_params, decoder_only, sharp_params

MAX_LENGTH = 20
GROUP_SIZE = 8
MATRICES = (
    *("attention.wq", "attention.wk", "attention.wv", "attention.wo"),
    *("feed_forward.w1", "feed_forward.w2", "feed_forward.w3"),
)


def make_config(**changes):
    return decoder_only(
        **{
            "d_model": 24,
            "d_ff": 40,
            "num_heads": 6,
            "num_kv_heads": 2,
            "d_kv": 4,
            "mlp_activations": ("silu", "linear"),
            "scale_attention": True,
            "positions": Rotary(),
            "tied_embeddings": True,
            "norm_epsilon": 1e-5,
            "initializer": "normal",
        }
        | changes
    )


def meta_tensors(config, params):
    return {
        name: tensor.read()
        for name, tensor in to_theirs(TABLE, unstack(params), config=config).items()
    }


def header_sizes(config, vocab_sign=1):
    return struct.pack(
        "<7i",
        *(config.d_model, config.d_ff, config.num_decoder_layers, config.num_heads),
        *(config.kv_heads, vocab_sign * config.vocab_size, MAX_LENGTH),
    )


def layers(config, *names):
    return [f"layers.{i}.{name}.weight" for name in names for i in range(config.num_decoder_layers)]


def float32(array):
    return np.ascontiguousarray(array, "<f4").tobytes()


def write_version_0(path, config, tensors):
    tied = config.tied_embeddings
    order = ["tok_embeddings.weight"]
    order += layers(config, "attention_norm", *MATRICES[:4], "ffn_norm", *MATRICES[4:])
    order += ["norm.weight"]
    frequencies = np.full((2, MAX_LENGTH, config.d_kv // 2), np.nan)
    path.write_bytes(
        header_sizes(config, 1 if tied else -1)
        + b"".join(float32(tensors[name]) for name in order)
        + float32(frequencies)
        + (b"" if tied else float32(tensors["output.weight"]))
    )


def write_newer(path, config, tensors, *, version):
    """Versions 1 and 2; gives what a reader should find, which int8 has changed."""
    head = struct.pack("<Ii", 0x616B3432, version) + header_sizes(config)
    head += struct.pack("<B", config.tied_embeddings)
    if version == 2:
        head += struct.pack("<i", GROUP_SIZE)
    plain = [*layers(config, "attention_norm", "ffn_norm"), "norm.weight"]
    matrices = ["tok_embeddings.weight", *layers(config, *MATRICES)]
    matrices += [] if config.tied_embeddings else ["output.weight"]
    stored = dict(tensors)
    body = b"".join(float32(tensors[name]) for name in plain)
    for name in matrices:
        if version == 1:
            body += float32(tensors[name])
            continue
        groups = tensors[name].reshape(-1, GROUP_SIZE)
        scales = np.abs(groups).max(axis=1) / np.float32(127)
        quantised = np.round(groups / scales[:, None]).astype(np.int8)
        body += quantised.tobytes() + float32(scales)
        stored[name] = (quantised * scales[:, None]).reshape(tensors[name].shape)
        assert np.abs(stored[name] - tensors[name]).max() <= scales.max() / 2 + 1e-6
    path.write_bytes(head.ljust(256, b"\0") + body)
    return stored


@pytest.fixture(params=[True, False], ids=["tied", "untied"])
def model(request):
    config = make_config(tied_embeddings=request.param)
    params = sharp_params(config)
    return config, params, meta_tensors(config, params)


@pytest.mark.parametrize("version", [0, 1])
def test_float32_comes_back_to_the_bit(model, version, tmp_path):
    config, params, tensors = model
    path = tmp_path / "model.bin"
    if version == 0:
        write_version_0(path, config, tensors)
    else:
        write_newer(path, config, tensors, version=1)
    found_config, found, source = load_external(path)
    assert source == "llama2.c"
    assert found_config == config
    assert_same_params(found, params)


def test_int8_is_scaled_back(model, tmp_path):
    config, _, tensors = model
    stored = write_newer(tmp_path / "model.bin", config, tensors, version=2)
    found_config, found, _ = load_external(tmp_path / "model.bin")
    assert found_config == config
    for name, tensor in meta_tensors(config, found).items():
        np.testing.assert_array_equal(tensor, stored[name], err_msg=name)


def test_what_a_file_says_of_prompts(model, tmp_path):
    config, _, tensors = model
    write_version_0(tmp_path / "model.bin", config, tensors)
    source = open_external(tmp_path / "model.bin")
    assert (source.prompt_prefix, source.context_length) == ((1,), MAX_LENGTH)
    assert (source.special_ids.bos, source.special_ids.eos) == (1, 2)


@pytest.mark.parametrize("version", [0, 1, 2])
def test_a_file_cut_short_is_refused(model, version, tmp_path):
    config, _, tensors = model
    path = tmp_path / "model.bin"
    if version == 0:
        write_version_0(path, config, tensors)
    else:
        write_newer(path, config, tensors, version=version)
    whole = path.read_bytes()
    path.write_bytes(whole[:-4])
    with pytest.raises(
        ValueError, match=rf"model.bin has {len(whole) - 4:,} bytes.*{len(whole):,}"
    ):
        load_external(path)
    path.write_bytes(whole + b"\0\0\0\0")
    with pytest.raises(ValueError, match="calls for"):
        load_external(path)


def test_headers_that_make_no_sense_are_refused(model, tmp_path):
    config, _, tensors = model
    path = tmp_path / "model.bin"
    write_newer(path, config, tensors, version=1)
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + struct.pack("<i", 3) + whole[8:])
    with pytest.raises(ValueError, match=r"version 3; t5lite reads 0, 1, 2.*--version 1"):
        load_external(path)
    path.write_bytes(whole[:8] + struct.pack("<i", -24) + whole[12:])
    with pytest.raises(ValueError, match=r"no model has the sizes in its header.*dim=-24"):
        load_external(path)
    path.write_bytes(whole[:100])
    with pytest.raises(ValueError, match="ends within its header"):
        load_external(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04" + bytes(300), b"text of no model\n" * 20, bytes(300), b"\x80\x02" * 200],
)
def test_other_files_are_not_taken_for_it(content, tmp_path):
    (tmp_path / "model.bin").write_bytes(content)
    assert not llama2_c.recognise(tmp_path / "model.bin")
    assert not llama2_c.recognise(tmp_path)
    with pytest.raises(ValueError, match=r"Looked for.*llama2\.c"):
        load_external(tmp_path / "model.bin")
