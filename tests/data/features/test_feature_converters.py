"""Features of rows, beside seqio's feature converters on the same examples."""

import dataclasses
import types

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from t5lite.data.features.feature_converters import (
    feature_converter_from_dict,
    make_feature_converter,
)
from tests.data.fakes import random_examples
from tests.feature_converters import bare
from tests.feature_converters import converter as make_converter

LENGTHS = {"inputs": 40, "targets": 16}


def flatten(examples, converter):
    """Tokens and lengths of examples, cut, as `FeatureConverter.convert` wants them."""
    cut = [
        [np.asarray(e[name][: converter.task_feature_lengths[name]]) for name in converter.features]
        for e in examples
    ]
    lengths = np.array([[len(part) for part in parts] for parts in cut])
    tokens = [
        np.concatenate([parts[f] for parts in cut]).astype(np.int32)
        for f in range(len(converter.features))
    ]
    return tokens, lengths


def convert(rows, converter, *, num_rows=None):
    """Our features for lists of examples, one list a row."""
    tokens, lengths = flatten([e for row in rows for e in row], converter)
    row_N = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    return converter.convert(
        tokens, lengths_NF=lengths, row_N=row_N, num_rows=num_rows or len(rows)
    )


def seqio_features(rows, converter, seqio_converter):
    """seqio's features of the same rows; it must find the same rows by itself."""
    import tensorflow as tf

    lengths = dict(converter.task_feature_lengths)
    cut = [{name: e[name][:n] for name, n in lengths.items()} for row in rows for e in row]
    spec = {name: tf.TensorSpec([None], tf.int32) for name in lengths}
    ds = tf.data.Dataset.from_generator(lambda: iter(cut), output_signature=spec)
    found = list(seqio_converter(ds, lengths).as_numpy_iterator())
    assert len(found) == len(rows)
    return {name: np.stack([row[name] for row in found]) for name in found[0]}


# The second row's one example is too long and fills it, so seqio, which only ever adds to the last
# row, makes just these rows.
ROWS = [
    random_examples(2, seed=1, inputs=18, targets=8),
    [{"inputs": range(100, 190), "targets": range(10, 70)}],
    [{"inputs": [9], "targets": [4, 5, 1]}, {"inputs": [3, 1], "targets": [1]}],
]


@pytest.mark.parametrize("pack", [True, False])
@pytest.mark.parametrize(
    "name, on_targets_only, seqio_class",
    [
        ("encoder_decoder", True, "EncDecFeatureConverter"),
        ("prefix_lm", True, "PrefixLMFeatureConverter"),
        ("prefix_lm", False, "PrefixLMFeatureConverter"),
        ("decoder_only", True, "PrefixLMFeatureConverter"),
        ("decoder_only", False, "PrefixLMFeatureConverter"),
        ("targets only", True, "LMFeatureConverter"),
    ],
)
def test_features_equal_seqio(name, on_targets_only, seqio_class, pack):
    seqio = pytest.importorskip("seqio")
    lengths = {"targets": 40} if name == "targets only" else LENGTHS
    name = "decoder_only" if name == "targets only" else name
    converter = bare(
        name,
        prompt_prefix=() if name == "encoder_decoder" else (0,),
        task_feature_lengths=lengths,
        pack=pack,
        loss_on_targets_only=on_targets_only,
    )
    rows = ROWS if pack else [[example] for row in ROWS for example in row]
    options = {"loss_on_targets_only": on_targets_only} if "Prefix" in seqio_class else {}
    theirs = seqio_features(rows, converter, getattr(seqio, seqio_class)(pack=pack, **options))
    ours = convert(rows, converter)

    if name == "decoder_only":
        theirs.pop("decoder_causal_attention", None)
    assert set(theirs) <= set(ours)
    # Decoder-only models always get segments and positions.
    assert set(ours) - set(theirs) <= {"decoder_segment_ids", "decoder_positions"}
    for feature, values in theirs.items():
        np.testing.assert_array_equal(ours[feature], values, err_msg=feature)
    for feature, values in ours.items():
        assert values.dtype == (np.float32 if feature == "decoder_loss_weights" else np.int32)


