"""Adapters beside peft itself: the same logits both ways, on small odd models of random numbers."""

import dataclasses
import json
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from t5lite.convert import open_external
from t5lite.convert.adapter_run import merged
from t5lite.convert.convert import convert
from t5lite.convert.hf.folder import choose_family
from t5lite.convert.names import stack, to_theirs, unstack
from t5lite.convert.peft.folder import read_folder, write_folder
from t5lite.convert.peft.modules import modules_of
from t5lite.models.adapter_config import Lora
from t5lite.models.parameters import bind, flatten_names, unflatten_names
from tests.convert.peft.folders import random_adapter
from tests.models.tiny import family, logits

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
peft = pytest.importorskip("peft")

pytestmark = pytest.mark.peers

# Logits reach 2 to 5 in these models; both sides add float32 in orders of their own.
TOLERANCE = 1e-4
VOCAB_SIZE = 61


@dataclasses.dataclass(frozen=True)
class Case:
    """A model of theirs, and an adapter.

    Attributes:
      kind: Their name of the model's class, less `Config`.
      fields: Their config.
      adapter: Fields of the adapter's config.
    """

    kind: str
    fields: dict[str, Any]
    adapter: dict[str, Any]


T5 = {"d_model": 26, "d_ff": 34, "d_kv": 6, "num_heads": 5, "num_layers": 1}
T5 |= {"num_decoder_layers": 2, "pad_token_id": 0, "decoder_start_token_id": 0}
LLAMA = {"hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 3}
LLAMA |= {"num_attention_heads": 6, "num_key_value_heads": 2}
GPT2 = {"n_embd": 28, "n_head": 4, "n_layer": 2, "n_positions": 40}
NEOX = {"hidden_size": 32, "intermediate_size": 44, "num_attention_heads": 4}
NEOX |= {"num_hidden_layers": 2}
OPT = {"hidden_size": 30, "ffn_dim": 44, "num_attention_heads": 3, "num_hidden_layers": 2}
OPT |= {"max_position_embeddings": 40, "word_embed_proj_dim": 30, "pad_token_id": 1}

LORAS = {
    "t5, all linear maps": Case(
        "T5", T5 | {"feed_forward_proj": "gated-gelu"}, {"target_modules": "all-linear"}
    ),
    "llama, ranks and layers of their own": Case(
        "Llama",
        LLAMA | {"head_dim": 8},
        {
            "target_modules": ["q_proj", "down_proj", "v_proj"],
            "exclude_modules": ["v_proj"],
            "layers_to_transform": [0, 2],
            "rank_pattern": {"q_proj": 5},
            "alpha_pattern": {"layers.2.mlp.down_proj": 7},
            "use_rslora": True,
        },
    ),
    "gpt2, fused and [in, out]": Case(
        "GPT2", GPT2, {"target_modules": ["c_attn", "mlp.c_proj"], "fan_in_fan_out": True}
    ),
    "gpt_neox, fused by head": Case(
        "GPTNeoX", NEOX, {"target_modules": ["query_key_value", "dense"]}
    ),
    "llama, an embedding and an output of its own": Case(
        "Llama",
        LLAMA | {"attention_bias": True},
        {
            "target_modules": ["q_proj", "o_proj"],
            "modules_to_save": ["embed_tokens", "lm_head", "layers.1.mlp.up_proj", "norm"],
            "bias": "lora_only",
        },
    ),
    "opt, an expression": Case(
        "OPT", OPT, {"target_modules": r".*(fc1|k_proj|out_proj)", "bias": "all"}
    ),
}
PROMPTS = {
    "llama": Case("Llama", LLAMA, {"adapter_len": 4, "adapter_layers": 2}),
    "mistral": Case(
        "Mistral", LLAMA | {"sliding_window": None}, {"adapter_len": 3, "adapter_layers": 3}
    ),
}
SOFT_PROMPTS = {
    # Peft keeps twice the rows, and computes with the first half.
    "t5": Case("T5", T5, {}),
    "t5, one table": Case("T5", T5, {"num_transformer_submodules": 1}),
    "gpt2": Case("GPT2", GPT2, {}),
    "opt": Case("OPT", OPT, {}),
    "gpt_neox": Case("GPTNeoX", NEOX, {}),
}


def base_of(case, folder):
    """Their model of normal numbers, saved, and its class."""
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    head = "ForConditionalGeneration" if case.kind == "T5" else "ForCausalLM"
    cls = getattr(transformers, {"GPT2": "GPT2LMHeadModel"}.get(case.kind, case.kind + head))
    ids = {} if case.kind == "T5" else {"bos_token_id": 2, "eos_token_id": 3}
    fields = {"vocab_size": VOCAB_SIZE, **case.fields, **ids}
    model = cls(getattr(transformers, f"{case.kind}Config")(**fields)).eval()
    randomize(model.parameters(), 0.3)
    model.save_pretrained(folder)
    return model, cls


def randomize(parameters, deviation):
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in parameters:
            parameter.normal_(0, deviation, generator=generator)


def adapted(model, config, folder):
    """Their model with an adapter of normal numbers, saved."""
    is_pair = model.config.is_encoder_decoder
    config.task_type = "SEQ_2_SEQ_LM" if is_pair else "CAUSAL_LM"
    model = peft.get_peft_model(model, config).eval()
    trained = [p for p in model.parameters() if p.requires_grad]
    randomize(trained, 0.4)
    model.save_pretrained(folder)
    return model


def batches(config):
    """The same ids for us and for them: rows of one batch, as long as each other."""
    rng = np.random.default_rng(1)
    ids = rng.integers(4, VOCAB_SIZE, (2, 9), dtype=np.int32)
    if config.architecture == "decoder_only":
        return {"decoder_input_tokens": ids}, {"input_ids": ids}
    outputs = rng.integers(4, VOCAB_SIZE, (2, 7), dtype=np.int32)
    ours = {"encoder_input_tokens": ids, "decoder_input_tokens": outputs}
    return ours, {"input_ids": ids, "decoder_input_ids": outputs}


def logits_of(model, theirs):
    with torch.no_grad():
        given = {name: torch.tensor(ids).long() for name, ids in theirs.items()}
        return model(**given).logits.numpy()


def our_logits(config, arrays, ours):
    config = dataclasses.replace(config, dropout_rate=0.0)
    return logits(config, stack(arrays), ours)


def check_read(source, folder, theirs, batches):
    """That our model with their adapter gives their logits, which are not the base's."""
    config, arrays = read_folder(folder, base=source)
    found = our_logits(config, {**source.arrays, **arrays}, batches[0])
    expected = logits_of(theirs, batches[1])
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)
    with theirs.disable_adapter():
        plain = logits_of(theirs, batches[1])
    assert np.abs(found[:, -plain.shape[1] :] - plain).max() > 100 * TOLERANCE
    return config


