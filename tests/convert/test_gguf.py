"""Tiny GGUF files written by llama.cpp's own package, in every type of tensor it can write."""

import sys

import ml_dtypes
import numpy as np
import pytest

from t5lite.checkpoints.model_dir import ModelDescription
from t5lite.cli import main
from t5lite.convert import load_external
from t5lite.convert.gguf import TABLE
from t5lite.convert.gguf_header import read_header
from t5lite.convert.load import open_external
from t5lite.convert.names import to_theirs, unstack
from t5lite.data.vocabularies.load import vocabulary_from_spec
from t5lite.models.position_config import Rotary
from t5lite.models.rotary_scaling import LinearScaling
from tests.convert.test_llama2_c import make_config
from tests.models.tiny import assert_same_params, sharp_params

gguf = pytest.importorskip("gguf")

KINDS = gguf.GGMLQuantizationType
# Rows of blocks: 32 numbers each, 256 in the types called K.
SMALL = {"d_model": 32, "d_ff": 64, "num_heads": 4, "num_kv_heads": 2, "d_kv": 8}
LARGE = {"d_model": 256, "d_ff": 256, "num_heads": 4, "num_kv_heads": 2, "d_kv": 64}


def make_metadata(config, **changes):
    """What llama.cpp's converter writes of a model; a None in `changes` leaves one out."""
    values = {
        "block_count": config.num_decoder_layers,
        "context_length": 77,
        "embedding_length": config.d_model,
        "feed_forward_length": config.d_ff,
        "attention.head_count": config.num_heads,
        "attention.head_count_kv": config.kv_heads,
        "attention.layer_norm_rms_epsilon": config.norm_epsilon,
        "rope.freq_base": config.positions.theta,
        "rope.dimension_count": config.d_kv,
        "vocab_size": config.vocab_size,
    }
    values = {f"llama.{name}": value for name, value in values.items()} | changes
    return {name: value for name, value in values.items() if value is not None}


def write_gguf(path, config, params, *, kind=KINDS.F32, architecture="llama", changes=None, **more):
    """Writes a file; matrices of `kind` and the rest float32, or as `more` has them."""
    writer = gguf.GGUFWriter(path, architecture)
    for name, value in make_metadata(config, **(changes or {})).items():
        add = {bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32}
        add |= {str: writer.add_string, list: writer.add_array}
        add[type(value)](name, value)
    theirs = to_theirs(TABLE, unstack(params), config=config)
    tensors = {name: np.ascontiguousarray(tensor.read()) for name, tensor in theirs.items()}
    stored = {
        name: (gguf.quantize(tensor, kind), kind) if tensor.ndim == 2 else (tensor, KINDS.F32)
        for name, tensor in tensors.items()
    }
    for name, (data, raw) in (stored | more).items():
        writer.add_tensor(name, data, raw_dtype=raw)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return tensors


def float16_at(blocks, start):
    return blocks[:, start : start + 2].copy().view(np.float16).astype(np.float32)


def nibbles(blocks, start):
    """32 numbers of four bits in 16 bytes: first all low halves, then all high ones."""
    packed = blocks[:, start : start + 16]
    return np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32)


# The reference of each type, from the comments of ggml's `ggml-common.h`: bytes a block of 32
# numbers, and what they stand for.
REFERENCES = {
    "Q8_0": (34, lambda b: b[:, 2:].copy().view(np.int8) * float16_at(b, 0)),
    "Q4_0": (18, lambda b: (nibbles(b, 2) - 8) * float16_at(b, 0)),
    "Q4_1": (20, lambda b: nibbles(b, 4) * float16_at(b, 0) + float16_at(b, 2)),
}


