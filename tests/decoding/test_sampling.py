import jax
import jax.numpy as jnp
import numpy as np
import pytest

from t5lite.decoding.sampling import DecodingConfig, choose, row_keys, warp


def _logits(num_rows=4, vocab_size=50, seed=0):
    return 3 * jax.random.normal(jax.random.key(seed), (num_rows, vocab_size))


def _kept(logits_BV, **settings):
    warped_BV = warp(logits_BV, DecodingConfig(strategy="sample", **settings))
    return np.asarray(jax.nn.softmax(warped_BV, axis=-1)) > 0


def test_greedy_is_argmax():
    logits_BV = _logits()
    chosen_B = choose(logits_BV, row_keys(0, jnp.arange(4)), DecodingConfig())
    np.testing.assert_array_equal(chosen_B, np.argmax(logits_BV, axis=-1))


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
    config = DecodingConfig(strategy="sample", temperature=2.0)
    count = 20_000
    draws = choose(jnp.tile(logits_V, (count, 1)), row_keys(3, jnp.arange(count)), config)
    found = np.bincount(draws, minlength=4) / count
    np.testing.assert_allclose(found, jax.nn.softmax(logits_V / 2.0), atol=0.015)


def test_a_row_draws_the_same_whatever_is_beside_it():
    logits_BV = _logits(num_rows=6)
    config = DecodingConfig(strategy="sample", seed=5)
    together = choose(logits_BV, row_keys(5, jnp.arange(6)), config)
    order = jnp.array([4, 1, 3])
    apart = choose(logits_BV[order], row_keys(5, order), config)
    np.testing.assert_array_equal(apart, together[order])


def test_seeds_differ():
    logits_BV = jnp.zeros((64, 50))
    draws = [
        choose(logits_BV, row_keys(seed, jnp.arange(64)), DecodingConfig(strategy="sample"))
        for seed in (0, 1)
    ]
    assert (draws[0] != draws[1]).mean() > 0.5


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"strategy": "beam"}, "strategy"),
        ({"strategy": "sample", "temperature": 0.0}, "temperature"),
        ({"strategy": "sample", "top_p": 0.0}, "top_p"),
        ({"strategy": "sample", "top_p": 1.5}, "top_p"),
        ({"strategy": "sample", "top_k": -1}, "top_k"),
        ({"max_decode_length": 0}, "max_decode_length"),
        ({"max_decode_length": 4, "min_decode_length": 4}, "min_decode_length"),
        ({"temperature": 0.7}, "ignores temperature"),
    ],
)
def test_bad_settings_are_named(settings, named):
    with pytest.raises(ValueError, match=named):
        DecodingConfig(**settings)