def test_the_prefix_has_one_position_more_than_the_inputs():
    converter = bare(
        "prefix_lm", prompt_prefix=(0,), task_feature_lengths={"inputs": 4, "targets": 5}
    )
    features = convert(
        [[{"inputs": [7, 8], "targets": [3, 1]}, {"inputs": [9], "targets": [4, 1]}]], converter
    )
    expected = {
        "decoder_target_tokens": [7, 8, 3, 1, 9, 4, 1, 0, 0],
        "decoder_input_tokens": [0, 7, 8, 3, 0, 9, 4, 0, 0],
        "decoder_loss_weights": [0, 0, 1, 1, 0, 1, 1, 0, 0],
        "decoder_segment_ids": [1, 1, 1, 1, 2, 2, 2, 0, 0],
        "decoder_positions": [0, 1, 2, 3, 0, 1, 2, 0, 0],
        "decoder_causal_attention": [1, 1, 1, 0, 1, 1, 0, 0, 0],
    }
    assert {name: values[0].tolist() for name, values in features.items()} == expected


def test_unpacked_decoder_only_rows_have_segments():
    converter = bare("decoder_only", prompt_prefix=(0,), task_feature_lengths=LENGTHS, pack=False)
    features = convert([[{"inputs": [7, 8], "targets": [3, 1]}]], converter)
    assert features["decoder_segment_ids"][0, :6].tolist() == [1, 1, 1, 1, 0, 0]
    assert features["decoder_positions"][0, :6].tolist() == [0, 1, 2, 3, 0, 0]


@pytest.mark.parametrize("name", ["encoder_decoder", "decoder_only", "prefix_lm"])
@pytest.mark.parametrize("pack", [True, False])
def test_empty_rows_are_padding(name, pack):
    converter = make_converter(name, task_feature_lengths=LENGTHS, pack=pack)
    features = convert([ROWS[2][:1], [], [], ROWS[2][1:], []], converter, num_rows=7)
    for feature, values in features.items():
        assert values.shape[0] == 7
        assert not values[[1, 2, 4, 5, 6]].any(), feature
        assert values[[0, 3]].any() or feature.endswith("positions")
    none = converter.convert(
        [np.zeros(0, np.int32)] * 2,
        lengths_NF=np.zeros((0, 2), int),
        row_N=np.zeros(0, int),
        num_rows=2,
    )
    assert all(v.shape[0] == 2 and not v.any() for v in none.values())


def test_an_empty_input_keeps_encoder_and_decoder_segments_together():
    converter = bare(task_feature_lengths=LENGTHS)
    features = convert(
        [[{"inputs": [], "targets": [5, 1]}, {"inputs": [6], "targets": [1]}]], converter
    )
    assert features["decoder_segment_ids"][0, :4].tolist() == [1, 1, 2, 0]
    assert features["encoder_segment_ids"][0, :2].tolist() == [2, 0]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"name": "seq2seq"}, "converter must be one of encoder_decoder"),
        ({"task_feature_lengths": {"targets": 3}}, "inputs"),
        ({"task_feature_lengths": {**LENGTHS, "extra": 3}}, "extra"),
        ({"task_feature_lengths": {"inputs": 0, "targets": 3}}, "positive"),
    ],
)
def test_bad_settings(options, message):
    with pytest.raises(ValueError, match=message):
        make_converter(**{"task_feature_lengths": LENGTHS, **options})


FRAMES = st.lists(st.integers(2, 9), max_size=3).map(tuple)


