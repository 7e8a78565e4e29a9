"""Philox against Random123's published vectors; permutations against their definition."""

import itertools

import numpy as np
import pytest

from t5lite.data.mixing import philox

# From kat_vectors of Random123 (philox4x32 10): counter, key, output.
KNOWN_ANSWERS = [
    ("00000000 " * 4, "00000000 " * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff " * 4, "ffffffff " * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        "243f6a88 85a308d3 13198a2e 03707344",
        "a4093822 299f31d0",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


def words(text):
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize("counter, key, expected", KNOWN_ANSWERS)
def test_philox_gives_the_published_vectors(counter, key, expected):
    assert philox.philox(tuple(words(key)), words(counter)).tolist() == words(expected)


def test_philox_is_elementwise():
    counters = np.random.default_rng(0).integers(0, 1 << 32, size=(3, 5, 4), dtype=np.uint64)
    together = philox.philox((1, 2), counters)
    assert together.dtype == np.uint32 and together.shape == (3, 5, 4)
    for i, j in itertools.product(range(3), range(5)):
        np.testing.assert_array_equal(together[i, j], philox.philox((1, 2), counters[i, j]))


def test_uniform_is_uniform():
    counters = np.zeros((100_000, 4), np.uint64)
    counters[:, 0] = np.arange(100_000)
    values = philox.uniform(philox.key_from_seed(7), counters)
    assert values.min() >= 0 and values.max() < 1
    counts = np.histogram(values, bins=50, range=(0, 1))[0]
    chi2 = ((counts - 2000) ** 2 / 2000).sum()
    assert chi2 < 100  # 49 degrees of freedom: 85 is the one-in-a-thousand point


def test_seed_uses_all_64_bits():
    assert philox.key_from_seed(5 + (9 << 32)) == (5, 9)
    with pytest.raises(ValueError, match="seed"):
        philox.key_from_seed(-1)
    with pytest.raises(ValueError, match="seed"):
        philox.key_from_seed(1 << 64)


@pytest.mark.parametrize("size", [*range(1, 70), 127, 128, 129, 1000, 4096, 65537])
def test_permute_is_a_bijection(size):
    for tweak in ([0, 0, 0], [3, 2, 1]):
        image = philox.permute(np.arange(size), size, (11, 12), tweak_N3=tweak)
        np.testing.assert_array_equal(np.sort(image), np.arange(size))


def test_permute_mixes_sizes_and_tweaks_in_one_call():
    sizes = np.repeat([1, 7, 33, 1000], [1, 7, 33, 1000])
    indices = np.concatenate([np.arange(n) for n in (1, 7, 33, 1000)])
    tweaks = np.stack([sizes, np.zeros_like(sizes), np.ones_like(sizes)], axis=-1)
    together = philox.permute(indices, sizes, (5, 0), tweak_N3=tweaks)
    apart = [philox.permute(np.arange(n), n, (5, 0), tweak_N3=[n, 0, 1]) for n in (1, 7, 33, 1000)]
    np.testing.assert_array_equal(together, np.concatenate(apart))


def test_permute_depends_on_key_and_every_tweak_word():
    base = philox.permute(np.arange(100), 100, (1, 1), tweak_N3=[1, 1, 1])
    others = [
        philox.permute(np.arange(100), 100, key, tweak_N3=tweak)
        for key, tweak in [
            ((2, 1), [1, 1, 1]),
            ((1, 2), [1, 1, 1]),
            ((1, 1), [2, 1, 1]),
            ((1, 1), [1, 2, 1]),
            ((1, 1), [1, 1, 2]),
        ]
    ]
    assert all((base != other).mean() > 0.9 for other in others)


@pytest.mark.parametrize("size", [3, 4])
def test_every_order_of_a_small_set_is_about_equally_likely(size):
    trials = 24_000
    tweaks = np.zeros((trials, 1, 3), np.uint64)
    tweaks[:, 0, 0] = np.arange(trials)
    images = philox.permute(np.arange(size)[None], size, (3, 4), tweak_N3=tweaks)
    orders = list(itertools.permutations(range(size)))
    codes = images @ (size ** np.arange(size))
    expected_codes = np.array(orders) @ (size ** np.arange(size))
    counts = np.array([(codes == code).sum() for code in expected_codes])
    assert counts.sum() == trials
    assert np.abs(counts / trials * len(orders) - 1).max() < 0.2


def test_permute_of_a_huge_domain_round_trips_no_collisions():
    size = (1 << 61) + 12345
    index = np.arange(10_000, dtype=np.uint64) * np.uint64(size // 10_000)
    image = philox.permute(index, size, (8, 8), tweak_N3=[0, 0, 0])
    assert len(np.unique(image)) == 10_000 and image.min() >= 0 and image.max() < size
    # Spread over the whole domain.
    assert abs(image.astype(np.float64).mean() / size - 0.5) < 0.02
