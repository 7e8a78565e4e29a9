"""Nothing waits for a transfer between host and devices that nobody asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import jax

from t5lite.messages.error_origin import place_of


@contextlib.contextmanager
def no_implicit_transfers() -> Iterator[None]:
    """Context in which arrays are moved by `jax.device_put` and `jax.device_get` only.

    Raises:
      ValueError: something moves one otherwise; says what and where.
    """
    with jax.transfer_guard("disallow"):
        try:
            yield
        except (RuntimeError, ValueError) as error:
            if "Disallowed" not in str(error):
                raise
            raise ValueError(
                f"the training loop would wait for a transfer at {place_of(error) or 'a step'}: "
                f"{error}. Move it by jax.device_put or jax.device_get, or compute it in jit."
            ) from error


def check_calls_no_host(jaxpr: Any) -> None:
    """Looks for calls of the host in a traced step; those of `jax.debug` are let be.

    Raises:
      ValueError: the devices would wait for the host in every step; names the callback.
    """
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        if "callback" in name and not name.startswith("debug"):
            raise ValueError(
                f"the training step calls back to the host ({name} of "
                f"{equation.params.get('callback')}), and the devices would wait for it in every "
                "step. Compute it with jax.numpy, or before training (train.objective, docs/"
                "objective.md)."
            )
        for value in equation.params.values():
            for inner in value if isinstance(value, tuple | list) else (value,):
                inner = getattr(inner, "jaxpr", inner)
                if hasattr(inner, "eqns"):
                    check_calls_no_host(inner)