def test_float32_comes_back_to_the_bit(tmp_path):
    for tied in (True, False):
        config = make_config(**SMALL, tied_embeddings=tied, positions=Rotary(theta=500.0))
        params = sharp_params(config)
        write_gguf(tmp_path / f"{tied}.gguf", config, params)
        found_config, found, source = load_external(tmp_path / f"{tied}.gguf")
        assert source == "gguf"
        assert found_config == config
        assert_same_params(found, params)


@pytest.mark.parametrize(("kind", "dtype"), [("F16", np.float16), ("BF16", ml_dtypes.bfloat16)])
def test_sixteen_bits_keep_their_type(kind, dtype, tmp_path):
    config = make_config(**SMALL)
    tensors = write_gguf(tmp_path / "m.gguf", config, sharp_params(config), kind=KINDS[kind])
    source = open_external(tmp_path / "m.gguf")
    value = source.arrays["decoder/layers/mlp/wo/kernel", 1]
    assert value.dtype == dtype
    np.testing.assert_array_equal(value.read().T, tensors["blk.1.ffn_down.weight"].astype(dtype))
    assert source.arrays["decoder/decoder_norm/scale", None].dtype == np.float32


@pytest.mark.parametrize("kind", REFERENCES)
def test_blocks_stand_for_what_ggml_says(kind, tmp_path):
    config = make_config(**SMALL)
    tensors = write_gguf(tmp_path / "m.gguf", config, sharp_params(config), kind=KINDS[kind])
    _, params, _ = load_external(tmp_path / "m.gguf")
    num_bytes, reference = REFERENCES[kind]
    for name, tensor in to_theirs(TABLE, unstack(params), config=config).items():
        expected = tensors[name]
        if expected.ndim == 2:
            blocks = gguf.quantize(expected, KINDS[kind]).reshape(-1, num_bytes)
            expected = reference(blocks).reshape(expected.shape)
        np.testing.assert_array_equal(tensor.read(), expected, err_msg=name)


@pytest.mark.parametrize("kind", ["Q5_0", "Q5_1"])
def test_other_blocks_are_near_what_was_quantised(kind, tmp_path):
    config = make_config(**SMALL)
    params = sharp_params(config)
    tensors = write_gguf(tmp_path / "m.gguf", config, params, kind=KINDS[kind])
    _, found, _ = load_external(tmp_path / "m.gguf")
    for name, tensor in to_theirs(TABLE, unstack(found), config=config).items():
        # Five bits: 31 steps between the extremes of a block, and half a step of error.
        step = 2 * np.abs(tensors[name]).max() / 31
        assert np.abs(tensor.read() - tensors[name]).max() < step, name


def test_blocks_the_package_reads_and_does_not_write(tmp_path):
    config = make_config(**LARGE, num_decoder_layers=1)
    _, block_bytes = gguf.GGML_QUANT_SIZES[KINDS.Q6_K]
    blocks = np.random.default_rng(0).integers(0, 256, (256, block_bytes), dtype=np.uint8)
    blocks[:, -2:] = np.array([2**-9], np.float16).view(np.uint8)
    override = {"blk.0.ffn_down.weight": (blocks, KINDS.Q6_K)}
    write_gguf(tmp_path / "m.gguf", config, sharp_params(config), **override)
    _, found, _ = load_external(tmp_path / "m.gguf")
    kernel = found["decoder"]["layers"]["mlp"]["wo"]["kernel"][0]
    np.testing.assert_array_equal(kernel.T, gguf.dequantize(blocks, KINDS.Q6_K))
    assert kernel.std() > 0.1


def test_biases_are_permuted_as_their_kernels(tmp_path):
    config = make_config(**SMALL, attention_bias=True, mlp_bias=True)
    params = sharp_params(config)
    tensors = write_gguf(tmp_path / "m.gguf", config, params)
    found_config, found, _ = load_external(tmp_path / "m.gguf")
    assert found_config == config
    assert_same_params(found, params)
    # Rows of the two halves of a head alternate in the file.
    ours = params["decoder"]["layers"]["self_attention"]["query"]["bias"][0, :8]
    np.testing.assert_array_equal(tensors["blk.0.attn_q.bias"][:8], ours.reshape(2, 4).T.ravel())


