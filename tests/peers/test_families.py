"""Every family beside Hugging Face + torch: the same logits both ways, and tensors to the bit.

Each case is a small odd model: widths that divide nothing, heads that do not fill the width, one
head of keys, no biases, stacks of unequal depth. Rows of a batch are padded, on the left where the
model is a decoder alone.
"""

import dataclasses
import json
import re
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from t5lite.convert import export_hf, load_external
from t5lite.convert.hf.folder import FAMILIES
from tests.models.tiny import assert_same_params, logits

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

pytestmark = pytest.mark.peers

VOCAB_SIZE = 83
# Logits reach 25 in these sharp models: against float64, torch errs by 6e-5 and XLA by 1.6e-4.
TOLERANCE = 2e-4


@dataclasses.dataclass(frozen=True)
class Case:
    """One model of theirs.

    Attributes:
      kind: Their name of the class, less `Config`.
      fields: Their config.
      head: "untied" gives it an output projection of its own where their config cannot say so.
    """

    kind: str
    fields: dict[str, Any]
    head: str = ""


def t5(**fields):
    base = {
        "d_model": 26,
        "d_ff": 34,
        "d_kv": 6,
        "num_heads": 5,
        "num_layers": 2,
        "num_decoder_layers": 3,
        "pad_token_id": 0,
        "decoder_start_token_id": 0,
        "dropout_rate": 0.1,
    }
    return base | fields


def gpt2(**fields):
    return {"n_embd": 28, "n_head": 4, "n_layer": 2, "n_positions": 40} | fields


def opt(**fields):
    base = {
        "hidden_size": 30,
        "ffn_dim": 44,
        "num_attention_heads": 3,
        "num_hidden_layers": 2,
        "max_position_embeddings": 40,
        "pad_token_id": 1,
        "word_embed_proj_dim": 30,
    }
    return base | fields


def neox(**fields):
    base = {
        "hidden_size": 48,
        "intermediate_size": 70,
        "num_attention_heads": 3,
        "num_hidden_layers": 2,
        "max_position_embeddings": 64,
    }
    return base | fields


def llama(**fields):
    base = {
        "hidden_size": 36,
        "intermediate_size": 50,
        "num_attention_heads": 6,
        "num_hidden_layers": 2,
        "max_position_embeddings": 64,
    }
    return base | fields


def mpt(attention, **fields):
    base = {"d_model": 30, "n_heads": 5, "n_layers": 2, "max_seq_len": 40}
    return base | {"attn_config": attention} | fields


def bloom(**fields):
    return {"hidden_size": 42, "n_head": 7, "n_layer": 2} | fields


def rope(kind="default", **fields):
    return {"rope_type": kind, "rope_theta": 10000.0} | fields


