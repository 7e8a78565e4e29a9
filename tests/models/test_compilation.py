"""Tests compile without optimisation (tests/conftest.py); the numbers are those users get."""

import os
import subprocess
import sys

import numpy as np
import pytest

from tests.conftest import REPOSITORY
from tests.models.tiny import loss_and_gradients

NAMES = ("t5", "llama")
CODE = """
import sys, numpy as np
from tests.models.tiny import loss_and_gradients
for name in sys.argv[2:]: np.savez(f"{sys.argv[1]}/{name}", **loss_and_gradients(name))
"""


@pytest.fixture(scope="module")
def optimised(tmp_path_factory):
    folder = tmp_path_factory.mktemp("optimised")
    subprocess.run(
        [sys.executable, "-c", CODE, str(folder), *NAMES],
        env=os.environ | {"XLA_FLAGS": "", "PYTHONPATH": str(REPOSITORY)},
        cwd=REPOSITORY,
        check=True,
    )
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_optimised_compilation_gives_the_same_numbers(name, optimised):
    expected = np.load(optimised / f"{name}.npz")
    found = loss_and_gradients(name)
    assert set(expected.files) == set(found)
    for part, value in found.items():
        # Float32 sums of some hundred terms in another order.
        atol = 1e-5 * np.abs(expected[part]).max()
        np.testing.assert_allclose(value, expected[part], atol=atol, rtol=0, err_msg=part)
