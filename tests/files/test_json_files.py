"""JSON Lines end at newlines only, wherever they are read."""

import json
import os
import pathlib
import re

import pytest

from t5lite.data.sources.local_files import read_text
from t5lite.data.sources.record_files import JsonLines
from t5lite.files.json_files import parse_lines, read_lines, read_object, write_lines
from tests.conftest import REPOSITORY

SEPARATORS = [c for c in map(chr, range(1 << 16)) if len(f"a{c}a".splitlines()) == 2]


@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_a_text_may_hold_every_separator_of_python(tmp_path, ensure_ascii):
    assert {"\u2028", "\x85", "\x0b", "\n", "\r"} <= set(SEPARATORS)
    records = [{"a": f"x{c}y"} for c in SEPARATORS]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(r, ensure_ascii=ensure_ascii) + "\n" for r in records))
    found = list(read_lines(path))
    assert [record for _, record in found] == records
    assert found[1][0] == f"{path}, line 2"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[1]", "line 2: expected a JSON object, found a list"),
        ('{"a": ', "line 2, column 7: malformed JSON"),
        ('{"a": ' + "9" * 5000 + "}", "line 2: malformed JSON"),
        ("[" * 100_000, "line 2: malformed JSON: nested too deeply"),
        ('{"a": ["\\ud800"]}', r"line 2: field 'a\[0\]' is no text"),
    ],
    ids=lambda text: text[:12],
)
def test_what_is_wrong_is_named_with_its_line(line, said):
    with pytest.raises(ValueError, match=rf"f.jsonl, {said}"):
        list(parse_lines("{}\n" + line, path=pathlib.Path("f.jsonl")))


def test_no_module_that_reads_json_splits_lines_as_python_does():
    """`str.splitlines` also splits at U+2028, U+0085 and others, which JSON leaves in texts."""
    for folder in ("t5lite", "tasks", "benchmarks"):
        for path in (REPOSITORY / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            reads_json = re.search(r"import .*(json|parse_lines|read_lines)", text)
            assert not (reads_json and re.search(r"(?<!__doc__)\.splitlines\(", text)), path


@pytest.mark.parametrize(
    "read",
    [
        read_object,
        read_text,
        lambda path: list(read_lines(path)),
        lambda path: list(JsonLines(path).read()),
    ],
)
def test_a_pipe_is_not_waited_for(tmp_path, read):
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(ValueError, match=r"a\.json is no regular file"):
        read(tmp_path / "a.json")


def test_lines_keep_what_they_are_given(tmp_path):
    records = [{"text": "a\u2028b\x85 ü"}, {"text": "half \ud83d"}]
    write_lines(tmp_path / "x.jsonl", records)
    assert [r for _, r in read_lines(tmp_path / "x.jsonl", any_text=True)] == records
