import dataclasses
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from t5lite.convert.names import stack, unstack
from t5lite.convert.peft.folder import read_folder, write_folder
from t5lite.models.adapter_config import AdaptionPrompt, Lora, PromptTuning
from t5lite.models.parameters import flatten_names
from tests.convert.peft.folders import (
    CONFIG,
    PREFIX,
    WEIGHTS,
    products,
    random_adapter,
    source_of,
    write,
)
from tests.convert.test_foreign_json import EXAMPLES, VALUES
from tests.fuzz.json_values import changed
from tests.models.tiny import encoder_decoder, family

LLAMA = family("llama", d_model=24)
BASES = {
    "t5": encoder_decoder(),
    "gpt2": family("gpt2", d_model=24, d_kv=8),
    "opt": family("opt", d_model=24, d_kv=8, norm_epsilon=1e-5),
    "gpt_neox": family("gpt_neox", d_model=33, initializer="small"),
    "llama": LLAMA,
}
TIED = dataclasses.replace(LLAMA, tied_embeddings=True)
LORAS = (
    Lora(rank=3, alpha=7.5, targets=("/query$", "/wo$")),
    Lora(rank=2, alpha=1.0, targets=("/key$",)),
)
LORA = Lora(rank=3, alpha=7.5, targets=("/query$", "/key$", "/wo$"))
RECORD = {
    "peft_type": "LORA",
    "task_type": "CAUSAL_LM",
    "r": 2,
    "lora_alpha": 6,
    "target_modules": ["q_proj", "mlp.down_proj"],
    "layers_to_transform": [0, 2],
    "rank_pattern": {"layers.2.mlp.down_proj": 4},
    "alpha_pattern": {"q_proj": 1.5},
    "megatron_core": "megatron.core",
    "lora_dropout": 0.25,
}
RANKS = {
    "model.layers.0.self_attn.q_proj": 2,
    "model.layers.0.mlp.down_proj": 2,
    "model.layers.2.self_attn.q_proj": 2,
    "model.layers.2.mlp.down_proj": 4,
}


def tensors(seed=0):
    """What RECORD wants beside a LLaMA of three layers."""
    rng = np.random.default_rng(seed)
    widths = {"q_proj": (24, 48), "down_proj": (34, 24)}
    made = {}
    for name, rank in RANKS.items():
        width_in, width_out = widths[name.rsplit(".")[-1]]
        made[f"{name}.lora_A.weight"] = rng.normal(size=(rank, width_in)).astype(np.float32)
        made[f"{name}.lora_B.weight"] = rng.normal(size=(width_out, rank)).astype(np.float32)
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write(tmp_path_factory.mktemp("peft") / "adapter", RECORD, tensors())


@pytest.mark.parametrize("name", BASES)
def test_a_lora_that_is_written_is_read_as_the_same_changes(tmp_path, name):
    config = dataclasses.replace(BASES[name], adapters=LORAS)
    arrays = unstack(random_adapter(config))
    write_folder(tmp_path, config, arrays, model_type=name)
    read, found = read_folder(tmp_path, base=source_of(BASES[name], model_type=name))
    expected, got = products(config, arrays), products(read, found)
    assert read.base == BASES[name]
    for key, value in got.items():
        # Of a fused map peft changes the value too, here by zero.
        np.testing.assert_allclose(value, expected.get(key, 0 * value), rtol=1e-5, atol=1e-5)
    assert expected.keys() <= got.keys()


def test_maps_that_are_not_fused_are_read_to_the_bit(tmp_path):
    config = dataclasses.replace(LLAMA, adapters=(LORA,))
    params = random_adapter(config)
    write_folder(tmp_path, config, unstack(params))
    read, arrays = read_folder(tmp_path, base=source_of(LLAMA))
    assert (read.adapters[0].rank, read.adapters[0].alpha) == (3, 7.5)
    written, again = flatten_names(params), flatten_names(stack(arrays))
    assert written.keys() == again.keys()
    assert all((written[key] == again[key]).all() for key in written)