def check_written(source, config, folder, cls, batches):
    """That their model with an adapter of ours gives our logits; gives their model."""
    arrays = unstack(random_adapter(config))
    folder.mkdir()
    write_folder(folder, config, arrays, model_type=source.model_type)
    loaded = peft.PeftModel.from_pretrained(cls.from_pretrained(source.path), folder).eval()
    expected = our_logits(config, {**source.arrays, **arrays}, batches[0])
    np.testing.assert_allclose(logits_of(loaded, batches[1]), expected, atol=TOLERANCE)
    return loaded


@pytest.mark.parametrize("name", LORAS)
def test_lora_both_ways(tmp_path, name):
    case = LORAS[name]
    base, cls = base_of(case, tmp_path / "base")
    theirs = adapted(base, peft.LoraConfig(r=3, lora_alpha=5, **case.adapter), tmp_path / "lora")
    source = open_external(tmp_path / "base")
    given = batches(source.config)
    check_read(source, tmp_path / "lora", theirs, given)
    lora = Lora(rank=2, alpha=3.0, targets=("/query$", "/value$", "/wo$"))
    config = dataclasses.replace(source.config, adapters=(lora,))
    loaded = check_written(source, config, tmp_path / "ours", cls, given)
    theirs = loaded.merge_and_unload().state_dict()
    arrays = {**source.arrays, **unstack(random_adapter(config))}
    ours = merged(dataclasses.replace(source, config=config, arrays=arrays))
    family = choose_family(ours.config, source.model_type)
    for name, tensor in to_theirs(family.table, ours.arrays, config=ours.config).items():
        name = "lm_head.weight" if name == family.output else name
        np.testing.assert_allclose(tensor.read(), theirs[name].numpy(), atol=1e-5)