def test_metadata_of_rotary_positions(tmp_path):
    config = make_config(**SMALL)
    params = sharp_params(config)
    for changes, scaling in [
        ({"rope.scaling.type": "linear", "rope.scaling.factor": 4.0}, LinearScaling(factor=4.0)),
        ({"rope.scaling.type": "none", "rope.scaling.factor": 4.0}, None),
        ({"rope.scale_linear": 2.0}, LinearScaling(factor=2.0)),
        ({"rope.scaling.factor": 0.0}, None),
    ]:
        changes = {f"llama.{name}": value for name, value in changes.items()}
        write_gguf(tmp_path / "m.gguf", config, params, changes=changes)
        assert open_external(tmp_path / "m.gguf").config.positions.scaling == scaling
    ones = np.ones(4, np.float32)
    write_gguf(tmp_path / "m.gguf", config, params, **{"rope_freqs.weight": (ones, KINDS.F32)})
    assert open_external(tmp_path / "m.gguf").config == config
    write_gguf(tmp_path / "m.gguf", config, params, **{"rope_freqs.weight": (2 * ones, KINDS.F32)})
    with pytest.raises(ValueError, match=r"rope_freqs\.weight scales each rotary frequency"):
        open_external(tmp_path / "m.gguf")


def test_heads_wider_than_their_share_of_the_model(tmp_path):
    config = make_config(**SMALL | {"d_kv": 12})
    params = sharp_params(config)
    changes = {"llama.attention.key_length": 12, "llama.attention.value_length": 12}
    write_gguf(tmp_path / "m.gguf", config, params, changes=changes)
    found_config, found, _ = load_external(tmp_path / "m.gguf")
    assert found_config == config
    assert_same_params(found, params)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"llama.expert_count": 8}, "llama.expert_count is 8; t5lite does only 0"),
        ({"llama.attention.head_count": [4, 2]}, "one for each layer"),
        ({"llama.rope.scaling.type": "yarn"}, "llama.rope.scaling.type is 'yarn'"),
        ({"llama.rope.dimension_count": 4}, "dimension_count is 4; t5lite does only 8"),
        ({"llama.block_count": 4}, "block_count is 4, and there are 3 tensors"),
        ({"llama.attention.head_count_kv": 4}, r"attn_k\.weight is \(16, 32\), expected"),
        ({"llama.feed_forward_length": 32}, r"is \(32, 64\), expected \(32, 32\)"),
        ({"llama.embedding_length": None}, "no llama.embedding_length"),
        ({"llama.embedding_length": "32"}, "embedding_length is '32', expected a positive integer"),
        ({"llama.attention.head_count": 0}, "head_count is 0, expected a positive integer"),
        ({"llama.rope.freq_base": True}, "freq_base is True, expected a number"),
        ({"split.count": 3}, "split.count is 3"),
    ],
)
def test_models_of_another_kind_are_refused(changes, complaint, tmp_path):
    config = make_config(**SMALL)
    write_gguf(tmp_path / "m.gguf", config, sharp_params(config), changes=changes)
    with pytest.raises(ValueError, match=complaint) as caught:
        load_external(tmp_path / "m.gguf")
    assert "m.gguf" in str(caught.value)


def test_architectures_and_types_are_refused_by_name(tmp_path):
    config = make_config(**SMALL)
    params = sharp_params(config)
    write_gguf(tmp_path / "m.gguf", config, params, architecture="qwen2")
    with pytest.raises(ValueError, match="architecture is 'qwen2'; t5lite does only 'llama'"):
        load_external(tmp_path / "m.gguf")
    _, block_bytes = gguf.GGML_QUANT_SIZES[KINDS.Q8_1]
    blocks = np.zeros((32, 2 * block_bytes), np.uint8)
    override = {"blk.1.ffn_down.weight": (blocks, KINDS.Q8_1)}
    write_gguf(tmp_path / "m.gguf", config, params, **override)
    with pytest.raises(ValueError, match=r"blk\.1\.ffn_down\.weight is of type Q8_1"):
        load_external(tmp_path / "m.gguf")


