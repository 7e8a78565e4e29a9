"""Every family's table and config.json, both ways; tests/peers/test_families.py runs the models."""

import dataclasses
import json

import gin
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from t5lite.configuration import config as gin_config
from t5lite.convert import export_hf, load_external
from t5lite.convert.hf.family import Fields
from t5lite.convert.hf.folder import FAMILIES, choose_family, open_folder
from t5lite.convert.names import layer_shapes, to_theirs, unstack
from t5lite.convert.source import SpecialIds
from t5lite.initialization.model_differences import model_differences
from t5lite.models.parameters import flatten_names
from t5lite.models.position_config import Rotary
from t5lite.models.rotary_scaling import LinearScaling
from tests.models.tiny import OF_BLOOM, PER_LAYER, encoder_decoder, family, sharp_params
from tests.test_gin_files import MODELS

CONFIGS = {
    "t5": encoder_decoder(dropout_rate=0.1),
    "umt5": encoder_decoder(positions=PER_LAYER, dropout_rate=0.1),
    "gpt2": family("gpt2", d_model=24, d_kv=8, initializer="normal"),
    "opt": family("opt", d_model=24, d_kv=8, norm_epsilon=1e-5, initializer="normal"),
    "opt_350m": family("opt_350m", d_model=24, d_kv=8, norm_epsilon=1e-5, initializer="normal"),
    "opt_plain": family(
        "opt",
        d_model=24,
        d_kv=8,
        norm_epsilon=1e-5,
        initializer="normal",
        attention_bias=False,
        mlp_bias=False,
        tied_embeddings=False,
        embedding_dim=26,
    ),
    "gpt_neox": family("gpt_neox", d_model=33, initializer="small"),
    "gpt_neox_sequential": family(
        "gpt_neox",
        d_model=33,
        block="sequential",
        attention_bias=False,
        positions=Rotary(fraction=0.4, scaling=LinearScaling(factor=3.0)),
        tied_embeddings=True,
        initializer="small",
    ),
    "llama": family("llama", d_model=24, initializer="normal"),
    "llama_biased": family(
        "llama", d_model=24, attention_bias=True, mlp_bias=True, initializer="normal"
    ),
    "qwen2": family("qwen2", d_model=24, initializer="normal"),
    "mpt": family("mpt", d_model=24, d_ff=96, d_kv=8, initializer="normal", dropout_rate=0.1),
    "bloom": family("gpt2", **OF_BLOOM, d_model=24, d_ff=96, d_kv=8, initializer="normal"),
    "mistral": family("mistral", d_model=24, initializer="normal"),
    "qwen2_window": family("qwen2", d_model=24, initializer="normal", attention_window=7),
    "gemma": family("gemma", d_model=24, initializer="normal"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_there_and_back_to_the_bit(name, tmp_path):
    config = CONFIGS[name]
    params = sharp_params(config, 1)
    export_hf(config, params, tmp_path / "model")
    again, params_again, source = load_external(tmp_path / "model")
    assert again == config
    assert source == "hf"
    flat, flat_again = flatten_names(params), flatten_names(params_again)
    assert flat.keys() == flat_again.keys()
    for key, leaf in flat.items():
        np.testing.assert_array_equal(flat_again[key], leaf, err_msg=key)


@pytest.mark.parametrize("name", CONFIGS)
def test_every_tensor_holds_its_share_and_no_other(name):
    config = CONFIGS[name]
    arrays = unstack(sharp_params(config))
    theirs = to_theirs(choose_family(config).table, arrays, config=config)
    assert arrays.keys() == layer_shapes(config).keys()
    assert sum(tensor.size for tensor in theirs.values()) == sum(a.size for a in arrays.values())
    numbers = np.concatenate([tensor.read().reshape(-1) for tensor in theirs.values()])
    ours = np.concatenate([array.read().reshape(-1) for array in arrays.values()])
    np.testing.assert_array_equal(np.sort(numbers), np.sort(ours))


@pytest.mark.parametrize("name", MODELS)
def test_every_size_that_we_ship(name):
    gin_config.parse([name])
    config = gin.get_configurable("TransformerConfig")()
    if "palm" in name:
        with pytest.raises(
            ValueError, match=r"no class that can be this model\. [^?]*'parallel_shared"
        ):
            choose_family(config)
        return
    found = choose_family(config)
    expected = {"pythia": "gpt_neox", "smollm2": "llama", "llama3": "llama", "qwen2_5": "qwen2"}
    kind = name.split("/")[1]
    own = kind if kind in {family.model_type for family in FAMILIES} - {"mt5"} else "t5"
    assert found.model_type == expected.get(kind, own)
    record = {"model_type": found.model_type} | found.write_config(config)
    again = found.read_config(Fields(record), config.tied_embeddings)
    kept = {"dtype": config.dtype, "remat": config.remat, "scan_layers": config.scan_layers}
    assert again.to_dict() | kept == config.to_dict()


LLAMA3 = {
    "rope_theta": 500000.0,
    "rope_scaling": {
        "factor": 8.0,
        "high_freq_factor": 4.0,
        "low_freq_factor": 1.0,
        "original_max_position_embeddings": 8192,
        "rope_type": "llama3",
    },
    "max_position_embeddings": 131072,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-05,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "pretraining_tp": 1,
}
# What decides a model in config.json as published, some with fields of older versions.
PUBLISHED = {
    "llama3/1b": LLAMA3
    | {"rope_scaling": LLAMA3["rope_scaling"] | {"factor": 32.0}, "head_dim": 64}
    | {"hidden_size": 2048, "intermediate_size": 8192, "num_attention_heads": 32}
    | {"num_hidden_layers": 16, "tie_word_embeddings": True, "eos_token_id": 128001},
    "llama3/8b": LLAMA3
    | {"hidden_size": 4096, "intermediate_size": 14336, "num_attention_heads": 32}
    | {"num_hidden_layers": 32, "eos_token_id": [128001, 128008, 128009]},
    "mistral/7b": {"hidden_act": "silu", "hidden_size": 4096, "intermediate_size": 14336}
    | {"max_position_embeddings": 32768, "num_attention_heads": 32, "num_hidden_layers": 32}
    | {"num_key_value_heads": 8, "rms_norm_eps": 1e-05, "rope_theta": 10000.0}
    | {"sliding_window": 4096, "tie_word_embeddings": False, "vocab_size": 32000},
    "qwen2_5/0.5b": {"hidden_act": "silu", "hidden_size": 896, "intermediate_size": 4864}
    | {"max_position_embeddings": 32768, "max_window_layers": 24, "num_attention_heads": 14}
    | {"num_hidden_layers": 24, "num_key_value_heads": 2, "rms_norm_eps": 1e-06}
    | {"rope_theta": 1000000.0, "sliding_window": 32768, "tie_word_embeddings": True}
    | {"use_mrope": False, "use_sliding_window": False, "vocab_size": 151936},
    "gemma/2b": {"head_dim": 256, "hidden_act": "gelu", "hidden_size": 2048}
    | {"intermediate_size": 16384, "max_position_embeddings": 8192, "num_attention_heads": 8}
    | {"num_hidden_layers": 18, "num_key_value_heads": 1, "rms_norm_eps": 1e-06}
    | {"rope_scaling": None, "rope_theta": 10000.0, "vocab_size": 256000},
    "mpt/7b": {"d_model": 4096, "expansion_ratio": 4, "n_heads": 32, "n_layers": 32}
    | {"auto_map": {"AutoConfig": "configuration_mpt.MPTConfig"}, "logit_scale": None}
    | {"attn_config": {"alibi": True, "alibi_bias_max": 8, "clip_qkv": None, "qk_ln": False}}
    | {"max_seq_len": 2048, "no_bias": True, "vocab_size": 50432},
    "bloom/560m": {"n_embed": 1024, "n_inner": None, "n_layer": 24, "num_attention_heads": 16}
    | {"apply_residual_connection_post_layernorm": False, "layer_norm_epsilon": 1e-05}
    | {"offset_alibi": 100, "pretraining_tp": 1, "vocab_size": 250880},
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_config_json_is_the_size_that_we_ship(name):
    gin_config.parse([f"models/{name}.gin"])
    shipped = gin.get_configurable("TransformerConfig")()
    found = choose_family(shipped)
    fields = Fields({"model_type": found.model_type} | PUBLISHED[name])
    fields.expect_nothing_not_done(but=found.unread)
    read = found.read_config(fields, shipped.tied_embeddings)
    assert list(model_differences(read, shipped)) == []


def test_heads_of_a_width_of_their_own():
    """Mistral Nemo's do not fill the model; what is read is written."""
    record = {"model_type": "mistral", "hidden_size": 5120, "intermediate_size": 14336}
    record |= {"head_dim": 128, "num_attention_heads": 32, "num_key_value_heads": 8}
    record |= {"num_hidden_layers": 40, "sliding_window": None, "vocab_size": 131072}
    record |= {"rms_norm_eps": 1e-05, "rope_theta": 1000000.0, "max_position_embeddings": 131072}
    (mistral,) = (family for family in FAMILIES if family.model_type == "mistral")
    config = mistral.read_config(Fields(record), False)
    assert (config.d_kv, config.attention_window) == (128, None)
    written = mistral.write_config(config)
    assert {name: written[name] for name in record.keys() & written.keys()} == {
        name: record[name] for name in record.keys() & written.keys()
    }


def test_a_language_model_that_is_none_of_theirs_is_answered_with_the_fields_that_make_it_one():
    made = CONFIGS["llama"]
    config = dataclasses.replace(made, scale_attention=False)
    with pytest.raises(ValueError, match="Nearest:\n  LLaMA: scale_attention is False") as error:
        choose_family(config)
    assert "T5:" not in str(error.value) and "train it" in str(error.value)
    assert choose_family(made).model_type == "llama"


def test_a_model_goes_back_as_what_it_came():
    config = encoder_decoder()
    assert choose_family(config).model_type == "t5"
    assert choose_family(config, "mt5").model_type == "mt5"
    # What an mT5 cannot be: it never scales its logits.
    assert choose_family(encoder_decoder(scale_logits=True), "mt5").model_type == "t5"
    assert choose_family(CONFIGS["llama"], "mt5").model_type == "llama"


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("gpt2", {"num_kv_heads": 1}, r"GPT-2: kv_heads is 1, not 3"),
        ("gpt2", {"d_kv": 7}, r"num_heads \* d_kv is 21, not d_model \(24\)"),
        ("opt", {"norm_epsilon": 1e-3}, r"OPT: norm_epsilon is 0\.001"),
        ("opt", {"mlp_bias": False}, r"attention_bias is True, not False"),
        ("opt", {"embedding_dim": 24}, r"embedding_dim is d_model"),
        ("gpt_neox", {"mlp_bias": False}, r"GPT-NeoX: mlp_bias is False"),
        ("llama", {"positions": Rotary(fraction=0.5)}, r"LLaMA: positions.fraction is 0\.5"),
        ("llama", {"num_heads": 10}, r"num_heads \(10\) does not divide d_model \(24\)"),
        ("llama", {"mlp_activations": ("silu",)}, r"mlp_activations is \('silu',\), not gated"),
        ("t5", {"attention_bias": True}, r"  T5: attention_bias is True"),
        ("qwen2", {"mlp_bias": True}, r"Qwen 2: mlp_bias is True, not False"),
        ("gemma", {"scale_embeddings": False}, r"Gemma: scale_embeddings is False, not True"),
        ("bloom", {"d_ff": 95}, r"BLOOM: d_ff is 95, not 96"),
        ("mpt", {"positions": Rotary()}, r"MPT: positions is Rotary\(.*, not Alibi"),
    ],
)
def test_what_they_cannot_be_is_reported(name, changes, message):
    fields = dict(vars(CONFIGS[name])) | changes
    with pytest.raises(ValueError, match=message):
        choose_family(type(CONFIGS[name]).from_dict(fields))


@pytest.fixture
def exported(tmp_path):
    """Folders of ours by family, and a way to change what is in one."""

    def export(name):
        folder = tmp_path / name
        ids = SpecialIds(bos=2, eos=(3, 4), pad=1)
        export_hf(CONFIGS[name], sharp_params(CONFIGS[name]), folder, special_ids=ids)
        return folder

    return export


def edit_config(folder, **changes):
    record = json.loads((folder / "config.json").read_text()) | changes
    kept = {name: value for name, value in record.items() if value != "gone"}
    (folder / "config.json").write_text(json.dumps(kept))


def edit_tensors(folder, edit):
    file = folder / "model.safetensors"
    save_file(edit(load_file(file)), file)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("llama", {"sliding_window": 128}, "sliding_window is 128; of llama t5lite does only None"),
        ("llama", {"quantization_config": {"bits": 4}}, "quantization_config is"),
        ("llama", {"rope_scaling": {"type": "yarn", "factor": 2.0}}, "needs original_max_position"),
        (
            "llama",
            {"rope_scaling": None, "rope_parameters": {"rope_type": "mrope", "factor": 8.0}},
            "rope_parameters is .*'mrope'",
        ),
        (
            "llama",
            {"rope_scaling": {"rope_type": "longrope", "original_max_position_embeddings": 8}},
            "'longrope' needs long_factor, short_factor",
        ),
        (
            "llama",
            {"rope_scaling": {"rope_type": "llama3", "factor": "8"}, "max_position_embeddings": 8},
            r"rope_scaling\.factor must be a finite number .* got '8'",
        ),
        (
            "llama",
            {"rope_scaling": {"type": "dynamic", "factor": 2.0, "beta_fast": 1.0}},
            "'dynamic' has no beta_fast",
        ),
        ("llama", {"partial_rotary_factor": 0.5}, "partial_rotary_factor is 0.5"),
        ("llama", {"hidden_act": "silo"}, "hidden_act is 'silo'.* Did you mean 'silu'"),
        (
            "llama",
            {"num_attention_heads": "gone"},
            "has no 'num_attention_heads', which every llama",
        ),
        ("mistral", {"sliding_window": 0}, "sliding_window must be"),
        ("mistral", {"layer_types": ["sliding_attention"]}, "layer_types is"),
        (
            "qwen2_window",
            {"max_window_layers": 1},
            "max_window_layers, makes its layers full_attention and sliding_attention",
        ),
        ("qwen2", {"layer_types": ["sliding_attention"]}, "config.json: .* there is no window"),
        ("gemma", {"hidden_act": "relu"}, "hidden_act is 'relu'; of gemma t5lite does only 'gelu'"),
        ("mpt", {"attn_config": {"qk_ln": True}}, r"attn_config\.qk_ln is True; of mpt t5lite"),
        ("mpt", {"attn_config": {"alibi": False}}, r"attn_config\.alibi is False"),
        ("mpt", {"attn_config": {"alibi_bias_max": 16}}, r"alibi_bias_max is 16; .* only 8"),
        ("mpt", {"attn_config": {"kv_n_heads": 1}}, r"attn_config\.kv_n_heads is 1.* only 3 or"),
        ("mpt", {"attn_config": {"clip_qkv": "6"}}, r"attn_config: clip_qkv must be .* got '6'"),
        ("mpt", {"logit_scale": "inv_sqrt_d_model"}, "logit_scale is 'inv_sqrt_d_model'"),
        ("mpt", {"no_bias": False}, "no_bias is False"),
        ("mpt", {"expansion_ratio": 2}, "expansion_ratio is 2; of mpt t5lite does only 4"),
        ("bloom", {"apply_residual_connection_post_layernorm": True}, "apply_residual_connection"),
        ("gpt2", {"reorder_and_upcast_attn": True}, "reorder_and_upcast_attn is True"),
        ("gpt2", {"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx"),
        ("gpt2", {"add_cross_attention": True}, "add_cross_attention is True"),
        ("opt", {"_remove_final_layer_norm": True}, "_remove_final_layer_norm is True"),
        ("opt", {"layer_norm_elementwise_affine": False}, "layer_norm_elementwise_affine is False"),
        ("opt", {"enable_bias": False}, r"unused model\.decoder\.layers\.0\.fc1\.bias"),
        ("opt", {"do_layer_norm_before": False}, r"unused model\.decoder\.final_layer_norm\.bias"),
        ("gpt_neox", {"num_hidden_layers": 4}, r"missing gpt_neox\.layers\.3\.attention\.dense"),
        ("gpt_neox", {"intermediate_size": 35}, r"dense_4h_to_h\.weight is \(33, 34\), expected"),
        ("t5", {"is_encoder_decoder": False}, "is_encoder_decoder is False"),
    ],
)
def test_what_we_cannot_do_is_reported(name, changes, message, exported):
    folder = exported(name)
    edit_config(folder, **changes)
    with pytest.raises(ValueError, match=message):
        load_external(folder)