CASES = {
    "t5_1_0": Case("T5", t5(feed_forward_proj="relu", num_layers=3, num_decoder_layers=1)),
    "t5_1_1": Case("T5", t5(feed_forward_proj="gated-gelu", tie_word_embeddings=False), "untied"),
    "t5_tied_unscaled": Case(
        "T5",
        t5(
            feed_forward_proj="gated-silu",
            scale_decoder_outputs=False,
            relative_attention_num_buckets=12,
            relative_attention_max_distance=20,
            layer_norm_epsilon=1e-3,
        ),
    ),
    "t5_untied_scaled": Case("T5", t5(feed_forward_proj="gelu", d_kv=7), "untied"),
    "mt5": Case("MT5", t5(num_layers=1), "untied"),
    "mt5_tied": Case("MT5", t5(num_heads=1, d_kv=9)),
    # Version 5 scales umT5's logits always, and so does a config that does not say otherwise.
    "umt5": Case("UMT5", t5(num_layers=3, num_decoder_layers=2), "untied"),
    "umt5_tied": Case("UMT5", t5(d_kv=3, feed_forward_proj="relu", num_decoder_layers=1)),
    "gpt2": Case("GPT2", gpt2()),
    "gpt2_untied": Case(
        "GPT2",
        gpt2(n_head=1, n_inner=33, activation_function="relu", tie_word_embeddings=False),
    ),
    "gpt2_unscaled": Case(
        "GPT2",
        gpt2(
            n_layer=3,
            scale_attn_weights=False,
            activation_function="gelu",
            layer_norm_epsilon=1e-3,
        ),
    ),
    "opt": Case("OPT", opt()),
    "opt_350m": Case("OPT", opt(do_layer_norm_before=False, word_embed_proj_dim=14)),
    "opt_untied": Case(
        "OPT", opt(word_embed_proj_dim=34, activation_function="gelu", tie_word_embeddings=False)
    ),
    "opt_no_bias": Case("OPT", opt(enable_bias=False, num_attention_heads=1)),
    "neox": Case("GPTNeoX", neox(rotary_pct=0.25)),
    "neox_sequential": Case(
        "GPTNeoX",
        neox(
            use_parallel_residual=False,
            attention_bias=False,
            hidden_act="gelu_new",
            tie_word_embeddings=True,
            rope_parameters=rope(partial_rotary_factor=1.0, rope_theta=777.0),
        ),
    ),
    "neox_linear": Case(
        "GPTNeoX",
        neox(rope_parameters=rope("linear", factor=3.0, partial_rotary_factor=0.5)),
    ),
    "llama": Case("Llama", llama()),
    "llama_grouped": Case(
        "Llama",
        llama(
            num_key_value_heads=2,
            head_dim=8,
            tie_word_embeddings=True,
            rope_parameters=rope(rope_theta=100000.0),
            rms_norm_eps=1e-3,
        ),
    ),
    "llama_one_kv_head": Case(
        "Llama",
        llama(
            num_key_value_heads=1,
            head_dim=10,
            attention_bias=True,
            mlp_bias=True,
            rope_parameters=rope("linear", factor=2.5),
        ),
    ),
    "mistral": Case(
        "Mistral", llama(num_key_value_heads=2, head_dim=8, sliding_window=None, mlp_bias=True)
    ),
    "mistral_window": Case("Mistral", llama(num_key_value_heads=3, sliding_window=5)),
    "qwen2_window": Case(
        "Qwen2",
        llama(
            num_key_value_heads=3, use_sliding_window=True, sliding_window=7, max_window_layers=0
        ),
    ),
    "mpt": Case("Mpt", mpt({})),
    "mpt_clipped": Case("Mpt", mpt({"clip_qkv": 0.7}, n_heads=6, layer_norm_epsilon=1e-3)),
    "mpt_one_head": Case("Mpt", mpt({}, n_heads=1)),
    "bloom": Case("Bloom", bloom()),
    "bloom_untied": Case(
        "Bloom", bloom(n_head=3, tie_word_embeddings=False, layer_norm_epsilon=1e-3)
    ),
    "bloom_16_heads": Case("Bloom", bloom(hidden_size=48, n_head=16)),
    "qwen2": Case("Qwen2", llama(num_key_value_heads=3, rope_parameters=rope(rope_theta=1e6))),
    "qwen2_tied": Case(
        "Qwen2", llama(num_key_value_heads=1, tie_word_embeddings=True, rms_norm_eps=1e-5)
    ),
    "gemma": Case("Gemma", llama(num_key_value_heads=1, head_dim=10, hidden_act="gelu")),
    "gemma_biased": Case("Gemma", llama(num_key_value_heads=6, head_dim=8, attention_bias=True)),
}


def their_model(case):
    config = getattr(transformers, f"{case.kind}Config")(vocab_size=VOCAB_SIZE, **case.fields)
    auto = transformers.AutoModelForSeq2SeqLM
    if not config.is_encoder_decoder:
        auto = transformers.AutoModelForCausalLM
    model = auto.from_config(config).eval()
    if case.head == "untied":
        model.lm_head.weight = torch.nn.Parameter(torch.empty_like(model.lm_head.weight))
    generator = torch.Generator().manual_seed(0)
    for name, parameter in model.named_parameters():
        value = torch.randn(parameter.shape, generator=generator)
        if parameter.ndim == 1:
            value = 0.2 * value + ("norm" in name or "ln_" in name) * name.endswith("weight")
        elif not any(word in name for word in ("shared", "relative", "embed_tokens", "wte")):
            value = 1.2 * value * parameter.shape[1] ** -0.5
        parameter.data = value
    return model


