"""The trace of made examples: what is written, found again and shown."""

import json

import pytest

from t5lite.cli import main
from t5lite.synthetic_data.provenance import (
    TRACE_FILE,
    Origin,
    Trace,
    Verdict,
    read_trace,
    write_trace,
)
from t5lite.synthetic_data.teachers.answers import ANSWERS_FOLDER, Answers
from t5lite.synthetic_data.teachers.requests import Choice, Message, Reply, Request

REQUEST = Request(
    messages=(Message("system", "You write tasks."), Message("user", "1. Add numbers.\n2.")),
    temperature=0.7,
    presence_penalty=2.0,
    stop=("16.",),
)
SEED = Origin(id="seed_17", example={"instruction": "Add numbers."})
MADE = Origin(
    id="instruction_00012",
    example={"instruction": "Write a poem\nof two lines.", "words": 6},
    request=REQUEST.digest("gpt"),
    choice=1,
    template="simple",
    demonstrations=("seed_17", "seed_99"),
    verdicts=(Verdict("length", True), Verdict("rouge", False, "ROUGE-L 0.81 with seed_17")),
)


@pytest.fixture
def folder(tmp_path):
    with Trace(tmp_path) as trace:
        trace.add([SEED, MADE])
    with Answers(tmp_path / ANSWERS_FOLDER) as answers:
        choices = (Choice("unused"), Choice("Write a poem\n\x1b[31mof two lines.", was_cut=True))
        answers.add("gpt", REQUEST, Reply(choices, 9, 9))
    return tmp_path


def test_what_is_there_already_is_not_added_twice(folder):
    before = (folder / TRACE_FILE).read_bytes()
    with Trace(folder) as trace:
        trace.add([SEED, MADE])
    assert (folder / TRACE_FILE).read_bytes() == before
    changed = Origin(id="seed_17", example={"instruction": "Add two numbers."})
    with Trace(folder) as trace:
        trace.add([changed])
        trace.add([changed])
    assert len((folder / TRACE_FILE).read_text().split("\n")) == 4
    assert read_trace(folder) == {"seed_17": changed, MADE.id: MADE}


def test_a_trace_written_as_a_whole_is_the_same_as_one_added_to(folder, tmp_path):
    before = (folder / TRACE_FILE).read_bytes()
    write_trace(folder, [SEED, MADE])
    assert (folder / TRACE_FILE).read_bytes() == before


def test_an_example_is_shown_with_all_that_made_it(folder, capsys):
    assert main(["trace", MADE.id, f"--folder={folder}"]) == 0
    shown = capsys.readouterr().out
    assert (
        shown
        == f"""\
instruction_00012: left out
  instruction:
      Write a poem
      of two lines.
  words: 6

filter  verdict   why
------  --------  -------------------------
length  kept
rouge   left out  ROUGE-L 0.81 with seed_17

Demonstrations: 2
  seed_17
    instruction: Add numbers.
  seed_99: not in this trace

Request {MADE.request} to gpt
  template: simple
  temperature: 0.7
  top_p: 1.0
  max_tokens: 512
  stop: ["16."]
  presence_penalty: 2.0

System:
    You write tasks.
User:
    1. Add numbers.
    2.

Answer 2 of 2, cut short:
    Write a poem
    \\x1b[31mof two lines.
"""
    )


def test_one_that_nobody_was_asked_for_says_so(folder, capsys):
    assert main(["trace", "seed_17", f"--folder={folder}"]) == 0
    assert capsys.readouterr().out.endswith("seed_17: kept\n  instruction: Add numbers.\n\n"
                                            "No teacher was asked for it.\n")  # fmt: skip


def test_answers_may_lie_elsewhere(folder, capsys):
    elsewhere = folder.parent / "elsewhere"
    (folder / ANSWERS_FOLDER).rename(elsewhere)
    assert main(["trace", MADE.id, f"--folder={folder}"]) == 0
    assert "its answer is not in" in capsys.readouterr().out
    assert main(["trace", MADE.id, f"--folder={folder}", f"--answers={elsewhere}"]) == 0
    assert "Answer 2 of 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("id", "said"),
    [
        ("instruction_00021", "Did you mean 'instruction_00012'"),
        ("x", "has no example 'x' among 2"),
    ],
)
def test_an_unknown_id_is_named(folder, capsys, id, said):
    assert main(["trace", id, f"--folder={folder}"]) == 2
    assert said in capsys.readouterr().err


def test_a_folder_without_a_trace_is_named(tmp_path, capsys):
    assert main(["trace", "x", f"--folder={tmp_path}"]) == 2
    assert "there is no trace.jsonl in it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"id": 3, "example": {}}, "'id' must be a text"),
        ({"example": {}}, "field 'id' is missing"),
        ({"id": "a", "example": {}, "verdicts": [{"filter": "x"}]}, "verdicts"),
        ({"id": "a", "example": {}, "demonstrations": [1]}, "demonstrations"),
    ],
)
def test_a_malformed_line_is_named(folder, capsys, line, said):
    with (folder / TRACE_FILE).open("a") as file:
        file.write(json.dumps(line) + "\n")
    assert main(["trace", "seed_17", f"--folder={folder}"]) == 2
    assert said in (error := capsys.readouterr().err) and "trace.jsonl, line 3" in error
    with pytest.raises(ValueError, match="line 3"):
        Trace(folder)
    write_trace(folder, [SEED])
    Trace(folder).__exit__()  # no lock stays behind
