"""Values from files against the types that fields have."""

from collections.abc import Mapping, Sequence
from typing import Literal

import pytest

from t5lite.messages.value_types import check_type


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (3, int),
        (3, float),
        (3.5, float),
        (True, bool),
        ("a", str),
        (None, str | None),
        ("a", Literal["a", "b"]),
        ([1, 2], Sequence[int]),
        ((1, 2), tuple[int, ...]),
        ([], Sequence[int]),
        ({"a": 1}, Mapping[str, int]),
    ],
)
def test_what_fits(value, hint):
    check_type(value, hint, name="x")


@pytest.mark.parametrize(
    ("value", "hint", "said"),
    [
        (True, int, "an integer, got True"),
        (True, float, "a finite number, got True"),
        (3.0, int, "an integer, got 3.0"),
        ("3", int, "an integer, got '3'"),
        (10**30, int, "an integer, got 1000"),
        (10**30, float, "a finite number, got 1000"),
        (float("nan"), float, "a finite number, got nan"),
        (float("inf"), float, "a finite number, got inf"),
        (1, bool, "true or false, got 1"),
        (None, str, "a text, got None"),
        ({}, str | None, "a text or null, got {}"),
        ("c", Literal["a", "b"], "'a' or 'b', got 'c'"),
        ([1, "2"], Sequence[int], "a list of an integer each, got"),
        ("12", Sequence[int], "a list of an integer each, got '12'"),
        ({"a": "1"}, Mapping[str, int], "an object of an integer each, got"),
        ("x" * 1000, int, r"got 'x{79}\.\.\.$"),
    ],
)
def test_what_does_not_fit_is_said(value, hint, said):
    with pytest.raises(ValueError, match=f"^x must be .*{said}"):
        check_type(value, hint, name="x")