def make_batch(encoder_decoder, seed=0):
    """Ids, and where they are real: 3 rows, 2 of them padded."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(2, VOCAB_SIZE, (3, 23), dtype=np.int32)
    real = np.ones_like(ids)
    if encoder_decoder:
        real[1, 4:] = 0
        real[2, 17:] = 0
        outputs = rng.integers(2, VOCAB_SIZE, (3, 19), dtype=np.int32)
        outputs[:, 0] = 0
        return {"ids": np.where(real, ids, 0), "real": real, "outputs": outputs}
    real[1, :19] = 0
    real[2, :6] = 0
    # The mask says what is padding: an id of 0 is a token like any other.
    ids[0, 5] = 0
    return {"ids": np.where(real, ids, 1), "real": real}


def our_logits(config, params, batch):
    if config.architecture == "encoder_decoder":
        features = {"encoder_input_tokens": batch["ids"], "decoder_input_tokens": batch["outputs"]}
    else:
        features = {
            "decoder_input_tokens": batch["ids"],
            "decoder_segment_ids": batch["real"],
            "decoder_positions": np.maximum(np.cumsum(batch["real"], axis=1) - 1, 0).astype(
                np.int32
            ),
        }
    return masked(logits(config, params, features), batch)


def their_logits(model, batch):
    tensors = {"input_ids": batch["ids"], "attention_mask": batch["real"]}
    if "outputs" in batch:
        tensors["decoder_input_ids"] = batch["outputs"]
    elif model.config.model_type not in ("opt", "mpt", "bloom"):
        tensors["position_ids"] = np.maximum(np.cumsum(batch["real"], axis=1) - 1, 0)
    with torch.no_grad():
        output = model(**{name: torch.tensor(value).long() for name, value in tensors.items()})
    return masked(output.logits.numpy(), batch)


def masked(values, batch):
    """Leaves out what a decoder says of padding."""
    return values if "outputs" in batch else values[batch["real"] == 1]


def load_theirs(folder):
    record = json.loads((folder / "config.json").read_text())
    auto = transformers.AutoModelForCausalLM
    if record.get("is_encoder_decoder"):
        auto = transformers.AutoModelForSeq2SeqLM
    return auto.from_pretrained(folder).eval()


@pytest.mark.parametrize("name", CASES)
def test_there_and_back(name, tmp_path):
    case = CASES[name]
    model = their_model(case)
    model.save_pretrained(tmp_path / "theirs")
    config, params, _ = load_external(tmp_path / "theirs")
    batch = make_batch(config.architecture == "encoder_decoder")
    expected = their_logits(model, batch)
    assert np.std(expected) > 0.05
    np.testing.assert_allclose(our_logits(config, params, batch), expected, atol=TOLERANCE)

    export_hf(config, params, tmp_path / "ours")
    again = load_theirs(tmp_path / "ours")
    np.testing.assert_allclose(their_logits(again, batch), expected, atol=TOLERANCE)
    theirs = load_file(tmp_path / "theirs" / "model.safetensors")
    back = load_file(tmp_path / "ours" / "model.safetensors")
    if "lm_head.weight" in theirs and "embed_out.weight" in back:
        theirs["embed_out.weight"] = theirs.pop("lm_head.weight")
    for key in theirs.keys() & back.keys():
        np.testing.assert_array_equal(back[key], theirs[key], err_msg=key)
    # Only an output projection that is the embedding may be in one and not in the other.
    assert theirs.keys() ^ back.keys() <= {"lm_head.weight"}


# By model type: a leftover of published files that the class declares, or used to.
LEFTOVERS = {
    "t5": "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",
    "mt5": "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",
    "umt5": "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",
    "gpt2": "transformer.h.1.attn.bias",
    "opt": "model.decoder.version",
    "gpt_neox": "gpt_neox.layers.0.attention.masked_bias",
    **dict.fromkeys(
        ("llama", "mistral", "qwen2", "gemma"), "model.layers.1.self_attn.rotary_emb.inv_freq"
    ),
}


def save_zip(tensors, path):
    torch.save(tensors, path)


def save_pickle(tensors, path):
    """As torch 1.5 and before."""
    torch.save(tensors, path, _use_new_zipfile_serialization=False)


def save_safetensors(tensors, path):
    from safetensors.torch import save_file

    separate = {name: tensor.clone().contiguous() for name, tensor in tensors.items()}
    save_file(separate, path, metadata={"format": "pt"})


WRITERS = {
    "bin": (save_zip, "pytorch_model.bin"),
    "old_bin": (save_pickle, "pytorch_model.bin"),
    "safetensors": (save_safetensors, "model.safetensors"),
}


def write_weights(folder, tensors, *, container, sharded):
    """A folder's weights as published: of torch or safetensors, one file or two and an index."""
    for file in folder.glob("*.safetensors*"):
        file.unlink()
    write, whole = WRITERS[container]
    if not sharded:
        write(tensors, folder / whole)
        return
    stem, ending = whole.split(".")
    names = sorted(tensors)
    shards = (names[::2], names[1::2])
    weight_map = {}
    for number, shard in enumerate(shards, start=1):
        file = f"{stem}-{number:05d}-of-00002.{ending}"
        write({name: tensors[name] for name in shard}, folder / file)
        weight_map |= dict.fromkeys(shard, file)
    record = {"metadata": {"total_size": 1}, "weight_map": weight_map}
    (folder / f"{whole}.index.json").write_text(json.dumps(record))


def their_folder(name, folder):
    model = their_model(CASES[name])
    model.save_pretrained(folder)
    # A module's own dict names tied parameters by all their names.
    return dict(model.state_dict()), load_external(folder)