def test_windows_of_both_families(exported):
    for name, changes, window in (
        ("mistral", {"sliding_window": "gone"}, 4096),
        ("mistral", {"sliding_window": None}, None),
        ("qwen2", {"sliding_window": 9, "max_window_layers": 0}, None),
        ("qwen2_window", {"sliding_window": "gone"}, 4096),
        ("qwen2_window", {"max_window_layers": "gone"}, None),
        ("qwen2_window", {"max_window_layers": 3, "layer_types": ["sliding_attention"] * 3}, 7),
    ):
        folder = exported(name)
        edit_config(folder, **changes)
        assert open_folder(folder).config.attention_window == window
        for file in folder.iterdir():
            file.unlink()


def test_rotary_fields_of_both_versions(exported):
    folder = exported("llama")
    for changes, theta, scaling in (
        ({}, 500.0, LinearScaling(factor=2.0)),
        # Version 4's, as saved by releases with and without a type of scaling.
        ({"rope_parameters": "gone"}, 500.0, LinearScaling(factor=2.0)),
        ({"rope_parameters": "gone", "rope_scaling": None}, 500.0, None),
        ({"rope_parameters": "gone", "rope_theta": "gone"}, 10000.0, LinearScaling(factor=2.0)),
        # Version 5's alone.
        (
            {
                "rope_theta": "gone",
                "rope_scaling": "gone",
                "rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 7.0},
            },
            7.0,
            LinearScaling(factor=4.0),
        ),
    ):
        before = (folder / "config.json").read_text()
        edit_config(folder, **changes)
        config = open_folder(folder).config
        assert config.positions == Rotary(theta=theta, scaling=scaling)
        (folder / "config.json").write_text(before)
    folder = exported("gpt_neox")
    edit_config(folder, rope_parameters="gone", rotary_pct=0.6, rotary_emb_base=99)
    config = open_folder(folder).config
    assert config.positions == Rotary(fraction=0.6, theta=99.0)


