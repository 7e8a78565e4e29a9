"""Figures of chips, beside those that JAX's own kernels are written for."""

from types import SimpleNamespace

import pytest
from jax._src.pallas.mosaic import tpu_info

from t5lite.planning.chips import CHIPS, peak_flops, seconds_at_peak


@pytest.mark.parametrize("chip", CHIPS.values(), ids=CHIPS)
def test_figures_are_near_those_of_jax(chip):
    version = tpu_info.ChipVersion(chip.name)
    theirs = tpu_info._get_tpu_info_impl(version, 1)
    cores = version.num_physical_tensor_cores_per_chip
    assert chip.flops == pytest.approx(cores * theirs.bf16_ops_per_second, rel=0.01)
    assert chip.hbm_bytes == pytest.approx(cores * theirs.hbm_capacity_bytes, rel=0.02)
    assert chip.hbm_bandwidth == pytest.approx(cores * theirs.mem_bw_bytes_per_second, rel=0.15)


@pytest.mark.parametrize(
    "kind, chip",
    [("TPU v4", "v4"), ("TPU v5 lite", "v5e"), ("TPU v5", "v5p"), ("TPU v6 lite", "v6e")],
)
def test_kinds_of_tpus_are_those_of_jax(kind, chip):
    assert tpu_info.chip_version_from_device_kind(kind) == tpu_info.ChipVersion(chip)
    assert peak_flops(kind) == CHIPS[chip].flops


def test_utilisation_is_of_all_devices_whose_peak_is_known():
    devices = [SimpleNamespace(device_kind="TPU v4"), SimpleNamespace(device_kind="TPU v5p")]
    both = CHIPS["v4"].flops + CHIPS["v5p"].flops
    assert seconds_at_peak(2.5 * both, devices) == pytest.approx(2.5)
    for unknown in ("cpu", "NVIDIA A100-SXM4-40GB MIG 1g.5gb", "NVIDIA GeForce RTX 4090"):
        assert seconds_at_peak(1.0, [*devices, SimpleNamespace(device_kind=unknown)]) is None
    for gpu, peak in {"NVIDIA A100-SXM4-80GB": 312, "NVIDIA H100 80GB HBM3": 989.5}.items():
        assert peak_flops(gpu) == peak * 1e12
    assert (
        peak_flops("NVIDIA H100 PCIe") < peak_flops("NVIDIA H200 NVL") < peak_flops("NVIDIA H200")
    )
