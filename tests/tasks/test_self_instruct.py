"""The wordings of what `t5lite self_instruct` writes; test_seeds.py reads the Tasks."""

from __future__ import annotations

from tasks import self_instruct


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
