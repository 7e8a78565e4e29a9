import numpy as np

from t5lite.decoding.batching import bucket_length, fine_bucket_length, plan_batches


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


def test_fine_buckets_are_two_an_octave():
    buckets = [fine_bucket_length(length) for length in range(1, 1025)]
    assert all(bucket >= length for length, bucket in enumerate(buckets, start=1))
    assert sorted(set(buckets)) == [16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024]
    assert fine_bucket_length(500, longest=505) == 505


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
