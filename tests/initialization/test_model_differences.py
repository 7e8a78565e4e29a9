"""Every field that changes what parameters mean is compared, and nothing else is."""

import dataclasses

import pytest

from t5lite.checkpoints.model_dir import RUNTIME_FIELDS
from t5lite.initialization.model_differences import COMPARED_FIELDS, Difference, model_differences
from t5lite.models.config import TransformerConfig
from tests.models.tiny import decoder_only, encoder_decoder, family

T5, LLAMA, GPT2 = encoder_decoder(), family("llama"), family("gpt2")

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
    "attention_bias": (T5, True),
    "mlp_bias": (T5, True),
    "scale_attention": (T5, True),
    "norm": (T5, "layer"),
    "norm_bias": (GPT2, False),
    "norm_position": (T5, "post"),
    "block": (LLAMA, "parallel"),
    "positions": (T5, "none"),
    "tied_embeddings": (T5, True),
    "scale_logits": (T5, True),
    "relative_attention_num_buckets": (T5, 12),
    "relative_attention_max_distance": (T5, 128),
    "relative_bias_per_layer": (T5, True),
    "rotary_fraction": (LLAMA, 0.5),
    "rope_theta": (LLAMA, 10000.0),
    "rope_scaling_factor": (LLAMA, 1.0),
    "max_positions": (GPT2, 41),
    "position_offset": (GPT2, 2),
    "embedding_dim": (LLAMA, 14),
    "norm_epsilon": (T5, 1e-5),
}


def test_every_compared_field_has_a_case():
    assert {*CHANGES, "architecture"} == set(COMPARED_FIELDS)
    fields = {field.name for field in dataclasses.fields(TransformerConfig)}
    assert fields - set(COMPARED_FIELDS) == RUNTIME_FIELDS | {"initializer", "initializer_range"}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_field_is_found(name):
    model, value = CHANGES[name]
    changed = dataclasses.replace(model, **{name: value})
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
        # Of positions that the model does not have.
        (T5, {"rope_theta": 1e6, "rope_scaling_factor": 4.0, "rotary_fraction": 0.4}),
        (LLAMA, {"relative_attention_max_distance": 64, "relative_attention_num_buckets": 12}),
        # The same, said in another way.
        (T5, {"num_kv_heads": 3, "embedding_dim": 22}),
        (LLAMA, {"rope_theta": 500}),
        # Rounded to single precision, as GGUF keeps it.
        (dataclasses.replace(T5, norm_epsilon=1e-5), {"norm_epsilon": 9.999999747378752e-06}),
    ],
)
def test_what_makes_no_difference(model, changes):
    assert model_differences(model, dataclasses.replace(model, **changes)) == []


def test_positions_of_two_kinds_bring_their_own_fields():
    rotary = dataclasses.replace(T5, positions="rotary", d_kv=4, rope_theta=500.0)
    found = model_differences(dataclasses.replace(T5, d_kv=4), rotary)
    assert found == [
        Difference("positions", "relative", "rotary"),
        Difference("rope_theta", 10000.0, 500.0),
    ]
