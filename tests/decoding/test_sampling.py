import jax
import jax.numpy as jnp
import numpy as np
import pytest

from t5lite.decoding.config import DecodingConfig
from t5lite.decoding.sampling import choose, row_keys, top_k, warp


def _logits(num_rows=4, vocab_size=50, seed=0):
    return 3 * jax.random.normal(jax.random.key(seed), (num_rows, vocab_size))


def _kept(logits_BV, **settings):
    warped_BV = warp(logits_BV, DecodingConfig(strategy="sample", **settings))
    return np.asarray(jax.nn.softmax(warped_BV, axis=-1)) > 0


def _choose(logits_BV, index_B, config):
    """One branch a row."""
    return choose(logits_BV[:, None], row_keys(config.seed, index_B), config)[:, 0]


def test_greedy_is_argmax():
    logits_BV = _logits()
    chosen_B = _choose(logits_BV, jnp.arange(4), DecodingConfig())
    np.testing.assert_array_equal(chosen_B, np.argmax(logits_BV, axis=-1))


@pytest.mark.parametrize("length", [7, 64, 640, 1000])
@pytest.mark.parametrize("k", [1, 4])
def test_top_k_by_blocks_is_top_k(length, k):
    rng = np.random.default_rng(0)
    # Few distinct values, so that many are equal.
    for x in (rng.normal(size=(3, 2, length)), rng.integers(-3, 3, (3, 2, length))):
        x = jnp.array(x, jnp.float32).at[0, 0].set(-jnp.inf)
        for found, expected in zip(top_k(x, k), jax.lax.top_k(x, k), strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("k", [1, 5, 49, 50, 99])
def test_top_k_keeps_the_k_most_likely(k):
    logits_BV = _logits()
    kept_BV = _kept(logits_BV, top_k=k)
    assert (kept_BV.sum(-1) == min(k, 50)).all()
    smallest_kept = np.where(kept_BV, logits_BV, np.inf).min(-1)
    largest_removed = np.where(kept_BV, -np.inf, logits_BV).max(-1)
    assert (smallest_kept > largest_removed).all()


@pytest.mark.parametrize("p", [0.01, 0.3, 0.9, 0.999])
def test_top_p_keeps_the_smallest_set_that_reaches_p(p):
    logits_BV = _logits()
    kept_BV = _kept(logits_BV, top_p=p)
    probs_BV = np.asarray(jax.nn.softmax(logits_BV, axis=-1), np.float64)
    for kept_V, probs_V in zip(kept_BV, probs_BV, strict=True):
        order = np.argsort(-probs_V)
        reached = np.cumsum(probs_V[order])
        expected = int(np.argmax(reached >= p)) + 1
        np.testing.assert_array_equal(np.sort(order[:expected]), np.flatnonzero(kept_V))


def test_top_p_counts_what_top_k_kept():
    logits_BV = jnp.log(jnp.array([[0.4, 0.3, 0.2, 0.1]]))
    # Alone, 0.55 needs two tokens of four; of the top two it needs the first only (4/7 > 0.55).
    np.testing.assert_array_equal(_kept(logits_BV, top_p=0.55), [[1, 1, 0, 0]])
    np.testing.assert_array_equal(_kept(logits_BV, top_p=0.55, top_k=2), [[1, 0, 0, 0]])


def test_draws_follow_the_tempered_distribution():
    logits_V = jnp.array([2.0, 1.0, 0.0, -1.0])
    config = DecodingConfig(strategy="sample", temperature=2.0, seed=3)
    count = 20_000
    draws = _choose(jnp.tile(logits_V, (count, 1)), jnp.arange(count), config)
    found = np.bincount(draws, minlength=4) / count
    np.testing.assert_allclose(found, jax.nn.softmax(logits_V / 2.0), atol=0.015)


def test_a_row_draws_the_same_whatever_is_beside_it():
    logits_BV = _logits(num_rows=6)
    config = DecodingConfig(strategy="sample", seed=5)
    together = _choose(logits_BV, jnp.arange(6), config)
    order = jnp.array([4, 1, 3])
    np.testing.assert_array_equal(_choose(logits_BV[order], order, config), together[order])


def test_draws_of_a_row_differ_and_the_first_are_the_same_of_any_number():
    logits_BNV = jnp.zeros((64, 3, 50))
    config = DecodingConfig(strategy="sample", num_return_sequences=3)
    three = choose(logits_BNV, row_keys(0, jnp.arange(64), num_draws=3), config)
    two = choose(logits_BNV[:, :2], row_keys(0, jnp.arange(64), num_draws=2), config)
    np.testing.assert_array_equal(two, three[:, :2])
    assert (three[:, 0] != three[:, 1]).mean() > 0.5


def test_seeds_differ():
    logits_BV = jnp.zeros((64, 50))
    draws = [
        _choose(logits_BV, jnp.arange(64), DecodingConfig(strategy="sample", seed=seed))
        for seed in (0, 1)
    ]
    assert (draws[0] != draws[1]).mean() > 0.5
