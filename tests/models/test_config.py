import copy
import functools
import json
import operator

import pytest

from t5lite.models.config import TransformerConfig
from t5lite.models.position_config import Learned, RelativeBias, Rotary
from t5lite.models.rotary_scaling import LinearScaling, Llama3Scaling, NTKScaling, YarnScaling
from tests.models.tiny import decoder_only, encoder_decoder, family


def test_dict_round_trip():
    config = encoder_decoder(mlp_activations=("relu",), remat="dots", dtype="bfloat16")
    assert TransformerConfig.from_dict(config.to_dict()) == config
    rotary = family("llama")
    assert TransformerConfig.from_dict(json.loads(json.dumps(rotary.to_dict()))) == rotary


def test_lists_become_tuples_so_that_configs_hash():
    config = encoder_decoder(mlp_activations=["gelu", "linear"])
    assert hash(config) == hash(encoder_decoder())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "encoder-decoder"}, "Did you mean 'encoder_decoder'"),
        ({"architecture": "decoder_only"}, "num_encoder_layers must be 0"),
        ({"num_encoder_layers": 0}, "num_encoder_layers must be 1 or more when architecture"),
        ({"d_model": -3}, "d_model must be an integer from 1 to 2147483647, got -3"),
        ({"num_heads": 2.0}, "num_heads must be an integer from 1 to 2147483647, got 2.0"),
        ({"mlp_activations": ("gelu_new", "linear")}, "mlp_activations must be one of relu, gelu"),
        ({"mlp_activations": ()}, "one activation .plain. or two .gated."),
        ({"dtype": "float16"}, "overflows; use 'bfloat16' or 'float32'"),
        ({"dtype": "bfloat"}, "Did you mean 'bfloat16'"),
        ({"remat": "all"}, "remat must be one of none, full, dots"),
        (
            {"dropout_rate": 1.0},
            r"dropout_rate must be a finite number of 0 or more and below 1, got 1.0",
        ),
        ({"norm_epsilon": 0.0}, "norm_epsilon must be a finite number above 0, got 0.0"),
        ({"num_kv_heads": 2}, r"num_kv_heads must divide num_heads \(3\), got 2"),
        ({"norm": "batch"}, "norm must be one of rms, layer"),
        ({"norm_bias": True}, "norm_bias must be False when norm is 'rms'"),
        (
            {"block": "parallel"},
            "block must be 'sequential' when architecture is 'encoder_decoder'",
        ),
        (
            {"embedding_dim": 3},
            "embedding_dim must be None, or d_model, when architecture is 'encoder_decoder'",
        ),
        ({"positions": "rotary"}, r"positions must be RelativeBias\(...\), .* got 'rotary'"),
        ({"positions": Rotary()}, "Rotary.fraction must turn an even number of each head's 5"),
        (
            {"embedding_dim": 0},
            "embedding_dim must be an integer from 1 to 2147483647 or null, got 0",
        ),
    ],
)
def test_bad_values_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        encoder_decoder(**changes)


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        (RelativeBias, {"num_buckets": 6}, "num_buckets must be a multiple of 4, got 6"),
        (RelativeBias, {"num_buckets": 8, "max_distance": 4}, "must exceed half of num_buckets"),
        (Rotary, {"theta": 0.0}, "Rotary.theta must be a finite number above 0, got 0.0"),
        (Rotary, {"fraction": 1.5}, "Rotary.fraction must be .* above 0 and at most 1"),
        (
            LinearScaling,
            {"factor": -2.0},
            "LinearScaling.factor must be a finite number above 0, got -2.0",
        ),
        (NTKScaling, {"factor": 0.5}, "NTKScaling.factor must be .* of 1 or more, got 0.5"),
        (
            Llama3Scaling,
            {"factor": 8.0, "original_length": 8, "high_freq_factor": 1.0},
            r"high_freq_factor must exceed low_freq_factor \(1.0\), got 1.0",
        ),
        (
            YarnScaling,
            {"factor": 8.0, "original_length": 8, "beta_slow": 64.0},
            r"beta_fast must be beta_slow \(64.0\) or more, got 32.0",
        ),
        (
            Rotary,
            {"theta": 1.0, "scaling": YarnScaling(factor=2.0, original_length=8)},
            "theta must exceed 1 under YarnScaling",
        ),
        (Learned, {"max_positions": 0}, "Learned.max_positions must be .* from 1 to"),
        (Learned, {"max_positions": 9, "offset": -1}, "Learned.offset must be .* from 0 to"),
    ],
)
def test_bad_values_of_positions_are_named(kind, fields, message):
    with pytest.raises(ValueError, match=message):
        kind(**fields)


def test_a_parallel_block_norms_first():
    with pytest.raises(ValueError, match="norm_position must be 'pre' when block is 'parallel'"):
        decoder_only(block="parallel", norm_position="post")


def test_unknown_key_gets_a_suggestion():
    record = encoder_decoder().to_dict()
    record["d_modle"] = record.pop("d_model")
    with pytest.raises(ValueError, match=r"no field 'd_modle'\. Did you mean 'd_model'"):
        TransformerConfig.from_dict(record)


def test_unknown_keys_of_positions_get_a_suggestion():
    record = encoder_decoder(positions=Rotary(scaling=LinearScaling(factor=2.0)), d_kv=4).to_dict()
    for key, message in [
        (("positions", "teta"), r"Rotary has no field 'teta'\. Did you mean 'theta'"),
        (("positions", "kind"), r"TransformerConfig\.positions: kind must be .* 'Rotary'"),
        (("positions", "scaling", "kind"), r"Rotary\.scaling: kind must be one of LinearScaling"),
    ]:
        broken = copy.deepcopy(record)
        inner = functools.reduce(operator.getitem, key[:-1], broken)
        inner[key[-1]] = "rotary"
        with pytest.raises(ValueError, match=message):
            TransformerConfig.from_dict(broken)


# What `to_dict` wrote of positions before they had configs of their own, and what it means.
FLAT = {
    "relative_attention_num_buckets": 32,
    "relative_attention_max_distance": 128,
    "relative_bias_per_layer": False,
    "rotary_fraction": 1.0,
    "rope_theta": 10000.0,
    "rope_scaling_factor": 1.0,
    "max_positions": None,
    "position_offset": 0,
}
OLD_RECORDS = [
    ({"positions": "relative"}, RelativeBias()),
    ({"positions": "relative", "relative_bias_per_layer": True}, RelativeBias(per_layer=True)),
    (
        {"positions": "rotary", "rope_theta": 5e5, "rotary_fraction": 0.5},
        Rotary(fraction=0.5, theta=5e5),
    ),
    (
        {"positions": "rotary", "rope_scaling_factor": 4.0},
        Rotary(scaling=LinearScaling(factor=4.0)),
    ),
    (
        {"positions": "learned", "max_positions": 40, "position_offset": 2},
        Learned(max_positions=40, offset=2),
    ),
    ({"positions": "none"}, None),
]


@pytest.mark.parametrize(("flat", "positions"), OLD_RECORDS)
def test_flat_fields_of_older_records_load(flat, positions):
    config = decoder_only(d_kv=8, positions=positions)
    record = config.to_dict()
    del record["positions"]
    assert TransformerConfig.from_dict(json.loads(json.dumps(record | FLAT | flat))) == config


def test_absent_key_is_named():
    record = encoder_decoder().to_dict()
    del record["d_kv"]
    with pytest.raises(ValueError, match="needs d_kv"):
        TransformerConfig.from_dict(record)
