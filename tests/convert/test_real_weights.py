"""Weights made by others in Hugging Face's layout; what torch says of them lies in golden files."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

from t5lite import cli
from t5lite.convert import export_hf, load_external
from t5lite.models.position_config import Learned
from tests.conftest import shared_path
from tests.models.tiny import logits

CAPP = ("weights", "capp-gpt")
STORIES = ("weights", "stories260k", "hf")
CHRONOS = ("weights", "chronos-dummy", "dummy-chronos-model")
CONVERTED = ("weights", "t5x_testdata", "hf_converted")


def golden(name):
    return np.load(shared_path("weights", "golden", f"{name}.npz"))


@pytest.mark.parametrize(("parts", "name"), [(CAPP, "capp_gpt"), (STORIES, "stories260k")])
def test_decoders_agree_with_torch(parts, name):
    expected = golden(name)
    config, params, _ = load_external(shared_path(*parts))
    # The greedy continuation starts with the ids whose logits are there.
    ids = expected["greedy"].astype(np.int32)
    num_ids = len(expected["ids"])
    np.testing.assert_array_equal(ids[:num_ids], expected["ids"])
    found_TV = logits(config, params, {"decoder_input_tokens": ids[None]})[0]
    np.testing.assert_allclose(found_TV[:num_ids], expected["logits"], atol=1e-4)
    np.testing.assert_array_equal(found_TV[num_ids - 1 : -1].argmax(axis=-1), ids[num_ids:])


@pytest.mark.parametrize(
    ("parts", "name"), [(CHRONOS, "chronos_dummy_t5"), (CONVERTED, "t5x_tiny")]
)
def test_t5s_agree_with_torch(parts, name):
    expected = golden(name)
    config, params, _ = load_external(shared_path(*parts))
    batch = {
        "encoder_input_tokens": expected["enc"].astype(np.int32),
        "decoder_input_tokens": expected["dec"].astype(np.int32),
    }
    np.testing.assert_allclose(logits(config, params, batch), expected["logits"], atol=1e-5)


@pytest.mark.parametrize("parts", [CAPP, STORIES, CHRONOS, CONVERTED])
def test_they_come_back_to_the_bit(parts, tmp_path):
    config, params, _ = load_external(shared_path(*parts))
    export_hf(config, params, tmp_path / "out")
    theirs = load_file(shared_path(*parts) / "model.safetensors")
    ours = load_file(tmp_path / "out" / "model.safetensors")
    # A tied T5's copies of its embedding are written once.
    copies = {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight"}
    assert theirs.keys() - ours.keys() <= copies and not ours.keys() - theirs.keys()
    for name, tensor in ours.items():
        np.testing.assert_array_equal(tensor, theirs[name], err_msg=name)


def test_capp_gpts_config_is_read_as_it_is_written():
    config, _, _ = load_external(shared_path(*CAPP))
    assert (config.d_ff, config.mlp_activations) == (256, ("gelu",))
    assert config.tied_embeddings
    assert config.positions == Learned(max_positions=512)


def test_t5x_goes_to_hugging_face_by_way_of_ours(tmp_path):
    tiny = shared_path("weights", "t5x_testdata", "test_t5_tiny.checkpoint_0")
    steps = [
        [str(tiny), str(tmp_path / "ours"), "--vocabulary=bytes:100"],
        [str(tmp_path / "ours"), str(tmp_path / "hf")],
    ]
    for words in steps:
        assert cli.main(["convert", *words, "--noverify"]) == 0
    theirs = load_file(shared_path(*CONVERTED) / "model.safetensors")
    ours = load_file(tmp_path / "hf" / "model.safetensors")
    assert ours.keys() <= theirs.keys()
    for name, tensor in ours.items():
        np.testing.assert_array_equal(tensor, theirs[name], err_msg=name)
    record = json.loads((tmp_path / "hf" / "config.json").read_text())
    expected = json.loads((shared_path(*CONVERTED) / "config.json").read_text())
    for name in ("d_kv", "num_heads", "dense_act_fn", "tie_word_embeddings", "vocab_size"):
        assert record[name] == expected[name]
