"""Hugging Face folders, without Hugging Face; tests/peers/test_t5.py compares with it."""

import json

import jax
import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from t5lite.convert import export_hf, load_external
from tests.conftest import shared_path
from tests.models.tiny import assert_same_params, decoder_only, encoder_decoder, sharp_params


@pytest.fixture
def exported(tmp_path):
    """A model of ours in Hugging Face's layout."""
    config = encoder_decoder()
    params = sharp_params(config)
    export_hf(config, params, tmp_path / "model")
    return config, params, tmp_path / "model"


@pytest.mark.parametrize(
    "config",
    [
        encoder_decoder(dropout_rate=0.1),
        encoder_decoder(mlp_activations=("relu",), tied_embeddings=True, scale_logits=True),
        encoder_decoder(mlp_activations=("gelu_exact", "linear"), scale_logits=True),
        encoder_decoder(mlp_activations=("silu",), tied_embeddings=True, norm_epsilon=1e-5),
        encoder_decoder(mlp_activations=("gelu",)),
    ],
)
def test_our_models_come_back_to_the_bit(config, tmp_path):
    params = sharp_params(config, 1)
    export_hf(config, params, tmp_path / "model")
    again, params_again, source = load_external(tmp_path / "model")
    assert again == config
    assert source == "hf"
    assert_same_params(params_again, params)
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert names == {"model.safetensors", "config.json", "generation_config.json"}


def test_a_t5_with_more_in_it_is_refused():
    folder = shared_path("weights", "chronos-dummy", "dummy-chronos-bolt-model")
    with pytest.raises(ValueError, match=r"unused input_patch_embedding\.hidden_layer\.bias"):
        load_external(folder)


def test_tied_is_decided_by_the_tensors(exported):
    _, params, folder = exported
    tensors = load_file(folder / "model.safetensors")
    tensors["lm_head.weight"] = tensors["shared.weight"].copy()
    tensors["encoder.embed_tokens.weight"] = tensors["shared.weight"].copy()
    save_file(tensors, folder / "model.safetensors")
    config, again, _ = load_external(folder)
    assert config.tied_embeddings
    del params["decoder"]["logits_dense"]
    assert_same_params(again, params)


def test_two_different_embeddings_are_refused(exported):
    folder = exported[2]
    tensors = load_file(folder / "model.safetensors")
    tensors["decoder.embed_tokens.weight"] = tensors["shared.weight"] + 1
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(ValueError, match=r"decoder\.embed_tokens\.weight differs"):
        load_external(folder)


def test_bfloat16_and_shards(exported):
    config, params, folder = exported
    tensors = load_file(folder / "model.safetensors")
    narrow = {name: tensor.astype(ml_dtypes.bfloat16) for name, tensor in tensors.items()}
    names = sorted(narrow)
    shards = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for shard, held in shards.items():
        save_file({name: narrow[name] for name in held}, folder / shard)
    index = {"weight_map": {name: shard for shard, held in shards.items() for name in held}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model.safetensors").unlink()
    again, params_again, _ = load_external(folder)
    assert again == config
    rounded = jax.tree.map(lambda leaf: leaf.astype(ml_dtypes.bfloat16).astype(np.float32), params)
    assert_same_params(params_again, rounded)
    (folder / "b.safetensors").unlink()
    with pytest.raises(ValueError, match=r"shards that are not there: b\.safetensors"):
        load_external(folder)


def test_a_file_cut_short_is_named(exported):
    path = exported[2] / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"model\.safetensors is damaged or cut short"):
        load_external(exported[2])


def edit_config(folder, **changes):
    record = json.loads((folder / "config.json").read_text())
    record |= changes
    kept = {name: value for name, value in record.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(kept))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "bert"}, "model_type is 'bert'; t5lite reads t5, mt5, umt5, gpt2"),
        ({"model_type": "umt5"}, r"missing encoder\.block\.1\.layer\.0\.SelfAttention\.relative"),
        ({"d_model": None}, "has no 'd_model'"),
        ({"dense_act_fn": "gelu_nwe"}, "Did you mean 'gelu_new'"),
        ({"decoder_start_token_id": 5}, "decoder_start_token_id is 5"),
        ({"num_layers": 3}, r"missing encoder\.block\.2\.layer\.0\.SelfAttention\.q\.weight"),
        ({"num_decoder_layers": 2}, r"unused decoder\.block\.2\.layer\.0\.SelfAttention\.q"),
        ({"vocab_size": 44}, r"shared\.weight is \(43, 22\), expected \(44, 22\)"),
    ],
)
def test_bad_configs_are_explained(exported, changes, message):
    edit_config(exported[2], **changes)
    with pytest.raises(ValueError, match=message):
        load_external(exported[2])


def test_scaling_of_configs_older_than_its_field(exported):
    folder = exported[2]
    edit_config(folder, scale_decoder_outputs=None)
    assert not load_external(folder)[0].scale_logits
    edit_config(folder, tie_word_embeddings=None)
    assert load_external(folder)[0].scale_logits
    edit_config(folder, model_type="mt5")
    assert not load_external(folder)[0].scale_logits


def test_old_activation_spellings(exported):
    folder = exported[2]
    edit_config(folder, dense_act_fn=None, is_gated_act=None)
    assert load_external(folder)[0].mlp_activations == ("gelu", "linear")


def test_config_that_is_not_json(exported):
    (exported[2] / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"config\.json, line 1, column \d+: malformed JSON"):
        load_external(exported[2])


def test_weights_in_another_format_are_explained(exported):
    folder = exported[2]
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"pytorch_model\.bin"):
        load_external(folder)
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(ValueError, match=r"no weights beside it: none of model\.safetensors"):
        load_external(folder)


def test_other_places_are_refused_with_what_was_looked_for(tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        load_external(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("optimizer")
    with pytest.raises(ValueError, match=r"Looked for: config\.json .* Found: notes\.txt\."):
        load_external(tmp_path)


def test_export_leaves_nothing_half(exported, tmp_path, monkeypatch):
    config, params, folder = exported
    with pytest.raises(ValueError, match="is there already and not empty"):
        export_hf(config, params, folder)

    def full_disk(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("t5lite.convert.hf.weights.write_safetensors", full_disk)
    with pytest.raises(OSError, match="No space left"):
        export_hf(config, params, tmp_path / "other")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_export_of_what_t5_cannot_be(tmp_path):
    config = decoder_only()
    with pytest.raises(ValueError, match=r"LLaMA: positions is RelativeBias\(.*, not Rotary"):
        export_hf(config, sharp_params(config), tmp_path / "out")
    config = encoder_decoder(mlp_activations=("gelu", "silu"))
    with pytest.raises(ValueError, match=r"mlp_activations is \('gelu', 'silu'\)"):
        export_hf(config, sharp_params(config), tmp_path / "out")