@st.composite
def converters(draw):
    """Converters of every kind, with anything around prompts and targets."""
    name = draw(st.sampled_from(["encoder_decoder", "decoder_only", "prefix_lm"]))
    lengths = {"inputs": draw(st.integers(1, 9)), "targets": draw(st.integers(1, 6))}
    options = {} if name == "encoder_decoder" else {"loss_on_targets_only": draw(st.booleans())}
    return make_feature_converter(
        name,
        eos_id=1,
        task_feature_lengths=lengths,
        prompt_prefix=draw(FRAMES),
        prompt_suffix=draw(FRAMES),
        targets_suffix=draw(FRAMES),
        soft_prompt=draw(st.sampled_from([(), (200, 201)])),
        pack=draw(st.booleans()),
        **options,
    )


TEXTS = st.lists(
    st.tuples(*[st.lists(st.integers(10, 99), max_size=11)] * 2), min_size=1, max_size=5
)


@hypothesis.given(converters(), TEXTS)
@hypothesis.settings(max_examples=300, deadline=None)
def test_training_scoring_and_asking_are_one(converter, texts):
    """A scored row is the unpacked training row; both begin with what the model is asked."""
    prompts = [converter.prompt(inputs) for inputs, _ in texts]
    targets = [converter.targets(target) for _, target in texts]
    num_N2 = np.array([[len(p), len(t)] for p, t in zip(prompts, targets, strict=True)])
    examples = [[{"inputs": i, "targets": t}] for i, t in texts]
    trained = convert(examples, dataclasses.replace(converter, pack=False))
    np.testing.assert_array_equal(
        converter.num_tokens(np.array([[len(i), len(t)] for i, t in texts])), num_N2
    )
    needs = converter.needs(num_N2)
    assert (needs <= converter.capacities).all()
    can_go_on = converter.soft_prompt or all(map(len, prompts))
    if converter.architecture == "encoder_decoder" or can_go_on:
        scored = converter.scoring_batch(prompts, targets, capacities=converter.capacities)
        assert scored.keys() == trained.keys()
        for feature, values in scored.items():
            if feature == "decoder_loss_weights" and not getattr(
                converter, "loss_on_targets_only", True
            ):
                continue
            np.testing.assert_array_equal(values, trained[feature], err_msg=feature)
        batch = converter.prompt_batch(prompts, length=20)
        stack = "encoder" if converter.architecture == "encoder_decoder" else "decoder"
        for row, text in enumerate(prompts):
            prompt = np.array([*converter.soft_prompt, *text])
            asked = batch[f"{stack}_input_tokens"][row]
            assert (
                asked[: len(prompt)].tolist() == prompt.tolist() and not asked[len(prompt) :].any()
            )
            # Where there is no answer, the last token of the prompt is read by nobody.
            seen = len(prompt) if stack == "encoder" or len(targets[row]) else len(prompt) - 1
            assert trained[f"{stack}_input_tokens"][row, :seen].tolist() == prompt[:seen].tolist()
        rest = converter.prompt_batch(prompts[:1], length=20, is_rest=True)
        assert rest[f"{stack}_input_tokens"].shape == (1, 20)
    if converter.pack:
        packed = convert([[e for row in examples for e in row]], _wide(converter, needs))
        for feature in ("decoder_target_tokens", "decoder_loss_weights"):
            apart = [trained[feature][row, :n] for row, n in enumerate(needs[:, -1])]
            np.testing.assert_array_equal(
                packed[feature][0, : needs[:, -1].sum()], np.concatenate(apart)
            )


def _wide(converter, needs):
    """The converter with rows that hold more, at the same lengths of an example."""

    class Wide(type(converter)):
        capacities = tuple(needs.sum(axis=0) + 1)

    return Wide(**{f.name: getattr(converter, f.name) for f in dataclasses.fields(converter)})


@hypothesis.given(converters())
@hypothesis.settings(max_examples=30, deadline=None)
def test_a_converter_is_kept_as_json(converter):
    assert feature_converter_from_dict(converter.to_dict()) == converter


