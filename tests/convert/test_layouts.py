"""Where each number goes, as values show that say what they are."""

import numpy as np
import pytest

from t5lite.convert.layouts import (
    GPT2_QKV,
    META_ROTARY_KEY,
    META_ROTARY_QUERY,
    NEOX_QKV,
    SAME,
    TRANSPOSED,
)
from t5lite.models.position_config import Rotary
from tests.models.tiny import decoder_only

# Heads of 4 numbers, twice as many for queries as for keys and values.
GROUPED = decoder_only(num_heads=4, num_kv_heads=2, d_kv=4, positions=Rotary())
FULL = decoder_only(num_heads=3, d_kv=2)
WIDTH = 5


def kernel(name, heads, width):
    """[D, heads * width] of texts like "q2.1@4": head 2, entry 1, from input 4."""
    return np.array(
        [[f"{name}{h}.{k}@{d}" for h in range(heads) for k in range(width)] for d in range(WIDTH)]
    )


def bias(name, heads, width):
    return np.array([f"{name}{h}.{k}" for h in range(heads) for k in range(width)])


def test_same_and_transposed():
    part = kernel("q", 2, 3)
    assert SAME.join((part,), FULL) is part
    np.testing.assert_array_equal(TRANSPOSED.join((part,), FULL)[4], part[:, 4])


@pytest.mark.parametrize("make", [kernel, bias])
def test_neox_keeps_each_heads_three_together(make):
    parts = tuple(make(name, 3, 2) for name in "qkv")
    fused = NEOX_QKV.join(parts, FULL)
    rows = fused if make is bias else fused[:, 0]
    assert [text.split("@")[0] for text in rows[:8]] == [
        "q0.0", "q0.1", "k0.0", "k0.1", "v0.0", "v0.1", "q1.0", "q1.1",
    ]  # fmt: skip
    assert fused.shape == ((18, WIDTH) if make is kernel else (18,))
    for part, again in zip(parts, NEOX_QKV.split(fused, FULL), strict=True):
        np.testing.assert_array_equal(again, part)


@pytest.mark.parametrize("make", [kernel, bias])
def test_gpt2_puts_the_three_side_by_side(make):
    parts = (make("q", 4, 4), make("k", 2, 4), make("v", 2, 4))
    fused = GPT2_QKV.join(parts, GROUPED)
    columns = fused if make is bias else fused[0]
    assert [text.split("@")[0] for text in columns[[0, 15, 16, 23, 24]]] == [
        "q0.0", "q3.3", "k0.0", "k1.3", "v0.0",
    ]  # fmt: skip
    for part, again in zip(parts, GPT2_QKV.split(fused, GROUPED), strict=True):
        np.testing.assert_array_equal(again, part)


@pytest.mark.parametrize(("layout", "heads"), [(META_ROTARY_QUERY, 4), (META_ROTARY_KEY, 2)])
def test_meta_rotates_neighbours(layout, heads):
    part = kernel("q", heads, 4)
    theirs = layout.join((part,), GROUPED)
    # Ours turns entry 0 with 2 and 1 with 3; there a pair stands in neighbouring rows.
    assert [text.split("@")[0] for text in theirs[:5, 0]] == [
        "q0.0", "q0.2", "q0.1", "q0.3", "q1.0",
    ]  # fmt: skip
    np.testing.assert_array_equal(layout.split(theirs, GROUPED)[0], part)
