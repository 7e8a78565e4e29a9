import numpy as np
import pytest

from t5lite.data.converters import Converter
from t5lite.decoding.batching import bucket_length, plan_batches, prompt_batch, scoring_batch


def test_buckets_hold_their_lengths_and_are_few():
    buckets = [bucket_length(length) for length in range(1, 1025)]
    assert all(bucket >= length for length, bucket in enumerate(buckets, start=1))
    assert sorted(set(buckets)) == [32, 64, 128, 256, 512, 1024]


def test_buckets_do_not_pass_the_longest():
    assert [bucket_length(length, longest=100) for length in (5, 64, 65, 100, 101)] == [
        32,
        64,
        100,
        100,
        101,
    ]


def test_every_example_is_in_one_batch_and_like_sizes_are_together():
    rng = np.random.default_rng(0)
    sizes = [(int(a), int(b)) for a, b in rng.integers(1, 300, (101, 2))]
    batches = plan_batches(sizes, batch_size=8)
    assert sorted(index for batch in batches for index in batch) == list(range(101))
    assert max(map(len, batches)) == 8
    buckets = [[bucket_length(sizes[index][0]) for index in batch] for batch in batches]
    in_order = [bucket for found in buckets for bucket in found]
    assert in_order == sorted(in_order, reverse=True)
    assert sum(len(set(found)) > 1 for found in buckets) <= 4  # at the borders only


def test_prompts_of_each_converter():
    inputs = [[5, 0, 7], [8]]
    encoder = prompt_batch(inputs, converter="encoder_decoder")
    assert encoder["encoder_input_tokens"][:, :4].tolist() == [[5, 0, 7, 0], [8, 0, 0, 0]]
    decoder = prompt_batch(inputs, converter="decoder_only")
    assert decoder["decoder_input_tokens"][:, :4].tolist() == [[5, 0, 7, 0], [8, 0, 0, 0]]
    assert decoder["prompt_lengths"].tolist() == [3, 1]
    assert set(decoder) == {"decoder_input_tokens", "prompt_lengths"}
    prefix = prompt_batch(inputs, converter="prefix_lm")
    assert prefix["decoder_causal_attention"][:, :4].tolist() == [[1, 1, 1, 0], [1, 0, 0, 0]]


@pytest.mark.parametrize("make", [prompt_batch, lambda i, **k: scoring_batch(i, [[5]] * 2, **k)])
def test_what_cannot_be_a_batch_is_refused(make):
    with pytest.raises(ValueError, match="has no tokens"):
        make([[5], []], converter="decoder_only")
    make([[5], []], converter="encoder_decoder")
    with pytest.raises(ValueError, match="converter is 'decoder'"):
        make([[5], [6]], converter="decoder")


@pytest.mark.parametrize("converter", ["encoder_decoder", "decoder_only", "prefix_lm"])
def test_a_scored_row_is_what_training_reads(converter):
    """In the positions that count; prompts begin with the start token 0, as in training."""
    inputs, targets = [[5, 6, 7], [8]], [[9, 1], [10, 11, 1]]
    is_pair = converter == "encoder_decoder"
    start = [] if is_pair else [0]
    scored = scoring_batch([start + row for row in inputs], targets, converter=converter)
    trained = Converter(
        name=converter, task_feature_lengths={"inputs": 3, "targets": 3}, pack=False
    ).convert(
        [np.concatenate(rows).astype(np.int32) for rows in (inputs, targets)],
        lengths_NF=np.array([[3, 2], [1, 3]]),
        row_N=np.arange(2),
        num_rows=2,
    )
    for name, values in scored.items():
        for row, (source, target) in enumerate(zip(inputs, targets, strict=True)):
            num = len(source) if name.startswith("encoder") else len(target)
            held = slice(0, num if is_pair else len(source) + len(target))
            if name == "decoder_target_tokens" and not is_pair:
                held = slice(len(source), held.stop)
            assert values[row, held].tolist() == trained[name][row, held].tolist(), name
    assert scored["decoder_loss_weights"].sum(axis=1).tolist() == [2, 3]


def test_rows_are_not_padded_beyond_what_they_may_be():
    batch = scoring_batch([[5] * 30], [[6] * 9], converter="decoder_only", longest_row=50)
    assert batch["decoder_input_tokens"].shape == (1, 50)
    batch = scoring_batch([[5] * 30], [[6] * 9], converter="decoder_only")
    assert batch["decoder_input_tokens"].shape == (1, 64)
