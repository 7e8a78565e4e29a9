"""Figures of chips, beside those that JAX's own kernels are written for."""

import pytest
from jax._src.pallas.mosaic import tpu_info

from t5lite.planning.chips import CHIPS


@pytest.mark.parametrize("chip", CHIPS.values(), ids=CHIPS)
def test_figures_are_near_those_of_jax(chip):
    version = tpu_info.ChipVersion(chip.name)
    theirs = tpu_info._get_tpu_info_impl(version, 1)
    cores = version.num_physical_tensor_cores_per_chip
    assert chip.flops == pytest.approx(cores * theirs.bf16_ops_per_second, rel=0.01)
    assert chip.hbm_bytes == pytest.approx(cores * theirs.hbm_capacity_bytes, rel=0.02)
    assert chip.hbm_bandwidth == pytest.approx(cores * theirs.mem_bw_bytes_per_second, rel=0.15)