@pytest.mark.parametrize(
    "name", ["llama, ranks and layers of their own", "gpt2, fused and [in, out]"]
)
def test_losses_of_20_steps(tmp_path, name):
    case = LORAS[name]
    base, _ = base_of(case, tmp_path / "base")
    # One scale for a map in all layers: others would be in B, whose steps Adam makes of one size.
    adapter = {name: value for name, value in case.adapter.items() if name != "alpha_pattern"}
    theirs = adapted(base, peft.LoraConfig(r=3, lora_alpha=5, **adapter), tmp_path / "lora")
    source = open_external(tmp_path / "base")
    config, arrays = read_folder(tmp_path / "lora", base=source)
    config = dataclasses.replace(config, dropout_rate=0.0, scan_layers=False)
    ids = np.random.default_rng(2).integers(4, VOCAB_SIZE, (2, 9), dtype=np.int32)
    frozen = flatten_names(stack(source.arrays))
    if theirs.config.model_type == "gpt2":  # Three maps of ours have an A each, theirs one.
        trained = {n: x for n, x in flatten_names(stack(arrays)).items() if "lora_b" in n}
        frozen |= {n: x for n, x in flatten_names(stack(arrays)).items() if "lora_a" in n}
        for parameter_name, parameter in theirs.named_parameters():
            parameter.requires_grad = "lora_B" in parameter_name
    else:
        trained = flatten_names(stack(arrays))
    optimizer = optax.adam(1e-2)

    def loss_of(trained):
        model = bind(config, unflatten_names({**frozen, **trained}))
        log_probs = jax.nn.log_softmax(model.logits({"decoder_input_tokens": ids})[:, :-1])
        return -jnp.take_along_axis(log_probs, ids[:, 1:, None], axis=-1).mean()

    @jax.jit
    def step(trained, state):
        loss, gradients = jax.value_and_grad(loss_of)(trained)
        updates, state = optimizer.update(gradients, state)
        return optax.apply_updates(trained, updates), state, loss

    state, losses = optimizer.init(trained), []
    for _ in range(20):
        trained, state, loss = step(trained, state)
        losses.append(float(loss))
    parameters = [p for p in theirs.parameters() if p.requires_grad]
    their_optimizer, expected = torch.optim.Adam(parameters, lr=1e-2), []
    given = torch.tensor(ids).long()
    for _ in range(20):
        loss = theirs(input_ids=given, labels=given).loss
        their_optimizer.zero_grad()
        loss.backward()
        their_optimizer.step()
        expected.append(loss.item())
    assert losses[-1] < losses[0] - 0.3
    np.testing.assert_allclose(losses, expected, rtol=1e-4)


