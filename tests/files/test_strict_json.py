"""JSON: what is refused of what others wrote, and where; and what we write."""

import json
import math
import pathlib
import re

import pytest

from t5lite.data.sources import local_files
from t5lite.files import json_files, strict_json
from tests.conftest import REPOSITORY


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ('{"q": {"text": "a \\ud83d"}}', ["field 'q.text' is no text", "character 3 is \\ud83d"]),
        ('{"\\udc4d": 1}', ["half of a surrogate pair"]),
        ('{"a": 1,}', ["column", "malformed JSON"]),
        ("[" * 100_000, ["malformed JSON", "nested too deeply"]),
        ("1" * 5000, ["malformed JSON"]),
    ],
)
def test_what_is_not_json_is_refused_with_its_field(line, parts):
    with pytest.raises(ValueError) as caught:
        strict_json.loads_texts(line, where="x.jsonl, line 7")
    for part in ["x.jsonl, line 7", *parts]:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    "value",
    ["NaN and Infinity", "\U0001f44d", {"a": [None, True, 1e300]}, 10**40, {"NaN": "\\ud83d"}],
)
def test_all_that_is_json_is_read(value):
    assert strict_json.loads_texts(json.dumps(value), where="x") == value


def test_nan_is_refused_where_a_text_is_wanted_with_line_and_field(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('\ufeff{"a": "b"}\n\n{"a": NaN}\n', encoding="utf-8")
    (first, record), (second, empty) = local_files.read_jsonl(path)
    assert (first, record) == (f"{path}, line 1", {"a": "b"})
    with pytest.raises(ValueError, match=r"x\.jsonl, line 3: field 'a': expected a string, .* NaN"):
        local_files.require(empty, "a", str, where=second)


def test_malformed_json_in_a_file_names_line_and_column(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"a": [1,\n 2,]}')
    with pytest.raises(ValueError, match=r"x\.json, line 2, column \d+: malformed JSON"):
        local_files.read_json(path)


def test_another_encoding_is_named(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text("{}", encoding="utf-16")
    with pytest.raises(ValueError, match="UTF-16; convert the file to UTF-8"):
        list(local_files.read_jsonl(path))


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_written_as_null(number):
    value = {"a": [1.5, number, (number, "é")], "b": {"c": number, "d": None}, 3: True}
    text = strict_json.dumps(value, ensure_ascii=False)
    expected = {"a": [1.5, None, [None, "é"]], "b": {"c": None, "d": None}, "3": True}
    assert json.loads(text, parse_constant=pytest.fail) == expected
    finite = {"a": [1.5, "NaN"], "b": 2}
    assert strict_json.dumps(finite, indent=2) == json.dumps(finite, indent=2)


def test_all_of_t5lite_writes_json_so():
    """But for chat templates, whose JSON is transformers', and what their process is asked."""
    folder = REPOSITORY / "t5lite"
    others = {
        str(path.relative_to(folder))
        for path in folder.rglob("*.py")
        if re.search(r"(?<!strict_)json\.dumps?\(", path.read_text(encoding="utf-8"))
    }
    names = ("process", "sandbox", "tokenizer_probe", "worker")
    templates = {f"data/templates/{name}.py" for name in names}
    assert others == {"files/strict_json.py", *templates}


def test_a_file_is_written_as_a_whole_or_stays_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    json_files.write_object(path, {"a": float("nan")})
    assert json_files.read_object(path) == {"a": None}
    monkeypatch.setattr(pathlib.Path, "replace", lambda *_: 1 / 0)  # killed before it has its name
    with pytest.raises(ZeroDivisionError):
        json_files.write_object(path, {"a": 1})
    assert json_files.read_object(path) == {"a": None}
    assert [file.name for file in tmp_path.iterdir()] == ["x.json"]