def test_names_of_older_files(exported):
    """Published weights of GPT-2 and OPT lack a prefix, and most hold what nothing uses."""
    cross = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
    for name, prefix, buffers in (
        ("gpt2", "transformer.", ("h.0.attn.bias", "h.2.attn.masked_bias")),
        ("opt", "model.", ("decoder.version",)),
        ("t5", "", (cross,)),
        ("umt5", "", (cross,)),
        ("gpt_neox", "", ("gpt_neox.layers.0.attention.masked_bias",)),
        ("gpt_neox", "", ("gpt_neox.layers.1.attention.rotary_emb.inv_freq",)),
        ("llama", "model.", ("layers.0.self_attn.rotary_emb.inv_freq",)),
    ):
        folder = exported(name)
        before = load_external(folder)[1]

        def older(tensors, prefix=prefix, buffers=buffers):
            masks = {buffer: np.ones((1, 4), np.uint8) for buffer in buffers}
            return {key.removeprefix(prefix): value for key, value in tensors.items()} | masks

        edit_tensors(folder, older)
        after = load_external(folder)[1]
        for key, leaf in flatten_names(before).items():
            np.testing.assert_array_equal(flatten_names(after)[key], leaf, err_msg=key)
        for file in folder.iterdir():
            file.unlink()


