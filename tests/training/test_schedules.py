import jax
import jax.numpy as jnp
import numpy as np
import pytest

from t5lite.training.schedules import schedule
from tests.training.goldens import cases, load


@pytest.mark.parametrize("index", range(len(cases.SCHEDULE_CASES)))
def test_agrees_with_t5x_on_ints_and_under_jit(index):
    rate = schedule(**(cases.SCHEDULE_DEFAULTS | cases.SCHEDULE_CASES[index]))
    expected = load("schedules")[str(index)]
    plain = [float(rate(step)) for step in cases.SCHEDULE_STEPS]
    np.testing.assert_allclose(plain, expected, rtol=1e-6)
    traced = jax.jit(jax.vmap(rate))(jnp.asarray(cases.SCHEDULE_STEPS))
    assert traced.dtype == jnp.float32
    np.testing.assert_allclose(traced, expected, rtol=1e-6)


def test_the_default_is_the_inverse_square_root_schedule():
    rate = schedule()
    assert float(rate(0)) == float(rate(10_000)) == pytest.approx(0.01)
    assert float(rate(40_000)) == pytest.approx(0.005)


@pytest.mark.parametrize("factors", ["linear_decay", "constant * linear_warmup * cosine_decay"])
def test_total_steps_says_where_a_decay_ends(factors):
    settings = {"warmup_steps": 10, "total_steps": 110, "min_learning_rate": 0.001}
    rate = schedule(factors, 0.4, step_offset=1000, **settings)
    assert float(rate(1010)) == pytest.approx(0.4)
    assert float(rate(1060)) == pytest.approx(0.2)
    assert float(rate(1110)) == pytest.approx(0.001)
    assert float(rate(1500)) == pytest.approx(0.001)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"factors": "constant * rsqrt_decai"}, "Did you mean 'rsqrt_decay'"),
        ({"factors": "linear_warmup", "warmup_steps": 0}, "warmup_steps = 0"),
        ({"factors": "decay_every", "steps_per_decay": 0}, "steps_per_decay"),
        ({"factors": "cosine_decay", "steps_per_cycle": 0}, "steps_per_cycle"),
        ({"factors": "linear_decay", "warmup_steps": 9, "total_steps": 9}, "total_steps = 9"),
    ],
)
def test_refuses_what_would_divide_by_zero(settings, message):
    with pytest.raises(ValueError, match=message):
        schedule(**settings)
