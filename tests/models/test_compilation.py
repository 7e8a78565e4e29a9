"""Tests compile without optimisation (tests/conftest.py); the numbers are those users get."""

import os
import subprocess
import sys

import numpy as np
import pytest

from tests.conftest import REPOSITORY
from tests.models.tiny import loss_and_gradients


@pytest.mark.parametrize("name", ["t5", "llama"])
def test_optimised_compilation_gives_the_same_numbers(name, tmp_path):
    file = tmp_path / "optimised.npz"
    code = (
        "import sys, numpy as np\n"
        "from tests.models.tiny import loss_and_gradients\n"
        "np.savez(sys.argv[1], **loss_and_gradients(sys.argv[2]))"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(file), name],
        env=os.environ | {"XLA_FLAGS": "", "PYTHONPATH": str(REPOSITORY)},
        cwd=REPOSITORY,
        check=True,
    )
    optimised = np.load(file)
    found = loss_and_gradients(name)
    assert set(optimised.files) == set(found)
    for part, value in found.items():
        # Float32 sums of some hundred terms in another order.
        atol = 1e-5 * np.abs(optimised[part]).max()
        np.testing.assert_allclose(value, optimised[part], atol=atol, rtol=0, err_msg=part)