def test_leftovers_are_reported_and_others_refused(exported, caplog):
    folder = exported("gpt2")
    masks = {f"transformer.h.{i}.attn.bias": np.ones((4, 4), np.uint8) for i in range(3)}
    edit_tensors(folder, lambda t: t | masks)
    with caplog.at_level("INFO", "t5lite"):
        load_external(folder)
    assert len(caplog.records) == 1
    assert "3 tensors are left out, which GPT2LMHeadModel in transformers" in caplog.text
    # Of a layer that the config does not have: a bias by the name of a leftover's kind.
    edit_tensors(folder, lambda t: t | {"transformer.h.7.attn.c_attn.bias": np.ones(3)})
    with pytest.raises(ValueError, match=r"unused transformer\.h\.7\.attn\.c_attn\.bias"):
        load_external(folder)


def test_one_embedding_under_several_names(exported):
    folder = exported("t5")
    before = load_external(folder)
    edit_tensors(
        folder,
        lambda t: {k.replace("shared", "decoder.embed_tokens"): v for k, v in t.items()},
    )
    after = load_external(folder)
    assert after[0] == before[0]
    np.testing.assert_array_equal(
        after[1]["token_embedder"]["embedding"], before[1]["token_embedder"]["embedding"]
    )
    other = "encoder.embed_tokens.weight"
    edit_tensors(folder, lambda t: t | {other: t["decoder.embed_tokens.weight"] + 1})
    with pytest.raises(ValueError, match=r"decoder\.embed_tokens\.weight differs from shared"):
        load_external(folder)


