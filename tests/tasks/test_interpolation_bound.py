"""Position Interpolation's bounds are those of the paper, and hold."""

import numpy as np
import pytest

from benchmarks.position_interpolation import bound


def test_the_published_divisor():
    assert bound.interpolation_divisor(10_000.0) == pytest.approx(294.73, abs=0.005)


def test_scores_between_whole_distances_are_within_the_bound():
    d = 32
    for seed in range(3):
        rng = np.random.default_rng(seed)
        h_I = rng.normal(size=d // 2) + 1j * rng.normal(size=d // 2)
        error_S = bound.interpolation_error(h_I, 10_000.0, np.arange(500))
        most = d * np.abs(h_I).max() / bound.interpolation_divisor(10_000.0)
        assert 0.1 * most < error_S.max() <= most


def test_sums_are_those_of_the_definition():
    frequency_I = bound.frequencies(8, 10_000.0)
    sums_S = bound.extrapolation_sums(8, 10_000.0, 5000)
    for s in (1, 2, 4096, 4097, 5000):
        partial = [abs(sum(np.exp(1j * s * f) for f in frequency_I[:k])) for k in range(1, 5)]
        assert sums_S[s - 1] == pytest.approx(sum(partial) / 8)
