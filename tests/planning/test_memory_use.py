"""What compilers say of a program's memory, and what of it lies on a device."""

import types

import pytest

from t5lite.planning.memory_use import of_compiled


def compiled(**sizes):
    """Stands for a program: what the compiler says of this one's bytes."""
    found = {
        "argument_size_in_bytes": 2_527_235_072,
        "output_size_in_bytes": 2_526_910_976,
        "alias_size_in_bytes": 2_526_907_392,
        "temp_size_in_bytes": 15_556_382_720,
        "generated_code_size_in_bytes": 46_465_024,
    }
    stats = types.SimpleNamespace(**(found | sizes))
    return types.SimpleNamespace(memory_analysis=lambda: stats)


def test_a_tpu_holds_what_its_compiler_calls_the_peak():
    """LLaMA 7B at 8,192 tokens on 32 chips: its buffers as laid out end at 12,795,081,728 bytes."""
    program = compiled(peak_memory_in_bytes=12_140_760_576)
    use = of_compiled(program, on_tpu=True, available=16 << 30, whose="each v5e chip")
    assert use.peak == 12_140_760_576 + 46_465_024
    assert use.peak == pytest.approx(12_795_081_728, rel=0.06) and use.fits


def test_vector_memory_of_a_small_program_is_not_counted():
    """The model of `mini` on 4 chips of v5e: 8,072,192 bytes are laid out in HBM."""
    program = compiled(
        argument_size_in_bytes=1_136_128,
        output_size_in_bytes=1_090_560,
        alias_size_in_bytes=1_086_976,
        temp_size_in_bytes=12_521_472,
        peak_memory_in_bytes=52_512_256,
    )
    use = of_compiled(program, on_tpu=True, available=16 << 30, whose="each v5e chip")
    assert use.temporaries == 12_521_472


def test_elsewhere_temporaries_are_counted_whole():
    program = compiled(peak_memory_in_bytes=2_527_300_000)  # of arguments alone
    use = of_compiled(program, on_tpu=False, available=16 << 30, whose="this machine")
    assert use.temporaries == 15_556_382_720 and not use.fits
