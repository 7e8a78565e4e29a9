"""Every field that changes what parameters mean is compared, and nothing else is."""

import dataclasses

import pytest

from t5lite.checkpoints.model_dir import RUNTIME_FIELDS
from t5lite.initialization.model_differences import COMPARED_FIELDS, model_differences
from t5lite.models.config import TransformerConfig
from t5lite.models.nested_config import Difference
from t5lite.models.position_config import Rotary
from t5lite.models.rotary_scaling import Llama3Scaling, LongRopeScaling, YarnScaling
from tests.models.tiny import decoder_only, encoder_decoder, family

T5, LLAMA, GPT2 = encoder_decoder(), family("llama"), family("gpt2")


def scaled(scaling):
    return family("llama", positions=Rotary(theta=500.0, scaling=scaling))


LLAMA3 = scaled(Llama3Scaling(factor=8.0, original_length=8))
YARN = scaled(YarnScaling(factor=8.0, original_length=8))
LONGROPE = scaled(
    LongRopeScaling(short_factor=(1.0,) * 4, long_factor=(2.0,) * 4, original_length=8)
)

# A model and a change of one field that makes it another.
CHANGES = {
    "vocab_size": (T5, 44),
    "d_model": (T5, 23),
    "d_ff": (T5, 33),
    "d_kv": (T5, 6),
    "num_heads": (T5, 4),
    "num_kv_heads": (LLAMA, 3),
    "num_encoder_layers": (T5, 1),
    "num_decoder_layers": (T5, 1),
    "mlp_activations": (T5, ("silu", "linear")),
    "attention_window": (LLAMA, 7),
    "qkv_clip": (T5, 1.0),
    "attention_bias": (T5, True),
    "attention_out_bias": (GPT2, False),
    "mlp_bias": (T5, True),
    "scale_attention": (T5, True),
    "norm": (T5, "layer"),
    "norm_bias": (GPT2, False),
    "norm_adds_one": (T5, True),
    "norm_position": (T5, "post"),
    "block": (LLAMA, "parallel"),
    "positions": (T5, None),
    "tied_embeddings": (T5, True),
    "scale_logits": (T5, True),
    "scale_embeddings": (T5, True),
    "positions.num_buckets": (T5, 12),
    "positions.max_distance": (T5, 128),
    "positions.per_layer": (T5, True),
    "positions.fraction": (LLAMA, 0.5),
    "positions.theta": (LLAMA, 10000.0),
    "positions.scaling": (LLAMA, None),
    "positions.scaling.factor": (LLAMA, 1.5),
    "positions.scaling.original_length": (LLAMA3, 9),
    "positions.scaling.low_freq_factor": (LLAMA3, 2.0),
    "positions.scaling.high_freq_factor": (LLAMA3, 5.0),
    "positions.scaling.beta_fast": (YARN, 31.0),
    "positions.scaling.beta_slow": (YARN, 2.0),
    "positions.scaling.attention_factor": (YARN, 1.5),
    "positions.scaling.truncate": (YARN, False),
    "positions.scaling.short_factor": (LONGROPE, (1.5,) * 4),
    "positions.scaling.long_factor": (LONGROPE, (3.0,) * 4),
    "positions.max_positions": (GPT2, 41),
    "positions.offset": (GPT2, 2),
    "embedding_norm": (T5, True),
    "embedding_dim": (LLAMA, 14),
    "norm_epsilon": (T5, 1e-5),
}


def replaced(config, field, value):
    """A config with a field changed, by its dotted name."""
    name, _, inner = field.partition(".")
    if inner:
        value = replaced(getattr(config, name), inner, value)
    return dataclasses.replace(config, **{name: value})


def test_every_compared_field_has_a_case():
    assert {*CHANGES, "architecture"} == set(COMPARED_FIELDS)
    fields = {field.name for field in dataclasses.fields(TransformerConfig)}
    others = {"initializer", "initializer_range", "adapters"}
    assert fields - set(COMPARED_FIELDS) == RUNTIME_FIELDS | others


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_field_is_found(name):
    model, value = CHANGES[name]
    changed = replaced(model, name, value)
    found = model_differences(model, changed)
    assert [d.field for d in found] == [name]
    assert found[0].second == value
    assert model_differences(model, changed, ignored={name}) == []


def test_another_architecture():
    names = {d.field for d in model_differences(T5, decoder_only())}
    assert names == {"architecture", "num_encoder_layers"}


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        (T5, {"dropout_rate": 0.1, "dtype": "bfloat16", "scan_layers": False, "remat": "full"}),
        (T5, {"float32_attention_logits": False}),
        (T5, {"initializer": "normal", "initializer_range": 0.5}),
        # The same, said in another way.
        (T5, {"num_kv_heads": 3, "embedding_dim": 22}),
        (LLAMA, {"positions": dataclasses.replace(LLAMA.positions, theta=500)}),
        # Rounded to single precision, as GGUF keeps it.
        (dataclasses.replace(T5, norm_epsilon=1e-5), {"norm_epsilon": 9.999999747378752e-06}),
    ],
)
def test_what_makes_no_difference(model, changes):
    assert model_differences(model, dataclasses.replace(model, **changes)) == []


def test_positions_of_two_kinds_are_one_difference():
    four = dataclasses.replace(T5, d_kv=4)
    rotary = dataclasses.replace(four, positions=Rotary(theta=500.0))
    found = model_differences(four, rotary)
    assert found == [Difference("positions", four.positions, rotary.positions)]