def test_damaged_files_are_refused(tmp_path):
    config = make_config(**SMALL)
    write_gguf(tmp_path / "m.gguf", config, sharp_params(config))
    whole = (tmp_path / "m.gguf").read_bytes()
    for length in (4, 20, 300, 1500, len(whole) // 2, len(whole) - 32):
        (tmp_path / "m.gguf").write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"m\.gguf is damaged or cut short .* copy it again"):
            load_external(tmp_path / "m.gguf")


@pytest.mark.parametrize(
    ("changes", "prefix", "suffix", "eos"),
    [
        ({"model": "llama", "bos_token_id": 1, "eos_token_id": 2}, (1,), (), 2),
        ({"model": "llama", "bos_token_id": 1, "add_bos_token": False}, (), (), None),
        ({"model": "llama", "eos_token_id": 2, "add_eos_token": True}, (), (2,), 2),
        ({"model": "gpt2", "bos_token_id": 5, "eos_token_id": 6, "eot_token_id": 6}, (), (), 6),
        ({"model": "gpt2", "bos_token_id": 5, "add_bos_token": True}, (5,), (), None),
        ({"model": "gpt2", "pre": "llama-bpe", "bos_token_id": 5}, (5,), (), None),
        ({"model": "gpt2", "eos_token_id": 6, "eot_token_id": 7}, (), (), (6, 7)),
    ],
)
def test_what_goes_around_a_prompt_and_after_an_answer(changes, prefix, suffix, eos, tmp_path):
    config = make_config(**SMALL)
    changes = {f"tokenizer.ggml.{name}": value for name, value in changes.items()}
    write_gguf(tmp_path / "m.gguf", config, sharp_params(config), changes=changes)
    source = open_external(tmp_path / "m.gguf")
    assert (source.prompt_prefix, source.prompt_suffix) == (prefix, suffix)
    assert source.special_ids.eos == eos
    assert source.context_length == 77


@pytest.mark.parametrize("token", [99999, 2**32 - 1])
def test_special_ids_that_no_token_has(token, tmp_path):
    config = make_config(**SMALL)
    changes = {"tokenizer.ggml.model": "llama", "tokenizer.ggml.bos_token_id": token}
    write_gguf(tmp_path / "m.gguf", config, sharp_params(config), changes=changes)
    with pytest.raises(
        ValueError, match=rf"m\.gguf: tokenizer\.ggml\.bos_token_id is {token}, and"
    ):
        open_external(tmp_path / "m.gguf")


def test_headers_of_other_kinds_are_refused(tmp_path):
    config = make_config(**SMALL)
    write_gguf(tmp_path / "m.gguf", config, sharp_params(config))
    whole = (tmp_path / "m.gguf").read_bytes()
    for version, complaint in [
        (b"\1\0\0\0", "version 1; t5lite reads 2 and 3"),
        (b"\0\0\0\3", "is big-endian; turn it round"),
    ]:
        (tmp_path / "m.gguf").write_bytes(whole[:4] + version + whole[8:])
        with pytest.raises(ValueError, match=complaint):
            load_external(tmp_path / "m.gguf")


def test_any_damage_to_a_header_is_reported_as_such(tmp_path):
    config = make_config(**SMALL, num_decoder_layers=1)
    write_gguf(tmp_path / "m.gguf", config, sharp_params(config))
    whole = (tmp_path / "m.gguf").read_bytes()
    header_bytes = whole.index(b"output_norm.weight") + 40
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[rng.integers(4, header_bytes)] = rng.integers(256)
        (tmp_path / "m.gguf").write_bytes(damaged)
        try:
            open_external(tmp_path / "m.gguf")
        except ValueError as error:
            assert "m.gguf" in str(error) or "TransformerConfig" in str(error)
            refused += 1
    assert refused > 100


