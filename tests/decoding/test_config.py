import pytest

from t5lite.decoding.config import DecodingConfig

BEAM = {"strategy": "beam", "num_beams": 4}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"strategy": "beams"}, r"strategy must be one of .*; got 'beams'. Did you mean 'beam'"),
        ({"strategy": "sample", "temperature": 0.0}, "temperature"),
        ({"strategy": "sample", "top_p": 0.0}, "top_p"),
        ({"strategy": "sample", "top_p": 1.5}, "top_p"),
        ({"strategy": "sample", "top_k": -1}, "top_k"),
        ({"max_decode_length": 0}, "max_decode_length"),
        ({"max_decode_length": 4, "min_decode_length": 4}, "min_decode_length"),
        ({"temperature": 0.7}, "ignores temperature"),
        (BEAM | {"top_k": 5}, "ignores temperature, top_k"),
        ({"num_beams": 4}, "num_beams is 4; it must be 1 unless strategy='beam'"),
        ({"strategy": "beam"}, "num_beams is 1; it must be 2 or more"),
        ({"length_penalty": 0.6}, "length_penalty is 0.6; it must be None unless"),
        (
            BEAM | {"length_penalty_style": "hf"},
            "length_penalty_style must be one of t5x, hugging_face; got 'hf'",
        ),
        (BEAM | {"num_return_sequences": 5}, "at most num_beams=4"),
        ({"num_return_sequences": 2}, "greedy decoding, which has one answer"),
        (BEAM | {"stop_strings": ("x",)}, "ends a beam at tokens only; use stop_ids"),
        ({"stop_strings": ("x", "")}, "stop_strings"),
        ({"stop_ids": (-1,)}, "stop_ids"),
        ({"repetition_penalty": 0.0}, "repetition_penalty"),
    ],
)
def test_bad_settings_are_named(settings, named):
    with pytest.raises(ValueError, match=named):
        DecodingConfig(**settings)


def test_each_style_has_its_own_default():
    assert DecodingConfig(**BEAM).length_exponent == 0.6
    theirs = BEAM | {"length_penalty_style": "hugging_face"}
    assert DecodingConfig(**theirs).length_exponent == 1.0
    assert DecodingConfig(**theirs, length_penalty=0.0).length_exponent == 0.0


def test_lists_of_files_are_tuples_here():
    config = DecodingConfig(stop_ids=[3], stop_strings=["a"])
    assert hash(config) == hash(DecodingConfig(stop_ids=(3,), stop_strings=("a",)))
