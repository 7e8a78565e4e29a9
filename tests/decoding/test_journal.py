import json

import pytest

from t5lite.decoding.journal import Journal

SETTINGS = {"step": 3, "decoding": {"top_k": 5}}
RECORDS = [{"inputs": f"line {n}\n", "prediction": "é☃"[n % 2] * n} for n in range(10)]


def _open(path, **changes):
    arguments = {"settings": SETTINGS, "num_lines": len(RECORDS), "chunk_size": 4}
    return Journal(path, **(arguments | changes))


def _write(path, *, chunks=None):
    """Goes on where the journal is, for so many chunks; returns the lines it made."""
    made = []
    with _open(path) as journal:
        starts = list(range(journal.num_done, len(RECORDS), 4))
        for start in starts[:chunks]:
            journal.append(RECORDS[start : start + 4])
            made += range(start, min(start + 4, len(RECORDS)))
        if chunks is None:
            journal.finish()
    return made


@pytest.fixture
def whole(tmp_path):
    _write(tmp_path / "whole.jsonl")
    return (tmp_path / "whole.jsonl").read_bytes()


def test_lines_are_the_records_in_order(whole):
    assert [json.loads(line) for line in whole.splitlines()] == RECORDS
    assert "☃".encode() in whole


def test_cut_anywhere_it_goes_on_and_ends_with_the_same_bytes(tmp_path, whole):
    for size in range(0, len(whole) + 1, 7):
        path = tmp_path / f"{size}.jsonl"
        _write(path, chunks=0)
        partial = tmp_path / f"{size}.jsonl.partial"
        partial.write_bytes(whole[:size])
        num_whole = whole[:size].count(b"\n")
        made = _write(path)
        assert made == list(range(num_whole // 4 * 4, len(RECORDS)))
        assert path.read_bytes() == whole
        assert not partial.exists()


def test_a_finished_output_is_left_alone(tmp_path):
    path = tmp_path / "out.jsonl"
    assert len(_write(path)) == len(RECORDS)
    before = path.stat().st_mtime_ns
    assert _write(path) == []
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize("chunks", [1, None])
def test_other_settings_are_refused_and_lose_nothing(tmp_path, chunks):
    path = tmp_path / "out.jsonl"
    _write(path, chunks=chunks)
    with pytest.raises(ValueError, match=r"step: 3 then, 4 now"):
        _open(path, settings=SETTINGS | {"step": 4})
    _write(path)
    assert path.read_bytes().count(b"\n") == len(RECORDS)


def test_a_file_of_unknown_making_is_not_replaced(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_text("mine\n")
    with pytest.raises(ValueError, match="choose another output"):
        _open(path)
    assert path.read_text() == "mine\n"


def test_an_output_that_is_a_folder_is_refused_by_its_flag(tmp_path):
    with pytest.raises(ValueError, match=r"is a folder \(flag --output_dir\)"):
        _open(tmp_path, flag="--output_dir")


def test_two_runs_on_one_output_are_refused(tmp_path):
    with (
        _open(tmp_path / "out.jsonl"),
        pytest.raises(ValueError, match=r"another run is writing .*out\.jsonl"),
    ):
        _open(tmp_path / "out.jsonl")


def test_half_a_surrogate_pair_survives(tmp_path):
    path = tmp_path / "out.jsonl"
    record = json.loads(r'{"id": "\ud83d", "prediction": "é"}')
    with _open(path, num_lines=1) as journal:
        journal.append([record])
        journal.finish()
    assert json.loads(path.read_text(encoding="utf-8")) == record