def test_ranks_scales_and_layers_of_their_own(folder):
    read, arrays = read_folder(folder, base=source_of(LLAMA))
    assert [(lora.rank, lora.alpha, lora.dropout_rate) for lora in read.adapters] == [
        (2, 1.5, 0.25),
        (4, 12.0, 0.25),
    ]
    held = tensors()
    ours = {"q_proj": "decoder/layers/self_attention/query", "down_proj": "decoder/layers/mlp/wo"}
    alphas = {"q_proj": 1.5, "down_proj": 6}
    found = products(read, arrays)
    for name, rank in RANKS.items():
        layer, end = int(name.split(".")[2]), name.rsplit(".")[-1]
        a, b = (held[f"{name}.lora_{x}.weight"] for x in "AB")
        expected = alphas[end] / rank * (b @ a).T
        np.testing.assert_allclose(found.pop((ours[end], layer)), expected, rtol=1e-4, atol=1e-5)
    assert set(found) == {(name, 1) for name in ours.values()}
    assert not any(product.any() for product in found.values())


def test_what_was_filled_with_zeros_is_left_out_again(folder, tmp_path):
    read, arrays = read_folder(folder, base=source_of(LLAMA))
    write_folder(tmp_path, read, arrays)
    again = load_file(tmp_path / WEIGHTS)
    assert {name: array.shape for name, array in again.items()} == {
        PREFIX + name: array.shape for name, array in tensors().items()
    }
    fields = json.loads((tmp_path / CONFIG).read_text())
    assert fields["rank_pattern"] == {"model.layers.2.mlp.down_proj": 4}


def test_root_of_the_rank(folder, tmp_path):
    write(tmp_path, RECORD | {"use_rslora": True, "alpha_pattern": {}}, tensors())
    read, arrays = read_folder(tmp_path, base=source_of(LLAMA))
    plain, plain_arrays = read_folder(folder, base=source_of(LLAMA))
    key = ("decoder/layers/mlp/wo", 2)
    expected = 2 * products(plain, plain_arrays)[key]
    np.testing.assert_allclose(products(read, arrays)[key], expected, rtol=1e-4, atol=1e-5)


def test_expressions_choose_modules(tmp_path):
    record = RECORD | {"layers_to_transform": None}
    whole = r".*\.(0|2)\.(self_attn\.q_proj|mlp\.down_proj)"
    write(tmp_path, record | {"target_modules": whole}, tensors())
    read_folder(tmp_path, base=source_of(LLAMA))
    write(tmp_path, record | {"exclude_modules": r".*\.1\..*"}, tensors())
    read_folder(tmp_path, base=source_of(LLAMA))


def test_adaption_prompts_are_written_and_read(tmp_path):
    base = family("llama", d_model=24, num_heads=6, num_kv_heads=2, d_kv=4)
    config = dataclasses.replace(
        base, adapters=(AdaptionPrompt(num_tokens=3, num_layers=2, gate="linear"),)
    )
    params = random_adapter(config)
    write_folder(tmp_path, config, unstack(params))
    read, arrays = read_folder(tmp_path, base=source_of(base))
    assert read == config
    written, again = flatten_names(params), flatten_names(stack(arrays))
    assert all((written[name] == again[name]).all() for name in written)
    bounded = dataclasses.replace(base, adapters=(AdaptionPrompt(num_tokens=3, num_layers=2),))
    with pytest.raises(ValueError, match=r"for each head.*one for all"):
        write_folder(tmp_path, bounded, unstack(random_adapter(bounded)))


@pytest.mark.parametrize("name", ["t5", "gpt2", "opt_350m"])
def test_soft_prompts_are_written_and_read(tmp_path, name):
    base = BASES.get(name) or family(name, d_model=24, d_kv=8, norm_epsilon=1e-5)
    config = dataclasses.replace(base, adapters=(PromptTuning(num_tokens=3),))
    params = random_adapter(config)
    write_folder(tmp_path, config, unstack(params))
    read, arrays = read_folder(tmp_path, base=source_of(base))
    assert read == config
    expected = flatten_names(params)["token_embedder/soft_prompt"]
    assert (arrays["token_embedder/soft_prompt", None].read() == expected).all()


