"""docs/preference.md: its commands, one after another, with small models."""

import json
import pathlib

import pytest

from t5lite.cli import main
from t5lite.files.json_files import write_lines
from tests import feature_converters
from tests.decoding import model_dirs
from tests.docs.pages import DOCS, commands

PAGE = DOCS / "preference.md"
COMMANDS = {
    command.words[1 if command.words[0] == "preference" else 0]: command.words
    for command in commands(PAGE)
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the models that the page names."""
    monkeypatch.chdir(tmp_path)
    for name, length in (("large", 48), ("judge", 1024)):
        lengths = {"inputs": length, "targets": 16}
        (tmp_path / "runs").mkdir(exist_ok=True)
        converter = feature_converters.converter(task_feature_lengths=lengths)
        model_dirs.save(tmp_path / "runs" / name, converter)
    return tmp_path


def lines(path):
    return [json.loads(line) for line in pathlib.Path(path).read_text().splitlines()]


def test_the_page_goes_from_prompts_to_a_result(here, capsys):
    pytest.importorskip("seqio")
    assert main([*COMMANDS["infer"], "--max_decode_length=4"]) == 0
    assert main(COMMANDS["choose"]) == 0
    chosen = lines("large.jsonl")
    assert len(chosen) == 190
    assert all(len(line["predictions"]) == 5 for line in lines("large.samples.jsonl"))
    # Of a second model, the first few; the judge need not read them all here.
    write_lines(pathlib.Path("large.jsonl"), chosen[:6])
    other = [line | {"prediction": line["prediction"] + " More."} for line in chosen[:6]]
    write_lines(pathlib.Path("small.jsonl"), other)
    assert main(COMMANDS["judge"]) == 0
    assert len(lines("judged.jsonl")) == 6
    # What `serve` would have written; tests/evaluation/preference tries that in a browser.
    people = [line | {"judge": "person"} for line in lines("judged.jsonl")]
    write_lines(pathlib.Path("judgments.jsonl"), people)
    capsys.readouterr()
    assert main(COMMANDS["report"]) == 0
    assert "agree on 100.0% of the 6 pairs" in capsys.readouterr().out
    assert "small against large" in pathlib.Path("preference.html").read_text()