def test_a_base_that_was_held_in_bfloat16_is_compared_so(tmp_path, capsys):
    case = LORAS["gpt_neox, fused by head"]
    case = dataclasses.replace(case, fields=case.fields | {"vocab_size": 384})
    base, _ = base_of(case, tmp_path / "base")
    adapted(base, peft.LoraConfig(r=3, **case.adapter), tmp_path / "lora")
    given = {"model_dir": str(tmp_path / "base"), "vocabulary": "bytes"}
    convert(str(tmp_path / "lora"), str(tmp_path / "run"), **given, verified=False, progress=False)
    description = tmp_path / "run" / "t5lite.json"
    record = json.loads(description.read_text())
    record["base"]["dtype"] = "bfloat16"
    description.write_text(json.dumps(record))
    (tmp_path / "run" / "hashes.json").unlink()
    convert(str(tmp_path / "run"), str(tmp_path / "out"), to="peft", verified=True, progress=False)
    assert "Verified against peft: the same model" in capsys.readouterr().out


@pytest.mark.parametrize("name", PROMPTS)
def test_adaption_prompts_both_ways(tmp_path, name):
    case = PROMPTS[name]
    base, cls = base_of(case, tmp_path / "base")
    theirs = adapted(base, peft.AdaptionPromptConfig(**case.adapter), tmp_path / "prompts")
    source = open_external(tmp_path / "base")
    given = batches(source.config)
    config = check_read(source, tmp_path / "prompts", theirs, given)
    check_written(source, config, tmp_path / "ours", cls, given)


@pytest.mark.parametrize("name", SOFT_PROMPTS)
def test_soft_prompts_both_ways(tmp_path, name):
    case = SOFT_PROMPTS[name]
    base, cls = base_of(case, tmp_path / "base")
    adapter = peft.PromptTuningConfig(num_virtual_tokens=4, **case.adapter)
    theirs = adapted(base, adapter, tmp_path / "prompt")
    source = open_external(tmp_path / "base")
    soft = source.config.vocab_size + np.tile(np.arange(4, dtype=np.int32), (2, 1))
    ours, given = batches(source.config)
    first = next(iter(ours))
    given = ours | {first: np.concatenate([soft, ours[first]], axis=1)}, given
    config = check_read(source, tmp_path / "prompt", theirs, given)
    check_written(source, config, tmp_path / "ours", cls, given)


@pytest.mark.parametrize(
    "chosen",
    [
        {"target_modules": ["v_proj", "mlp.up_proj"]},
        {"target_modules": ["model.layers.1.mlp.up_proj", "layers.0.self_attn.o_proj"]},
        {"target_modules": r".*\.[02]\..*_proj", "exclude_modules": ["down_proj", "1.mlp.up_proj"]},
        {"target_modules": ["proj"]},
        {"target_modules": "model.layers.1.self_attn.k_proj"},
        {"target_modules": ["k_proj"], "layers_to_transform": 2},
        {"target_modules": ["k_proj"], "layers_to_transform": []},
        {"target_modules": ["k_proj"], "layers_to_transform": [0, 5], "layers_pattern": "layers"},
        {"target_modules": ["k_proj"], "layers_to_transform": [0], "layers_pattern": ["h", "x"]},
        {"target_modules": r".*k_proj", "exclude_modules": r".*\.0\..*"},
    ],
)
def test_modules_are_chosen_as_peft_chooses(chosen):
    from peft.tuners.tuners_utils import check_target_module_exists

    config = family("llama", d_model=24)
    modules = modules_of(choose_family(config, "llama"), config)
    theirs = peft.LoraConfig(**chosen)
    # A single number of a layer is one only from a file.
    theirs.layers_to_transform = chosen.get("layers_to_transform")
    expected = {
        module.name
        for module in modules
        # Something that is neither true nor a match stands for a module that is excluded.
        if isinstance(found := check_target_module_exists(theirs, module.name), bool | re.Match)
        and found
    }
    assert (
        modules.chosen(
            chosen["target_modules"],
            excluded=chosen.get("exclude_modules", ()),
            layers=chosen.get("layers_to_transform"),
            layers_pattern=chosen.get("layers_pattern", ()),
        )
        == expected
    )
