"""Values of files, configs and calls against the types that they have."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import pytest

from t5lite.messages.ranges import Rate, Size
from t5lite.messages.value_types import check_numbers, check_type


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


@dataclasses.dataclass(frozen=True)
class Base:
    rate: Rate = 0.5

    def __post_init__(self):
        check_numbers(self, of=Base)


@dataclasses.dataclass(frozen=True)
class Derived(Base):
    kinds: ClassVar[int] = 3
    limit: float = float("inf")
    known_to_type_checkers: "OnlyForTypeCheckers | None" = None  # noqa: F821


def test_fields_of_a_derived_class_are_its_own():
    assert Derived().limit == float("inf")
    with pytest.raises(ValueError, match=r"^Derived\.rate must be .*, got 2$"):
        Derived(rate=2)


def test_class_variables_are_no_fields():
    @dataclasses.dataclass(frozen=True)
    class Counted:
        count: Size
        kinds: ClassVar[int] = 3

        def __post_init__(self):
            check_numbers(self, of=Counted)

    assert Counted(1).kinds == 3
    with pytest.raises(ValueError, match=r"Counted\.count"):
        Counted(0)