def test_half_of_a_soft_prompt_counts_where_peft_has_two(tmp_path, caplog):
    caplog.set_level("INFO")
    record = {"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 2, "task_type": "SEQ_2_SEQ_LM"}
    table = np.arange(88, dtype=np.float32).reshape(4, 22)
    write(tmp_path, record, {})
    save_file({"prompt_embeddings": table}, tmp_path / WEIGHTS)
    _, arrays = read_folder(tmp_path, base=source_of(BASES["t5"]))
    assert (arrays["token_embedder/soft_prompt", None].read() == table[:2]).all()
    assert "the others are left out" in caplog.text
    write(tmp_path, record | {"num_transformer_submodules": 1}, {})
    save_file({"prompt_embeddings": table}, tmp_path / WEIGHTS)
    with pytest.raises(ValueError, match=r"is \(4, 22\), expected \(2, 22\)"):
        read_folder(tmp_path, base=source_of(BASES["t5"]))


def test_scaled_embeddings_have_no_soft_prompt(tmp_path):
    record = {"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 2}
    write(tmp_path, record, {})
    with pytest.raises(ValueError, match="no folder says which"):
        read_folder(tmp_path, base=source_of(family("gemma", d_model=24)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"peft_type": "LOHA"}, "peft_type is 'LOHA'; t5lite does LORA"),
        ({"peft_type": "IA3"}, "peft_type is 'IA3'"),
        ({"task_type": "SEQ_2_SEQ_LM"}, "task_type is 'SEQ_2_SEQ_LM'; the base is decoder_only"),
        ({"task_type": "SEQ_CLS"}, "task_type is 'SEQ_CLS'"),
        ({"bias": "some"}, "bias must be 'none' or 'all' or 'lora_only'"),
        ({"use_dora": True}, "use_dora is True; of LORA t5lite does not do it"),
        ({"lora_bias": True}, "lora_bias is True"),
        ({"modules_to_save": ["lm_head"]}, "the folder holds nothing of lm_head"),
        ({"layer_replication": [[0, 2]]}, "layer_replication is"),
        ({"trainable_token_indices": [3]}, "trainable_token_indices is"),
        ({"a_field_of_the_future": 1}, "a_field_of_the_future is 1"),
        ({"init_lora_weights": "pissa_niter_4"}, "it changes the base's own weights"),
        ({"target_modules": None}, "has no target_modules"),
        ({"target_modules": r".*(q_proj|lm_head)"}, "chooses the output projection"),
        ({"target_modules": ["qkv"]}, "no linear map of such a name"),
        ({"target_modules": "(a+)+b"}, "may take for ever"),
        ({"target_modules": "(("}, "no regular expression"),
        ({"rank_pattern": {"(.*)*": 1}}, "may take for ever"),
        ({"r": 0}, "r must be an integer from 1"),
        ({"r": "2"}, "r must be an integer"),
        ({"lora_alpha": 0}, "lora_alpha must be a finite number above 0"),
        ({"layers_to_transform": ["0"]}, "layers_to_transform must be"),
        ({"layers_to_transform": [0]}, r"unused model.layers.2.mlp.down_proj.lora_A.weight"),
        ({"layers_to_transform": None}, r"missing model.layers.1.mlp.down_proj.lora_A.weight"),
        ({"rank_pattern": {}}, r"down_proj.lora_A.weight is \(4, 34\), expected \(2, 34\)"),
    ],
)
def test_what_is_refused_is_named(tmp_path, changes, said):
    write(tmp_path, RECORD | changes, tensors())
    with pytest.raises(ValueError, match=said):
        read_folder(tmp_path, base=source_of(LLAMA))


UNTIED = ("^token_embedder/embedding$", "^decoder/decoder_norm/scale$", "/logits_dense/kernel$")


def test_parameters_of_the_base_go_along(tmp_path):
    lora = dataclasses.replace(LORA, unfrozen=(*UNTIED, "/wi_0/kernel$"))
    config = dataclasses.replace(LLAMA, adapters=(lora,))
    params = random_adapter(config)
    write_folder(tmp_path, config, unstack(params))
    saved = json.loads((tmp_path / CONFIG).read_text())["modules_to_save"]
    assert {"lm_head", "model.embed_tokens", "model.layers.2.mlp.gate_proj"} < set(saved)
    _, arrays = read_folder(tmp_path, base=source_of(LLAMA))
    written, again = flatten_names(params), flatten_names(stack(arrays))
    assert written.keys() == again.keys()
    assert all((written[name] == again[name]).all() for name in written)


