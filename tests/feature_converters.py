"""Feature converters as runs of t5lite make them."""

from t5lite.data.features.feature_converters import make_feature_converter

LENGTHS = {"inputs": 48, "targets": 16}


def converter(name="encoder_decoder", *, eos_id=1, **fields):
    """One with T5's end token, and before prompts of language models the start token 0."""
    is_pair = name == "encoder_decoder"
    usual = {
        "task_feature_lengths": LENGTHS,
        "prompt_prefix": () if is_pair else (0,),
        "prompt_suffix": (eos_id,) if is_pair else (),
        "targets_suffix": (eos_id,),
    }
    return make_feature_converter(name, eos_id=eos_id, **usual | fields)


def bare(name="encoder_decoder", **fields):
    """One that puts nothing around a text."""
    return converter(
        name, **{"prompt_prefix": (), "prompt_suffix": (), "targets_suffix": ()} | fields
    )
