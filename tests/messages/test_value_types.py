"""Values of files, configs and calls against the types that they have."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import jax.numpy as jnp
import numpy as np
import pytest

from t5lite.messages.ranges import NumDevices, Rate, Size
from t5lite.messages.value_types import check_numbers, check_type, dataclass_of, numbers_checked


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


@dataclasses.dataclass(frozen=True)
class Part:
    name: str
    sizes: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class Whole:
    parts: tuple[Part, ...]
    by_name: Mapping[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)
    more: Mapping[str, object] = dataclasses.field(default_factory=dict)


def test_a_dataclass_is_made_of_json():
    record = {"parts": [{"name": "a", "sizes": [1, 2]}], "by_name": {"b": [3]}, "more": {"c": [4]}}
    whole = Whole((Part("a", (1, 2)),), {"b": (3,)}, {"c": [4]})
    assert dataclass_of(Whole, record, name="x") == whole
    assert dataclass_of(Whole, record | {"new": 1}, name="x", others_pass=True) == whole


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({}, "x: field 'parts' is missing"),
        ({"parts": [], "part": 1}, "x: unknown field 'part'; known are parts, by_name, more"),
        ({"parts": {}}, "x, field 'parts' must be a list"),
        ({"parts": [{"sizes": []}]}, "x, field 'parts', item 0: field 'name' is missing"),
        ({"parts": [], "by_name": {"b": ["1"]}}, "x, field 'by_name' must be an object of a list"),
    ],
)
def test_json_that_makes_no_dataclass_is_said(record, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        dataclass_of(Whole, record, name="x")


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


@dataclasses.dataclass(frozen=True)
class Lengths:
    lengths: Mapping[str, Size]

    def __post_init__(self):
        check_numbers(self, of=Lengths)


@numbers_checked
def called(rate: Rate, *, count: Size = 1, shape: tuple[Size, Size] = (1, 1)):
    return rate, count, shape


SCALARS = (np.float32, np.float64, jnp.float32, jnp.bfloat16, np.asarray, lambda x: x)


@pytest.mark.parametrize("scalar", SCALARS)
def test_scalars_of_numpy_and_jax_become_numbers_of_python(scalar):
    rate, count, _ = called(scalar(0.5), count=np.int64(3))
    assert (rate, count, Base(scalar(0.5)).rate) == (0.5, 3, 0.5)
    assert {type(rate), type(Base(scalar(0.5)).rate), type(count)} == {float, int}
    with pytest.raises(ValueError, match=r"^called\.rate must be a finite number .*, got 1\.0$"):
        called(scalar(1.0))


def test_scalars_inside_lists_and_mappings():
    assert json.dumps(Lengths({"a": np.int32(3), "b": 2}).lengths) == '{"a": 3, "b": 2}'
    assert json.dumps(called(0, shape=(jnp.int32(2), 3))) == "[0, 1, [2, 3]]"
    with pytest.raises(ValueError, match=r"^Lengths\.lengths must be "):
        Lengths({"a": np.float32(3)})


def test_neither_a_truth_nor_an_array_is_a_number():
    for value in (np.bool_(True), jnp.array(True), np.zeros(1), jnp.zeros((2,))):
        with pytest.raises(ValueError, match=r"^Base\.rate must be "):
            Base(value)


def test_a_value_outside_of_the_bounds_may_stand_there_too():
    check_type(-1, NumDevices, name="x")
    said = (
        r"^x must be an integer from 1 to 1048576, or -1 \(-1 is what the other axes leave\), got 0"
    )
    with pytest.raises(ValueError, match=said):
        check_type(0, NumDevices, name="x")