def test_layers_that_were_not_saved_are_the_bases(tmp_path):
    own = np.full((34, 24), 2, np.float32)
    beside = {"model.layers.1.mlp.up_proj.weight": own}
    write(tmp_path, RECORD | {"modules_to_save": ["1.mlp.up_proj"]}, tensors() | beside)
    config, arrays = read_folder(tmp_path, base=source_of(LLAMA))
    assert config.adapters[0].unfrozen == ("^decoder/layers/mlp/wi_1/kernel$",)
    layers = [arrays["decoder/layers/mlp/wi_1/kernel", i].read() for i in range(3)]
    assert [layer.max() for layer in layers] == [0, 2, 0]


@pytest.mark.parametrize(
    ("base", "beside", "said"),
    [
        (LLAMA, {"model.embed_tokens.weight": (50, 24)}, "has 50 rows, and the base 43"),
        (LLAMA, {"lm_head.weight": (43, 23)}, "the adapter is of another base"),
        (LLAMA, {"model.layers.0.mlp.up_proj.bias": (34,)}, "the base has no such parameter"),
        (TIED, {"model.embed_tokens.weight": (43, 24)}, "the base ties it to others"),
        (TIED, {"lm_head.weight": (43, 24)}, "of which peft has made two"),
    ],
)
def test_parameters_of_the_base_that_cannot_go_along(tmp_path, base, beside, said):
    made = {name: np.zeros(shape, np.float32) for name, shape in beside.items()}
    write(tmp_path, RECORD, tensors() | made)
    with pytest.raises(ValueError, match=said):
        read_folder(tmp_path, base=source_of(base))


@pytest.mark.parametrize(
    ("name", "unfrozen", "said"),
    [
        ("t5", "^token_embedder/embedding$", "both stacks read it"),
        ("gpt2", "^token_embedder/embedding$", "the base ties it to others"),
        ("opt", "/query/bias$", "is of a linear map with a LoRA"),
        ("gpt2", "/value/bias$", "is a part of transformer.h.0.attn.c_attn.bias"),
    ],
)
def test_what_peft_cannot_save_of_the_base(tmp_path, name, unfrozen, said):
    lora = dataclasses.replace(LORA, unfrozen=(unfrozen,))
    config = dataclasses.replace(BASES[name], adapters=(lora,))
    with pytest.raises(ValueError, match=said):
        write_folder(tmp_path, config, unstack(random_adapter(config)), model_type=name)


def test_an_adapter_of_another_base(folder):
    with pytest.raises(ValueError, match=r"expected \(2, 40\)"):
        read_folder(
            folder, base=source_of(family("llama", d_model=40, num_heads=5, num_kv_heads=1))
        )


def test_prompts_that_peft_computes_otherwise(tmp_path):
    record = {"peft_type": "ADAPTION_PROMPT", "adapter_len": 2, "adapter_layers": 1}
    write(tmp_path, record, {})
    with pytest.raises(ValueError, match="the base is a GPT-2"):
        read_folder(tmp_path, base=source_of(BASES["gpt2"]))
    with pytest.raises(ValueError, match="heads of 8 are not as wide together"):
        read_folder(tmp_path, base=source_of(LLAMA))


def test_weights_that_are_not_there_or_damaged(tmp_path):
    write(tmp_path, RECORD, tensors())
    content = (tmp_path / WEIGHTS).read_bytes()
    (tmp_path / WEIGHTS).write_bytes(content[:-7])
    with pytest.raises(ValueError, match="damaged or cut short"):
        read_folder(tmp_path, base=source_of(LLAMA))
    (tmp_path / WEIGHTS).unlink()
    with pytest.raises(ValueError, match="neither adapter_model"):
        read_folder(tmp_path, base=source_of(LLAMA))


@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
@given(data=st.data())
def test_every_field_of_adapter_config_json(folder, data):
    fields = [(name,) for name in (*RECORD, "exclude_modules", "layers_pattern", "bias")]
    value = data.draw(VALUES | st.sampled_from([{"q_proj": 10**9}, "(x+)*", "\ud800", [0.5]]))
    record = changed(RECORD, data.draw(st.sampled_from(fields)), value)
    file = folder / CONFIG
    file.write_text(json.dumps(record))
    try:
        _, arrays = read_folder(folder, base=source_of(LLAMA))
        stack(arrays)
    except ValueError as error:
        assert str(folder) in str(error), error
    finally:
        file.write_text(json.dumps(RECORD))