def test_values_are_those_the_package_reads(tmp_path):
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "llama")
    writer.add_uint8("a.u8", 200)
    writer.add_int8("a.i8", -100)
    writer.add_uint16("a.u16", 60000)
    writer.add_int16("a.i16", -30000)
    writer.add_uint32("a.u32", 4_000_000_000)
    writer.add_int32("a.i32", -2_000_000_000)
    writer.add_uint64("a.u64", 2**63)
    writer.add_int64("a.i64", -(2**62))
    writer.add_float32("a.f32", 0.5)
    writer.add_float64("a.f64", 1e-300)
    writer.add_bool("a.bool", True)
    writer.add_string("a.text", "naïve 東京")
    writer.add_array("a.texts", ["", "é", "<s>"])
    writer.add_array("a.numbers", [1, -2, 3])
    writer.add_array("a.floats", [0.25, -1.5])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    fields = gguf.GGUFReader(tmp_path / "m.gguf").fields
    expected = {k: field.contents() for k, field in fields.items() if not k.startswith("GGUF.")}
    assert len(expected) == 16
    assert read_header(tmp_path / "m.gguf").values == expected


def test_floats_are_the_shortest_decimals(tmp_path):
    config = make_config(**SMALL, norm_epsilon=1e-5)
    write_gguf(tmp_path / "m.gguf", config, sharp_params(config))
    assert open_external(tmp_path / "m.gguf").config.norm_epsilon == 1e-5


def test_only_quantised_files_need_the_package(tmp_path, monkeypatch):
    config = make_config(**SMALL)
    params = sharp_params(config)
    write_gguf(tmp_path / "plain.gguf", config, params)
    write_gguf(tmp_path / "blocks.gguf", config, params, kind=KINDS.Q8_0)
    monkeypatch.setitem(sys.modules, "gguf", None)
    assert_same_params(load_external(tmp_path / "plain.gguf")[1], params)
    with pytest.raises(ValueError, match=r"blocks\.gguf holds quantised numbers.*\[gguf\]"):
        load_external(tmp_path / "blocks.gguf")


def test_the_tokenizer_inside_goes_along(tmp_path):
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    merged, letters = ["he", "▁t", "▁the"], [*"▁the."]
    tokens = ["<unk>", "<s>", "</s>", *bytes_, *merged, *letters]
    tokenizer = {
        "model": "llama",
        "tokens": tokens,
        "scores": [0.0] * 259 + [-float(i) for i in range(len(tokens) - 259)],
        "token_type": [2, 3, 3, *[6] * 256, *[1] * (len(tokens) - 259)],
        "bos_token_id": 1,
        "eos_token_id": 2,
        "unknown_token_id": 0,
    }
    changes = {f"tokenizer.ggml.{name}": value for name, value in tokenizer.items()}
    changes["tokenizer.chat_template"] = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    config = make_config(**SMALL, vocab_size=len(tokens))
    write_gguf(tmp_path / "m.gguf", config, sharp_params(config), changes=changes)
    assert main(["convert", str(tmp_path / "m.gguf"), str(tmp_path / "ours"), "--noverify"]) == 0
    description = ModelDescription.load(tmp_path / "ours")
    assert description.converter.prompt_prefix == (1,)
    vocabulary = vocabulary_from_spec(description.vocabulary)
    ids = vocabulary.encode("the he.é")
    assert [tokens[i] for i in ids] == ["▁the", "▁", "he", ".", "<0xC3>", "<0xA9>"]
    assert vocabulary.decode(ids) == "the he.é"
    assert vocabulary.chat_template.render([{"role": "user", "content": "the"}]) == "the"