def test_the_output_projection_by_neoxs_newer_name(exported):
    folder = exported("gpt_neox")
    edit_tensors(folder, lambda t: {k.replace("embed_out", "lm_head"): v for k, v in t.items()})
    assert not load_external(folder)[0].tied_embeddings


def test_tied_is_decided_by_the_tensors(exported):
    folder = exported("gpt2")
    edit_config(folder, tie_word_embeddings=False)
    with pytest.raises(ValueError, match=r"saved without its language-model head"):
        load_external(folder)
    edit_tensors(folder, lambda t: t | {"lm_head.weight": t["transformer.wte.weight"].copy()})
    assert load_external(folder)[0].tied_embeddings
    edit_config(folder, tie_word_embeddings=True)
    edit_tensors(folder, lambda t: t | {"lm_head.weight": t["transformer.wte.weight"] + 1})
    assert not load_external(folder)[0].tied_embeddings


def test_weights_without_an_embedding_are_reported(exported):
    folder = exported("llama")
    edit_tensors(folder, lambda t: {k: v for k, v in t.items() if "embed_tokens" not in k})
    with pytest.raises(ValueError, match=r"no tensor model\.embed_tokens\.weight; is it a LLaMA"):
        load_external(folder)


def test_quantised_weights_are_refused(exported):
    folder = exported("llama")
    name = "model.layers.1.mlp.up_proj.weight"
    edit_tensors(folder, lambda t: t | {name: t[name].astype(np.int8)})
    with pytest.raises(ValueError, match=r"up_proj\.weight \(int8\)\. Quantised models"):
        load_external(folder)


