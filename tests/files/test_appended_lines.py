"""Lines that are on disk one at a time: torn ones, taken back ones, two writers, full disks."""

import json
import os

import pytest

from t5lite.files.appended_lines import AppendedLines


def opened(path):
    return AppendedLines(path, name="--output")


def test_lines_are_there_when_append_returns_and_again_when_opened(tmp_path):
    path = tmp_path / "new" / "a.jsonl"
    with opened(path) as lines:
        lines.append([{"n": 1}, {"n": 2, "text": "é\u2028\ud800"}])
        assert len(path.read_bytes().splitlines()) == 2
    with opened(path) as lines:
        assert [record for _, record in lines.records] == [
            {"n": 1},
            {"n": 2, "text": "é\u2028\ud800"},
        ]
        assert lines.records[1][0] == f"{path}, line 2"
        lines.append([{"n": 3}])
    assert [json.loads(line)["n"] for line in path.read_bytes().splitlines()] == [1, 2, 3]
    assert [p.name for p in path.parent.iterdir()] == ["a.jsonl"]


@pytest.mark.parametrize("torn", [b'{"n": 2', b'{"n": "\xc3', b" "])
def test_what_a_kill_left_of_a_line_is_cut_off(tmp_path, torn):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"n": 1}\n' + torn)
    with opened(path) as lines:
        assert [record for _, record in lines.records] == [{"n": 1}]
        lines.append([{"n": 2}])
    assert path.read_text() == '{"n": 1}\n{"n": 2}\n'


def test_the_last_line_is_taken_back_and_those_before_stay(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"n": 1}\n\n{"n": "é"}\n')
    with opened(path) as lines:
        lines.append([{"n": 3}])
        lines.take_back()
        assert path.read_text() == '{"n": 1}\n\n{"n": "é"}\n'
        lines.take_back()
        lines.take_back()
        assert path.read_text() == "" and lines.records == []
        lines.append([{"n": 4}])
    assert path.read_text() == '{"n": 4}\n'


def test_a_second_writer_is_refused(tmp_path):
    with (
        opened(tmp_path / "a.jsonl"),
        pytest.raises(ValueError, match=r"another process is writing .*a\.jsonl.* --output"),
    ):
        opened(tmp_path / "a.jsonl")
    with opened(tmp_path / "a.jsonl"):
        pass


@pytest.mark.parametrize(
    ("content", "message"),
    [(b'{"n": 1}\n[2]\n', r"line 2: expected a JSON object"), (b"\xff\n", "not JSON Lines")],
)
def test_a_malformed_file_is_refused_and_left_as_it_is(tmp_path, content, message):
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    for _ in range(2):  # and is not held
        with pytest.raises(ValueError, match=message):
            opened(path)
    assert path.read_bytes() == content
    with pytest.raises(ValueError, match="is a folder"):
        opened(tmp_path)


def test_of_lines_that_could_not_be_written_whole_nothing_stays(tmp_path, monkeypatch):
    path = tmp_path / "a.jsonl"
    with opened(path) as lines:
        lines.append([{"n": 1}])

        def full(descriptor):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=r"a\.jsonl"):
            lines.append([{"n": 2}])
        monkeypatch.undo()
        assert path.read_text() == '{"n": 1}\n' and len(lines.records) == 1
        lines.append([{"n": 3}])
    assert path.read_text() == '{"n": 1}\n{"n": 3}\n'
