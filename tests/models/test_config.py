import pytest

from t5lite.models.config import TransformerConfig
from tests.models.tiny import decoder_only, encoder_decoder


def test_dict_round_trip():
    config = encoder_decoder(mlp_activations=("relu",), remat="dots", dtype="bfloat16")
    assert TransformerConfig.from_dict(config.to_dict()) == config


def test_lists_become_tuples_so_that_configs_hash():
    config = encoder_decoder(mlp_activations=["gelu", "linear"])
    assert hash(config) == hash(encoder_decoder())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "encoder-decoder"}, "Did you mean 'encoder_decoder'"),
        ({"architecture": "decoder_only"}, "num_encoder_layers must be 0"),
        ({"num_encoder_layers": 0}, "num_encoder_layers must be a positive integer, got 0"),
        ({"d_model": -3}, "d_model must be a positive integer, got -3"),
        ({"num_heads": 2.0}, "num_heads must be a positive integer, got 2.0"),
        ({"mlp_activations": ("gelu_new", "linear")}, "mlp_activations must be one of relu, gelu"),
        ({"mlp_activations": ()}, "one activation .plain. or two .gated."),
        ({"dtype": "float16"}, "overflows; use 'bfloat16' or 'float32'"),
        ({"dtype": "bfloat"}, "Did you mean 'bfloat16'"),
        ({"remat": "all"}, "remat must be one of none, full, dots"),
        ({"dropout_rate": 1.0}, r"dropout_rate must be in \[0, 1\), got 1.0"),
        ({"norm_epsilon": 0.0}, "norm_epsilon must be positive"),
        ({"relative_attention_num_buckets": 6}, "multiple of 4, got 6"),
        ({"relative_attention_max_distance": 4}, "must exceed half"),
        ({"num_kv_heads": 2}, r"num_kv_heads must divide num_heads \(3\), got 2"),
        ({"norm": "batch"}, "norm must be one of rms, layer"),
        ({"norm_bias": True}, "norm_bias must be False when norm is 'rms'"),
        (
            {"block": "parallel"},
            "block must be 'sequential' when architecture is 'encoder_decoder'",
        ),
        ({"positions": "learned"}, "max_positions is given when positions is 'learned', and only"),
        ({"max_positions": 9}, "max_positions is given when positions is 'learned', and only then"),
        ({"position_offset": 2}, "position_offset must be 0 or more, and 0 unless"),
        ({"positions": "rotary"}, "rotary_fraction must turn an even number of each head's 5"),
        ({"positions": "none", "relative_bias_per_layer": True}, "relative_bias_per_layer must be"),
        ({"rope_theta": 0.0}, "rope_theta must be positive, got 0.0"),
        ({"embedding_dim": 0}, "embedding_dim must be a positive integer, got 0"),
    ],
)
def test_bad_values_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        encoder_decoder(**changes)


def test_a_parallel_block_norms_first():
    with pytest.raises(ValueError, match="norm_position must be 'pre' when block is 'parallel'"):
        decoder_only(block="parallel", norm_position="post")


def test_unknown_key_gets_a_suggestion():
    record = encoder_decoder().to_dict()
    record["d_modle"] = record.pop("d_model")
    with pytest.raises(ValueError, match=r"no field 'd_modle'\. Did you mean 'd_model'"):
        TransformerConfig.from_dict(record)


def test_absent_key_is_named():
    record = encoder_decoder().to_dict()
    del record["d_kv"]
    with pytest.raises(ValueError, match="needs d_kv"):
        TransformerConfig.from_dict(record)
