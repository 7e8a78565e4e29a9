"""Summaries of long reports: what is asked, what is cut, and what ROUGE is."""

import json

import pytest

from t5lite.data.tasks import seqio_adapter
from tasks.long_context.gov_report import add_summary_task, rouge

RECORDS = [
    {"report": "Roads were built. " * 20, "summary": "Roads."},
    {"report": "Short.", "summary": "Brief."},
]


def test_a_report_is_cut_and_never_the_question(tmp_path, monkeypatch):
    import seqio

    monkeypatch.setenv("T5LITE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("T5LITE_VOCABULARY", "bytes")
    lines = (json.dumps(record) + "\n" for record in RECORDS)
    (tmp_path / "x.jsonl").write_text("".join(lines))
    try:
        add_summary_task("reports_cut", files={"test": "x.jsonl"}, max_tokens=100)
        long, short = seqio_adapter.iterate_texts("reports_cut", "test")
        assert len(long["inputs"]) == 100
        assert long["inputs"].startswith("Read this report.\n\nRoads were built. Roads")
        assert long["inputs"].endswith("\n\nSummarize the report.\n\nSummary:")
        assert "\n\nShort.\n\n" in short["inputs"] and short["targets"] == "Brief."
        add_summary_task("reports_small", files={"test": "x.jsonl"}, max_tokens=20)
        with pytest.raises(ValueError, match="'reports_small': 20 tokens have no room"):
            [*seqio_adapter.iterate_texts("reports_small", "test")]
    finally:
        for name in {"reports_cut", "reports_small"} & {*seqio.TaskRegistry.names()}:
            seqio.TaskRegistry.remove(name)


def test_rouge_is_that_of_words_pairs_and_the_longest_common_subsequence():
    found = rouge(["the roads were built", ["x", "a b c"]], ["roads were the", "c a b"])
    # Unigrams 3 of 4 and 3; pairs 1 of 3 and 2; subsequences 2. Then 3 of 3, 1 of 2, 2 of 3.
    assert found["rouge_1"] == pytest.approx((6 / 7 + 1) / 2)
    assert found["rouge_2"] == pytest.approx((2 / 5 + 1 / 2) / 2)
    assert found["rouge_l"] == pytest.approx((4 / 7 + 2 / 3) / 2)
