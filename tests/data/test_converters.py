"""Features of rows, beside seqio's feature converters on the same examples."""

import numpy as np
import pytest

from t5lite.data.converters import Converter
from tests.data.fakes import random_examples

LENGTHS = {"inputs": 40, "targets": 16}


def flatten(examples, converter):
    """Tokens and lengths of examples, cut, as `Converter.convert` wants them."""
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
    converter = Converter(
        name="decoder_only" if name == "targets only" else name,
        task_feature_lengths=lengths,
        pack=pack,
        loss_on_targets_only=on_targets_only,
    )
    rows = ROWS if pack else [[example] for row in ROWS for example in row]
    options = {"loss_on_targets_only": on_targets_only} if "Prefix" in seqio_class else {}
    theirs = seqio_features(rows, converter, getattr(seqio, seqio_class)(pack=pack, **options))
    ours = convert(rows, converter)

    if name == "decoder_only":
        del theirs["decoder_causal_attention"]
    assert set(theirs) <= set(ours)
    # Decoder-only models always get segments and positions.
    assert set(ours) - set(theirs) <= {"decoder_segment_ids", "decoder_positions"}
    for feature, values in theirs.items():
        np.testing.assert_array_equal(ours[feature], values, err_msg=feature)
    for feature, values in ours.items():
        assert values.dtype == (np.float32 if feature == "decoder_loss_weights" else np.int32)


def test_the_prefix_has_one_position_more_than_the_inputs():
    converter = Converter(name="prefix_lm", task_feature_lengths={"inputs": 4, "targets": 5})
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
    converter = Converter(name="decoder_only", task_feature_lengths=LENGTHS, pack=False)
    features = convert([[{"inputs": [7, 8], "targets": [3, 1]}]], converter)
    assert features["decoder_segment_ids"][0, :6].tolist() == [1, 1, 1, 1, 0, 0]
    assert features["decoder_positions"][0, :6].tolist() == [0, 1, 2, 3, 0, 0]


@pytest.mark.parametrize("name", ["encoder_decoder", "decoder_only", "prefix_lm"])
@pytest.mark.parametrize("pack", [True, False])
def test_empty_rows_are_padding(name, pack):
    converter = Converter(name=name, task_feature_lengths=LENGTHS, pack=pack)
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
    converter = Converter(name="encoder_decoder", task_feature_lengths=LENGTHS)
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
        Converter(**{"name": "encoder_decoder", "task_feature_lengths": LENGTHS, **options})