def test_special_ids_are_kept(exported):
    folder = exported("opt")
    record = json.loads((folder / "config.json").read_text())
    assert (record["bos_token_id"], record["eos_token_id"], record["pad_token_id"]) == (
        2,
        [3, 4],
        1,
    )
    source = open_folder(folder)
    assert source.special_ids == SpecialIds(bos=2, eos=(3, 4), pad=1)
    # Which of them stand around a prompt is the tokenizer's matter.
    assert source.prompt_prefix is None
    assert source.context_length == 40
    # Settings of generation win over those of the model.
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": 9}))
    assert open_folder(folder).special_ids == SpecialIds(bos=2, eos=9, pad=1)


def test_special_ids_that_are_none(exported, caplog):
    folder = exported("opt")
    (folder / "generation_config.json").unlink()
    edit_config(folder, pad_token_id=-1, bos_token_id=CONFIGS["opt"].vocab_size, eos_token_id=[3])
    assert open_folder(folder).special_ids == SpecialIds(eos=3)
    assert "config.json: bos_token_id is" in caplog.text
    edit_config(folder, bos_token_id="<s>")
    with pytest.raises(ValueError, match=r"config\.json: bos_token_id must be an integer or"):
        open_folder(folder)


def test_t5s_pads_with_0_whatever_its_vocabulary_says(exported):
    record = json.loads((exported("t5") / "generation_config.json").read_text())
    assert record == {
        "bos_token_id": 2,
        "eos_token_id": [3, 4],
        "pad_token_id": 0,
        "decoder_start_token_id": 0,
    }


def test_tied_without_scaling_is_said_in_words_of_both_versions(tmp_path):
    """Version 4 would scale a tied T5's logits: there it is one that happens to have two copies."""
    config = encoder_decoder(tied_embeddings=True)
    export_hf(config, sharp_params(config), tmp_path / "model")
    record = json.loads((tmp_path / "model" / "config.json").read_text())
    assert (record["tie_word_embeddings"], record["scale_decoder_outputs"]) == (False, False)
    tensors = load_file(tmp_path / "model" / "model.safetensors")
    np.testing.assert_array_equal(tensors["lm_head.weight"], tensors["shared.weight"])
    assert load_external(tmp_path / "model")[0] == config


def test_every_family_has_a_name_of_its_own():
    assert len({family.model_type for family in FAMILIES}) == len(FAMILIES)
