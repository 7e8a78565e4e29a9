import numpy as np
import pytest

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
    inputs = [[5, 6, 7], [8]]
    encoder = prompt_batch(inputs, converter="encoder_decoder")
    assert encoder["encoder_input_tokens"][:, :4].tolist() == [[5, 6, 7, 0], [8, 0, 0, 0]]
    decoder = prompt_batch(inputs, converter="decoder_only")
    assert decoder["decoder_input_tokens"][:, :5].tolist() == [[0, 5, 6, 7, 0], [0, 8, 0, 0, 0]]
    assert set(decoder) == {"decoder_input_tokens"}
    prefix = prompt_batch(inputs, converter="prefix_lm")
    assert prefix["decoder_causal_attention"][:, :5].tolist() == [[1, 1, 1, 1, 0], [1, 1, 0, 0, 0]]


@pytest.mark.parametrize("converter", ["decoder_only", "prefix_lm"])
def test_a_prompt_is_how_a_scored_row_begins(converter):
    inputs, targets = [[5, 6, 7], [8]], [[9, 1], [10, 11, 1]]
    prompt = prompt_batch(inputs, converter=converter)
    scored = scoring_batch(inputs, targets, converter=converter)
    for row, tokens in enumerate(inputs):
        held = slice(0, len(tokens) + 1)
        for name, values in prompt.items():
            assert values[row, held].tolist() == scored[name][row, held].tolist(), name
