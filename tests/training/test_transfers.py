"""What makes devices wait for the host is an error that says what and where."""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from t5lite.training.transfers import check_calls_no_host, no_implicit_transfers


def test_an_implicit_transfer_is_an_error_that_says_where():
    step = jax.jit(lambda x: 2 * x)
    with no_implicit_transfers():
        assert jax.device_get(step(jax.device_put(3))) == 6
    with pytest.raises(ValueError, match=r"test_transfers\.py, line \d+: .*host-to-device"):  # noqa: SIM117
        with no_implicit_transfers():
            step(np.ones(3))


@pytest.mark.parametrize("calls", [True, False])
def test_a_step_that_calls_the_host_is_refused_but_to_print(calls):
    def body(total, x):
        jax.debug.print("{}", x)
        return total + (jax.pure_callback(np.asarray, x, x) if calls else x), None

    step = jax.jit(lambda xs: jax.lax.scan(jax.checkpoint(body), 0.0, xs)[0])
    refused = pytest.raises(
        ValueError, match=r"calls back to the host \(pure_callback of .*asarray"
    )
    with refused if calls else contextlib.nullcontext():
        check_calls_no_host(step.trace(jnp.ones(3)).jaxpr.jaxpr)