def assert_same_model(folder, expected):
    """Ours and theirs are what they were before the folder was changed."""
    theirs = load_theirs(folder)
    embedding = expected[1]["token_embedder"]["embedding"]
    np.testing.assert_array_equal(theirs.get_input_embeddings().weight.detach().numpy(), embedding)
    config, params, _ = load_external(folder)
    assert config == expected[0]
    assert_same_params(params, expected[1])


@pytest.mark.parametrize(
    ("name", "container", "sharded"),
    [("t5_1_0", container, sharded) for container in WRITERS for sharded in (False, True)]
    + [(name, "bin", True) for name in ("mt5", "umt5", "gpt2", "opt", "neox", "llama")],
)
def test_leftovers_in_files_of_every_kind(name, container, sharded, tmp_path):
    tensors, expected = their_folder(name, tmp_path)
    model_type = json.loads((tmp_path / "config.json").read_text())["model_type"]
    tensors[LEFTOVERS[model_type]] = torch.ones(4, 4)
    write_weights(tmp_path, tensors, container=container, sharded=sharded)
    assert_same_model(tmp_path, expected)
    tensors["something.else"] = torch.ones(2)
    write_weights(tmp_path, tensors, container=container, sharded=sharded)
    with pytest.raises(ValueError, match=r"unused something\.else"):
        load_external(tmp_path)


def test_what_their_classes_declare_as_leftovers_is_ours():
    for family in FAMILIES:
        theirs = getattr(transformers, family.architecture)._keys_to_ignore_on_load_unexpected or []
        for pattern in theirs:
            # Their patterns are plain names or their ends, with a dot for a dot.
            example = f"h.0.{pattern}" if pattern.startswith(("att", "cross")) else pattern
            assert any(re.search(ours, example) for ours in family.leftovers), (family, pattern)
        if family.leftovers:
            leftover = LEFTOVERS[family.model_type]
            assert any(re.search(ours, leftover) for ours in family.leftovers)


EMBEDDINGS = {
    "t5_1_0": ["shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight"],
    "mt5_tied": ["shared.weight", "decoder.embed_tokens.weight"],
    "umt5_tied": ["shared.weight", "encoder.embed_tokens.weight"],
    "gpt2": ["transformer.wte.weight"],
    "opt": ["model.decoder.embed_tokens.weight"],
    "neox_sequential": ["gpt_neox.embed_in.weight"],
    "llama_grouped": ["model.embed_tokens.weight"],
}


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_a_tied_embedding_by_any_of_its_names(name, tmp_path):
    tensors, expected = their_folder(name, tmp_path)
    names = [*EMBEDDINGS[name], "lm_head.weight"]
    rest = {key: value for key, value in tensors.items() if "embed_tokens" not in key}
    rest = {key: value for key, value in rest.items() if key not in names}
    for kept in names:
        held = rest | {kept: tensors[kept]}
        write_weights(tmp_path, held, container="safetensors", sharded=False)
        assert_same_model(tmp_path, expected)


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("gpt2", "transformer."),
        ("opt", "model."),
        ("llama_grouped", "model."),
        ("neox_sequential", "gpt_neox."),
    ],
)
def test_a_tied_model_saved_from_its_base_class(name, prefix, tmp_path):
    tensors, expected = their_folder(name, tmp_path)
    base = {key.removeprefix(prefix): value for key, value in tensors.items() if prefix in key}
    write_weights(tmp_path, base, container="bin", sharded=False)
    assert_same_model(tmp_path, expected)


@pytest.mark.parametrize("name", ["t5_1_0", "gpt2", "opt", "neox", "llama_grouped"])
def test_heads_are_tied_by_their_numbers(name, tmp_path):
    tensors, (config, _, _) = their_folder(name, tmp_path)
    # What config.json says is wrong in one of the two cases below.
    record = json.loads((tmp_path / "config.json").read_text())
    record["tie_word_embeddings"] = not config.tied_embeddings
    (tmp_path / "config.json").write_text(json.dumps(record))
    embedding = tensors[EMBEDDINGS.get(name, ["gpt_neox.embed_in.weight"])[0]]
    for head, tied in ((embedding.clone(), True), (embedding + 0.5, False)):
        held = tensors | {"lm_head.weight": head}
        write_weights(tmp_path, held, container="safetensors", sharded=False)
        theirs = load_theirs(tmp_path)
        assert torch.equal(theirs.get_output_embeddings().weight, head)
        config, params, _ = load_external(tmp_path)
        assert config.tied_embeddings is tied
        if not tied:
            kernel = params["decoder"]["logits_dense"]["kernel"]
            np.testing.assert_array_equal(kernel, head.numpy().T)
