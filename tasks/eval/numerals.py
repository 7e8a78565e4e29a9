r"""Numbers in texts of many languages, as canonical decimal text ("1234.5").

Digits of all scripts count. What separates thousands from one another, and units from decimals,
depends on the language, and where writers of a language use both ways, on the groups of digits:

| found | with a decimal point (English, Chinese ...) | with a decimal comma (German ...) |
| --- | --- | --- |
| 1,234 and 1,234,567.5 | thousands | thousands |
| 12,34,567 | thousands | 12.34, then 567 |
| 1.234 | a decimal | thousands |
| 1.5, 1.50 | a decimal | a decimal |
| 1,5 | two numbers | a decimal |
| 1 234 (space) | two numbers | thousands |
| 1 234 (no-break or thin space), 1'234 | thousands | thousands |
| 8万, 1.5億 | times 10,000 or 100,000,000 | likewise |
| 1万2000 | 12,000 | likewise |
| .5 | a decimal | a decimal |
| ,5 | a whole number | a decimal |
| 1{,}200, 1\,200 (LaTeX) | as 1,200 and 1 200 with a thin space | likewise |
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_SPACES = "\u00a0\u2009\u202f"
_MYRIADS = {"万": 4, "萬": 4, "億": 8, "亿": 8}
# Arabic separators, and what other signs for minus there are.
# What LaTeX writes between the digits of a number.
_LATEX_SPACINGS = {"{,}": ",", "\\,": "\u2009", "\\!": ""}
_LATEX = re.compile("|".join(map(re.escape, _LATEX_SPACINGS)))
_SIGNS = str.maketrans({"٬": ",", "٫": ".", "\u2212": "-", "\uff0d": "-", "\u2019": "'"})

# A hyphen behind a word, a number or a bracket joins or subtracts.
_MINUS = r"(?P<minus>(?<![\w)\]%.,])-[$€£¥₹]?)?"
_MYRIAD = r"(?:\s?(?P<myriad>[万萬億亿]))?"


def _number(*forms: tuple[str, str]) -> re.Pattern[str]:
    """A number in the first form that fits; each is a whole part and what separates decimals."""
    numbered = [
        rf"(?P<whole{i}>{whole})(?:[{separators}](?P<decimals{i}>\d+))?"
        for i, (whole, separators) in enumerate(forms)
    ]
    # A bare separator begins the decimals of what is less than one.
    numbered.append(rf"(?<![\w.,)\]%])[{forms[-1][1]}](?P<decimals{len(forms)}>\d+)")
    # Letters of other scripts may stand right before a sign.
    return re.compile(f"{_MINUS}(?:{'|'.join(numbered)}){_MYRIAD}", re.ASCII)


def _thousands(separator: str) -> str:
    return rf"[1-9]\d{{0,2}}(?:{separator}\d{{3}})+(?!\d)"


_WITH_POINT = _number(
    (_thousands(","), "."),
    (r"[1-9]\d?(?:,\d{2})+,\d{3}(?!\d)", "."),
    (_thousands(f"['{_SPACES}]"), "."),
    (r"\d+", "."),
)
_WITH_COMMA = _number(
    (_thousands(r"\."), ","),
    (_thousands(","), "."),
    (_thousands(f"[' {_SPACES}]"), ",."),
    (r"\d+", ",."),
)


def numbers(text: str, *, decimal_comma: bool = False) -> list[str]:
    """The numbers of a text, in order.

    Args:
      text: any text.
      decimal_comma: whether its language writes 1,5 for three halves.

    Returns:
      Each as digits with at most one point, without needless zeros, `-` before a negative one.
    """
    pattern = _WITH_COMMA if decimal_comma else _WITH_POINT
    text = _LATEX.sub(lambda found: _LATEX_SPACINGS[found[0]], with_ascii_digits(text))
    found: list[str] = []
    end = num_zeros = 0  # Of the number before: where it ends, and how many places it leaves open.
    for match in pattern.finditer(text):
        number = _canonical(match)
        if match.start() == end and _fits(number, found, num_zeros):
            found[-1] = found[-1][: -len(number.partition(".")[0])] + number
        else:
            found.append(number)
        end, num_zeros = match.end(), _MYRIADS.get(match["myriad"] or "", 0)
    return found


def _fits(number: str, found: Sequence[str], num_zeros: int) -> bool:
    """Whether a number goes on with the one before, as 2000 does in 1万2000."""
    whole = number.partition(".")[0]
    return (
        0 < len(whole) <= num_zeros
        and not number.startswith("-")
        and found[-1].endswith("0" * num_zeros)
        and "." not in found[-1]
    )


def with_ascii_digits(text: str) -> str:
    """The text with digits of other scripts, their separators and signs written as in ASCII."""
    if not text.isascii():
        text = "".join(
            str(unicodedata.decimal(char)) if char.isdecimal() else char for char in text
        )
    return text.translate(_SIGNS)


def _canonical(match: re.Match[str]) -> str:
    found = {name.rstrip("0123456789"): text for name, text in match.groupdict("").items() if text}
    whole, decimals = re.sub(r"\D", "", found.get("whole", "")), found.get("decimals", "")
    places = _MYRIADS.get(found.get("myriad", ""), 0)
    whole += decimals[:places].ljust(places, "0")
    whole, decimals = whole.lstrip("0") or "0", decimals[places:].rstrip("0")
    number = f"{whole}.{decimals}" if decimals else whole
    return f"-{number}" if "minus" in found and number != "0" else number
