"""Every way to scale rotary positions beside transformers, below and beyond the original length."""

import dataclasses
import json

import numpy as np
import pytest

from t5lite.convert import export_hf, load_external
from t5lite.models.rotary_scaling import NTKScaling
from tests.models.tiny import logits

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

pytestmark = pytest.mark.peers

ORIGINAL = 24
TOLERANCE = 1e-4
FACTORS = {"short_factor": [1.0, 1.1, 1.3, 1.5], "long_factor": [1.2, 2.0, 3.5, 6.0]}
BEFORE = {"original_max_position_embeddings": ORIGINAL}
KINDS = {
    "linear": {"factor": 3.0},
    "dynamic": {"factor": 2.0},
    "yarn": BEFORE | {"factor": 4.0},
    "yarn_mscale": BEFORE
    | {"factor": 4.0, "mscale": 0.7, "mscale_all_dim": 0.4, "beta_fast": 4.0, "truncate": False},
    "yarn_attention": BEFORE | {"factor": 4.0, "attention_factor": 1.3, "beta_slow": 0.5},
    "llama3": BEFORE | {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0},
    "longrope": BEFORE | FACTORS | {"factor": 4.0},
    "longrope_attention": BEFORE | FACTORS | {"attention_factor": 1.1},
}


def their_folder(folder, **fields):
    """A LLaMA with heads of 8, so of 4 pairs, saved as version 5 does."""
    config = transformers.LlamaConfig(
        vocab_size=61,
        hidden_size=24,
        intermediate_size=30,
        num_attention_heads=3,
        num_hidden_layers=2,
        head_dim=8,
        **({"max_position_embeddings": ORIGINAL} | fields),
    )
    model = transformers.LlamaForCausalLM(config).eval()
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        value = torch.randn(parameter.shape, generator=generator)
        parameter.data = 1 + 0.1 * value if parameter.ndim == 1 else value * 0.2
    model.save_pretrained(folder)


def rope(name, **more):
    return {"rope_type": name.partition("_")[0], "rope_theta": 500.0} | KINDS[name] | more


def texts():
    """One below the original length, one of it, and two beyond."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, 61, (1, n), dtype=np.int32) for n in (9, ORIGINAL, ORIGINAL + 1, 70)]


def their_logits(folder):
    found = []
    for text in texts():
        # Version 5's dynamic NTK keeps the base of the longest text that a model has seen.
        model = transformers.LlamaForCausalLM.from_pretrained(folder).eval()
        with torch.no_grad():
            found.append(model(torch.tensor(text).long()).logits.numpy())
    return found


def our_logits(config, params):
    return [logits(config, params, {"decoder_input_tokens": text}) for text in texts()]


def assert_same(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        assert np.std(theirs) > 0.3
        np.testing.assert_allclose(ours, theirs, atol=TOLERANCE)


@pytest.mark.parametrize("name", KINDS)
def test_there_and_back(name, tmp_path):
    longest = ORIGINAL if name == "dynamic" else 4 * ORIGINAL
    their_folder(tmp_path / "theirs", rope_parameters=rope(name), max_position_embeddings=longest)
    expected = their_logits(tmp_path / "theirs")
    config, params, _ = load_external(tmp_path / "theirs")
    assert_same(our_logits(config, params), expected)
    export_hf(config, params, tmp_path / "ours")
    assert load_external(tmp_path / "ours")[0] == config
    assert_same(their_logits(tmp_path / "ours"), expected)

    # As version 4 wrote it.
    record = json.loads((tmp_path / "theirs" / "config.json").read_text())
    parameters = record.pop("rope_parameters")
    record |= {"rope_theta": parameters.pop("rope_theta"), "rope_scaling": parameters}
    (tmp_path / "theirs" / "config.json").write_text(json.dumps(record))
    assert load_external(tmp_path / "theirs")[0] == config


def test_the_length_before_may_stand_beside_the_scaling_or_be_the_models(tmp_path):
    wrong = {"original_max_position_embeddings": 9}
    for number, (inside, beside) in enumerate([({}, {}), (wrong, BEFORE)]):
        folder = tmp_path / str(number)
        parameters = {k: v for k, v in rope("llama3").items() if k not in BEFORE} | inside
        their_folder(folder, rope_parameters=parameters, **beside)
        config, params, _ = load_external(folder)
        assert config.positions.scaling.original_length == ORIGINAL
        assert_same(our_logits(config, params), their_logits(folder))


def test_ntk_aware_is_written_as_its_base(tmp_path):
    their_folder(tmp_path / "theirs")
    config, params, _ = load_external(tmp_path / "theirs")
    positions = dataclasses.replace(config.positions, scaling=NTKScaling(factor=4.0))
    config = dataclasses.replace(config, positions=positions)
    export_hf(config, params, tmp_path / "ours")
    again = load_external(tmp_path / "ours")[0].positions
    assert (again.theta, again.scaling) == (pytest.approx(10000.0 * 4 ** (8 / 6)), None)
    assert_same(our_logits(config, params), their_logits(tmp_path / "ours"))
