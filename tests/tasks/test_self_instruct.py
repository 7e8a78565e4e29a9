"""The Tasks of what `t5lite self_instruct` writes."""

from __future__ import annotations

import json
import pathlib

import pytest

from t5lite.data.tasks.seqio_adapter import import_tasks, iterate_texts
from tasks import alpaca, self_instruct


def test_wordings_differ_and_hold_all_of_the_record() -> None:
    records = [
        {"instruction": f"Sort list {n}.", "input": "b {a}" if n % 2 else ""} for n in range(200)
    ]
    prompts = [self_instruct.prompt(record) for record in records]
    for record, prompt in zip(records, prompts, strict=True):
        assert record["instruction"] in prompt and record["input"] in prompt
        assert prompt == self_instruct.prompt(dict(record))
    wordings = {
        prompt.replace(record["instruction"], "I").replace("b {a}", "X")
        for record, prompt in zip(records, prompts, strict=True)
    }
    assert sum("X" in wording for wording in wordings) == 7
    assert len(wordings) == 13


def test_both_tasks(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T5LITE_DATA_DIR", str(tmp_path))
    record = {"id": "a", "instruction": "Sort.", "input": "", "output": "b"}
    (tmp_path / "examples.jsonl").write_text(json.dumps(record) + "\n")
    import_tasks(["tasks.self_instruct"])
    assert list(iterate_texts("self_instruct", "train")) == [
        {"inputs": self_instruct.prompt(record), "targets": "b"}
    ]
    assert list(iterate_texts("self_instruct_alpaca", "train")) == [
        {"inputs": alpaca.prompt(record), "targets": "b"}
    ]
