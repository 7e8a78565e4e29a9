"""Numbers as people of many languages write them."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("seqio")  # The suites' package registers their Tasks.
from tasks.eval.numerals import numbers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("18", ["18"]),
        ("$70,000.", ["70000"]),
        ("1,234,567.50 in all", ["1234567.5"]),
        ("0.250 and 007 and 3.0", ["0.25", "7", "3"]),
        ("0,125", ["0", "125"]),
        ("1.234", ["1.234"]),
        ("1,5", ["1", "5"]),
        ("12,34,567", ["1234567"]),
        ("1,2345", ["1", "2345"]),
        ("5-3=2", ["5", "3", "2"]),
        ("-41 * -3 = (-61)", ["-41", "-3", "-61"]),
        ("-$5 and \u22127 and -0", ["-5", "-7", "0"]),
        ("x-5, 3 -2", ["5", "3", "-2"]),
        ("8万ドル、1.5億", ["80000", "150000000"]),
        ("0.00015万", ["1.5"]),
        ("1万2000", ["12000"]),
        ("1億2000万3 と 5万 7", ["120000003", "50000", "7"]),
        ("1.5万3000、2万12000、1万-5", ["15000", "3000", "20000", "12000", "10000", "-5"]),
        (".5 and -.25, 3.5, no.5", ["0.5", "-0.25", "3.5", "5"]),
        ("1{,}200 and 1\\,200 and 1,\\!200", ["1200", "1200", "1200"]),
        ("৮৯টি ১,০০,০০০", ["89", "100000"]),
        ("๓๙ ชิ้น", ["39"]),
        ("१२.५", ["12.5"]),
        ("١٬٢٣٤٫٥", ["1234.5"]),
        ("答えは-5個", ["-5"]),
        ("１８", ["18"]),
        ("60 m²", ["60"]),
        ("none", []),
    ],
)
def test_with_a_decimal_point(text, expected):
    assert numbers(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,5", ["1.5"]),
        ("1.5", ["1.5"]),
        ("70.000 Dollar", ["70000"]),
        ("70,000 dollars", ["70000"]),
        ("1.234,50", ["1234.5"]),
        ("1,234.50", ["1234.5"]),
        ("70 000 $", ["70000"]),
        ("70\u00a0000,5 et 1\u202f000", ["70000.5", "1000"]),
        ("0,125 0.125", ["0.125", "0.125"]),
        (",5 1{,}5", ["0.5", "1.5"]),
        ("Ответ — 11", ["11"]),
    ],
)
def test_with_a_decimal_comma(text, expected):
    assert numbers(text, decimal_comma=True) == expected


@settings(deadline=None)
@given(st.integers(-(10**40), 10**40), st.booleans())
def test_a_whole_number_of_any_size_is_itself(number, decimal_comma):
    assert numbers(str(number), decimal_comma=decimal_comma) == [str(number)]
    assert numbers(f"{number:,}", decimal_comma=decimal_comma) == [str(number)]


@settings(deadline=None)
@given(st.text(st.sampled_from(string.digits + ".,-' \u00a0万億৫٫x$"), max_size=30), st.booleans())
def test_a_canonical_number_is_read_as_itself(text, decimal_comma):
    for number in numbers(text, decimal_comma=decimal_comma):
        assert numbers(number) == [number]
