"""LoRA trained beside PEFT: the same losses over 20 updates of AdamW, the base frozen."""

import numpy as np
import pytest

from t5lite.convert import open_external
from t5lite.convert.names import stack
from t5lite.convert.peft.folder import read_folder
from t5lite.models.parameters import flatten_names
from t5lite.training.cross_entropy import CrossEntropy
from t5lite.training.optimizers import adamw
from tests.training.programs import program_of, state_of, step_of

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
peft = pytest.importorskip("peft")

pytestmark = pytest.mark.peers

STEPS = 20
LEARNING_RATE, WEIGHT_DECAY = 1e-2, 0.1
VOCAB_SIZE = 61
FIELDS = {
    "T5": {"d_model": 26, "d_ff": 34, "d_kv": 6, "num_heads": 5, "num_layers": 2}
    | {"num_decoder_layers": 3, "pad_token_id": 0, "decoder_start_token_id": 0, "dropout_rate": 0},
    "Llama": {"hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 3}
    | {"num_attention_heads": 6, "num_key_value_heads": 2},
}
TARGETS = {"T5": ["q", "v", "wo"], "Llama": ["q_proj", "v_proj", "down_proj"]}


def their_model(kind, folder):
    """A model of theirs, saved, with a fresh LoRA, saved beside it."""
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(0)
    head = "ForConditionalGeneration" if kind == "T5" else "ForCausalLM"
    fields = FIELDS[kind] | {"vocab_size": VOCAB_SIZE}
    config = getattr(transformers, f"{kind}Config")(**fields)
    model = getattr(transformers, kind + head)(config)
    model.save_pretrained(folder / "base")
    task = "SEQ_2_SEQ_LM" if kind == "T5" else "CAUSAL_LM"
    lora = peft.LoraConfig(r=3, lora_alpha=7, target_modules=TARGETS[kind], task_type=task)
    model = peft.get_peft_model(model, lora)
    model.save_pretrained(folder / "lora")
    return model


def batches(kind):
    """For each update the same examples, as theirs and as ours."""
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        ids = rng.integers(4, VOCAB_SIZE, (4, 10), dtype=np.int32)
        if kind == "Llama":
            theirs = {"input_ids": ids, "labels": ids}
            ours = {"decoder_input_tokens": ids[:, :-1], "decoder_target_tokens": ids[:, 1:]}
        else:
            targets = rng.integers(4, VOCAB_SIZE, (4, 7), dtype=np.int32)
            theirs = {"input_ids": ids, "labels": targets}
            ours = {
                "encoder_input_tokens": ids,
                "decoder_input_tokens": np.pad(targets[:, :-1], ((0, 0), (1, 0))),
                "decoder_target_tokens": targets,
            }
        weights = np.ones(ours["decoder_target_tokens"].shape, np.float32)
        yield theirs, ours | {"decoder_loss_weights": weights}


def their_losses(model, kind):
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    losses = []
    for theirs, _ in batches(kind):
        loss = model(**{name: torch.tensor(x).long() for name, x in theirs.items()}).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def our_losses(config, params, kind):
    optimizer = adamw(LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    program = program_of(config, CrossEntropy(z_loss=0.0), optimizer)
    step, state = step_of(program), state_of(program, params)
    losses = []
    for _, ours in batches(kind):
        state, metrics, *_ = step(state, ours, {})
        losses.append(float(metrics["loss"]))
    return losses, state.params


@pytest.mark.parametrize("kind", ["T5", "Llama"])
def test_losses_are_theirs(tmp_path, kind):
    theirs = their_model(kind, tmp_path)
    source = open_external(tmp_path / "base")
    config, arrays = read_folder(tmp_path / "lora", base=source)
    params = stack({**source.arrays, **arrays})
    found, after = our_losses(config, params, kind)
    expected = their_losses(theirs, kind)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    changed = {
        name
        for name, leaf in flatten_names(params).items()
        if not np.array_equal(leaf, flatten_names(after)[name])
    }
    assert changed == {name for name in flatten_names(params) if "/lora_" in name}
