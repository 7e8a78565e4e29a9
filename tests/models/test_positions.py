import math

import jax.numpy as jnp
import numpy as np
import pytest

from t5lite.models.parameters import bind
from t5lite.models.position_config import Alibi
from t5lite.models.positions import relative_position_bucket
from tests.models.tiny import encoder_decoder, sharp_params


def exact_bucket(relative: int, bidirectional: bool, num_buckets: int, max_distance: int) -> int:
    """The paper's rule in Python, with rational comparisons in place of a rounded logarithm."""
    offset = 0
    if bidirectional:
        num_buckets //= 2
        offset = num_buckets if relative > 0 else 0
        distance = abs(relative)
    else:
        distance = max(-relative, 0)
    half = num_buckets // 2
    if distance < half:
        return offset + distance
    bucket = half
    # Bucket half + i begins where (distance / half) ** (n - half) >= (max / half) ** i.
    while bucket + 1 < num_buckets:
        i = bucket + 1 - half
        steps = num_buckets - half
        if distance**steps * half**i < max_distance**i * half**steps:
            break
        bucket += 1
    return offset + bucket


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(("num_buckets", "max_distance"), [(32, 128), (8, 10), (64, 1000)])
def test_buckets_follow_the_exact_rule(bidirectional, num_buckets, max_distance):
    relative = np.arange(-1500, 1500)
    buckets = relative_position_bucket(
        relative,
        bidirectional=bidirectional,
        num_buckets=num_buckets,
        max_distance=max_distance,
    )
    expected = [exact_bucket(int(r), bidirectional, num_buckets, max_distance) for r in relative]
    np.testing.assert_array_equal(buckets, expected)
    assert math.prod(buckets.shape) == 3000


def test_bias_is_the_table_at_the_bucket():
    config = encoder_decoder()
    encoder = bind(config, sharp_params(config)).encoder
    table = encoder.relpos_bias.rel_embedding[...]
    for query_length, key_length in [(7, 7), (1, 5), (6, 17), (17, 6)]:
        relative = np.arange(key_length)[None, :] - np.arange(query_length)[:, None]
        bucket = relative_position_bucket(
            relative, bidirectional=True, num_buckets=8, max_distance=10
        )
        bias = encoder.relpos_bias(query_length, key_length)
        np.testing.assert_array_equal(bias[0], table[:, bucket])


def test_slopes_of_alibi():
    """As the paper has them: halves for 8 heads, and of 16 every other one behind them."""
    np.testing.assert_array_equal(Alibi().slopes(8), 0.5 ** np.arange(1, 9))
    np.testing.assert_allclose(Alibi().slopes(11)[8:], 0.5 ** np.array([0.5, 1.5, 2.5]), rtol=1e-6)
    np.testing.assert_array_equal(Alibi().slopes(1), [2.0**-8])


def test_bias_of_single_positions_is_a_row_of_the_whole():
    config = encoder_decoder()
    decoder = bind(config, sharp_params(config)).decoder
    whole = decoder.relpos_bias(12, 12)
    positions = jnp.array([0, 5, 11])
    keys = jnp.broadcast_to(jnp.arange(12), (3, 12))
    rows = decoder.relpos_bias.at_positions(positions[:, None], keys)
    assert rows.shape == (3, 3, 1, 12)
    for row, position in enumerate(positions):
        seen = int(position) + 1
        np.testing.assert_array_equal(rows[row, :, 0, :seen], whole[0, :, position, :seen])