def test_what_stands_around_a_text_comes_on_top_for_decoders_and_not_for_encoders():
    pair = make_converter(task_feature_lengths={"inputs": 3, "targets": 2}, prompt_prefix=(5,))
    assert pair.prompt([10, 11, 12]).tolist() == [5, 10, 11]
    assert pair.prompt([10]).tolist() == [5, 10, 1]
    lm = make_converter("decoder_only", task_feature_lengths={"inputs": 3, "targets": 2})
    assert lm.prompt([10, 11, 12, 13]).tolist() == [0, 10, 11, 12]
    assert lm.targets([10, 11]).tolist() == [10, 11]
    assert lm.targets([10]).tolist() == [10, 1]


def test_a_task_s_own_end_is_taken_off_once():
    lm = make_converter("decoder_only")
    assert lm.without_end(np.array([7, 1, 1])).tolist() == [7, 1]
    assert lm.without_end(np.array([7, 1, 8])).tolist() == [7, 1, 8]
    assert not len(lm.without_end(np.array([1]))) and not len(lm.without_end(np.array([], int)))


def test_prompts_without_a_token_are_refused():
    lm = bare("decoder_only")
    with pytest.raises(ValueError, match="has no tokens"):
        lm.prompt_batch([[5], []], length=4)
    with pytest.raises(ValueError, match="has no tokens"):
        lm.scoring_batch([[5], []], [[6], [6]], capacities=(4,))
    assert bare().prompt_batch([[5], []], length=4)["encoder_input_tokens"].shape == (2, 4)


def model_config(**changes):
    fields = {"architecture": "decoder_only", "vocab_size": 10, "max_positions": None}
    fields |= {"soft_prompt_ids": ()}
    return types.SimpleNamespace(**fields | changes)


def test_a_converter_is_compared_with_the_model():
    lm = make_converter("decoder_only")
    lm.check_model(model_config())
    with pytest.raises(ValueError, match=r"'decoder_only'.*'encoder_decoder'"):
        lm.check_model(model_config(architecture="encoder_decoder"))
    with pytest.raises(ValueError, match=r"'encoder_decoder'.*'decoder_only'"):
        make_converter().check_model(model_config())
    with pytest.raises(ValueError, match=r"targets_suffix holds the id 1, .* of 1 ids"):
        lm.check_model(model_config(), vocab_size=1)
    lm.check_rows(model_config(max_positions=64))
    with pytest.raises(ValueError, match="make rows of 64 positions, and the model has learned 63"):
        lm.check_rows(model_config(max_positions=63))


def test_a_soft_prompt_takes_positions_and_no_length():
    config = model_config(soft_prompt_ids=(10, 11))
    lm = make_converter("decoder_only")
    with pytest.raises(ValueError, match=r"puts 0 tokens of a soft prompt.*the model has 2"):
        lm.check_model(config)
    soft = lm.for_model(config)
    soft.check_model(config)
    assert soft.longest_prompt == lm.longest_prompt and soft.room() == lm.room()
    assert soft.capacities[0] == lm.capacities[0] + 2
    assert soft.num_positions(3, 4) == lm.num_positions(3, 4) + 2
    pair = make_converter()
    soft_pair = pair.for_model(config)
    assert soft_pair.capacities == (pair.capacities[0] + 2, pair.capacities[1])
    two = [[{"inputs": [5], "targets": [6]}, {"inputs": [7, 8], "targets": [9]}]]
    features = convert(two, soft_pair)
    assert features["encoder_input_tokens"][0].tolist()[:9] == [10, 11, 5, 1, 10, 11, 7, 8, 1]
    assert features["encoder_segment_ids"][0].tolist()[:9] == [1] * 4 + [2] * 5
    assert features["encoder_positions"][0].tolist()[:9] == [0, 1, 2, 3, 0, 1, 2, 3, 4]
