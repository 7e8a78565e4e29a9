"""The contamination check: finds what is planted and nothing else, in one process or in many."""

import dataclasses
import json
import os
import random
import subprocess
import sys
import tempfile

import pytest

from t5lite import cli
from t5lite.data.contamination import contamination
from t5lite.data.contamination.ngrams import words
from t5lite.data.tasks import seqio_adapter, seqio_examples
from t5lite.data.tasks.data_status import DataStatus
from t5lite.data.tasks.prompt_parts import Exemplar, PromptParts
from tasks.python_tasks import Example, add_python_task
from tests.conftest import REPOSITORY
from tests.data.fakes import KillsItsReader

MODULE = "tests.data.contamination_tasks"
QUESTION = (
    "A train leaves Oslo at nine and another leaves Bergen at ten; where do they meet, and when?"
)
PLANTED = {
    "plain_clean": 0,
    "plain_planted": 2,
    "dataset_planted": 1,
    "ids_planted": 1,
    "plain_across": 1,
}


def texts_by_task():
    rng = random.Random(0)

    def noise():
        return " ".join(rng.choice(words(QUESTION)) for _ in range(30))

    rows = {name: [[noise(), "yes"] for _ in range(300)] for name in PLANTED}
    shouted = QUESTION.upper().replace(" ", " - ").replace(",", " ;")
    rows["plain_planted"][7] = [f"Question: {QUESTION}", "At noon."]
    rows["plain_planted"][280] = [noise(), f"“{shouted}”"]
    rows["dataset_planted"][3] = [f"Answer this. {QUESTION}", "At noon."]
    rows["ids_planted"][299] = [QUESTION, ""]
    half = QUESTION.index("Bergen")
    rows["plain_across"][0] = [QUESTION[:half], QUESTION[half:]]
    rows["plain_across"][1] = [QUESTION[half:], QUESTION[:half]]
    return rows


@pytest.fixture(scope="module")
def registered(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "texts.json"
    path.write_text(json.dumps(texts_by_task()))
    os.environ["CONTAMINATION_TEXTS"] = str(path)
    seqio_adapter.import_tasks([MODULE], vocabulary="bytes")
    return path


@pytest.fixture
def against(tmp_path):
    (tmp_path / "trains.csv").write_text(f'"{QUESTION}",noon,one,two,A\nToo short?,a,b,c,B\n')
    (tmp_path / "other.txt").write_text(
        "Nothing that is here can be found in any of these texts.\n"
    )
    return [f"--against={tmp_path}/{name}" for name in ("trains.csv", "other.txt")]


def run(*arguments):
    return cli.main(["tasks", "contamination", f"--tasks={MODULE}", *arguments])


def test_planted_examples_are_found_and_no_others(registered, against, tmp_path, capsys):
    output = tmp_path / "out" / "report.jsonl"
    assert run("contaminated", *against, f"--output={output}") == 0
    records = [json.loads(line) for line in output.read_text().splitlines()]
    tasks = {r["name"]: r for r in records if r["kind"] == "task"}
    assert {name: task["num_overlapping"] for name, task in tasks.items()} == PLANTED
    assert all(task["num_examples"] == 300 for task in tasks.values())
    planted = tasks["plain_planted"]
    assert planted["by_set"] == {"trains": 2} and planted["share"] == 2 / 300
    assert tasks["plain_clean"]["by_set"] == {} and tasks["plain_clean"]["ngrams"] == []
    gram = " ".join(words(QUESTION)[:13])
    assert planted["ngrams"] == [[gram, 2, ["trains"]]], "the next ones are of the same passage"
    trains, other = (r for r in records if r["kind"] == "set")
    assert (trains["num_texts"], trains["num_short"], trains["num_overlapping"]) == (2, 1, 1)
    assert (other["num_texts"], other["num_overlapping"], other["num_examples"]) == (1, 0, 0)
    assert records[-1] == {"kind": "total", "n": 13, "num_examples": 1500, "num_overlapping": 5}
    printed = capsys.readouterr().out
    assert "5 of 1,500 examples (0.333%), in 4 of 5 tasks, share 13 words in a row" in printed
    assert f"plain_across, 1 example(s), trains: {gram}" in printed


def test_shorter_ngrams_find_more_and_equal_brute_force(registered, against):
    sets = {"trains": [QUESTION]}
    for n in (2, 3):
        eval_words = words(QUESTION)
        wanted = {tuple(eval_words[i : i + n]) for i in range(len(eval_words) - n + 1)}
        expected = {}
        for name, rows in texts_by_task().items():
            listed = [words("\n".join(row)) for row in rows]
            expected[name] = sum(
                any(tuple(text[i : i + n]) in wanted for i in range(len(text))) for text in listed
            )
        found = contamination.search([*PLANTED], sets, split="train", n=n, progress=False)
        assert {task.name: task.num_overlapping for task in found.tasks} == expected


def test_processes_change_nothing(registered, against, tmp_path):
    reports = []
    for workers in (1, 2):
        output = tmp_path / f"{workers}.jsonl"
        run("contaminated", *against, f"--output={output}", f"--num_workers={workers}")
        reports.append(output.read_bytes())
    assert reports[0] == reports[1]


def test_a_killed_worker_leaves_no_report_and_no_index(
    registered, against, tmp_path, monkeypatch, capsys
):
    run_jobs = contamination.run_jobs

    def deadly(search_task, jobs, **settings):
        modules = (KillsItsReader(MODULE),)
        jobs = [dataclasses.replace(job, task_modules=modules) for job in jobs]
        return run_jobs(search_task, jobs, **settings)

    monkeypatch.setattr(contamination, "run_jobs", deadly)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    (tmp_path / "temporary").mkdir()
    output = tmp_path / "report.jsonl"
    assert run("contaminated", *against, f"--output={output}", "--num_workers=2") == 2
    assert "A worker process died" in capsys.readouterr().err
    assert not output.exists()
    assert not list((tmp_path / "temporary").glob("t5lite-ngrams-*"))


def test_the_exit_status_says_whether_a_share_is_too_large(registered, against, capsys):
    assert run("plain_planted", *against, f"--fail_above={2 / 300}") == 0
    assert run("plain_planted", *against, "--fail_above=0.006") == 1
    assert "0.6667%, above --fail_above 0.006" in capsys.readouterr().out
    assert run("plain_clean", *against, "--fail_above=0") == 0


def test_registered_tasks_can_be_the_evaluation_set(registered, capsys):
    assert run("plain_planted", "--against_tasks=ids_planted:test", "--fail_above=0") == 1
    assert "ids_planted:test" in capsys.readouterr().out
    assert run("plain_clean", "--against_tasks=dataset_planted:test", "--fail_above=0") == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["contaminated"], "give --against"),
        (["contaminatd", "--against=pyproject.toml"], "holds no file of evaluation data"),
        (["contaminatd", "--against_tasks=plain_clean:train"], "contaminated"),
        (["contaminated", "--against_tasks=plain_clean"], "give NAME:SPLIT"),
        (["contaminated", "--against_tasks=plain_clean:train", "--split=test"], "no split 'test'"),
    ],
)
def test_mistakes_are_reported(registered, arguments, complaint, capsys):
    assert run(*arguments) == 2
    assert complaint in capsys.readouterr().err


def test_a_task_that_cannot_be_read_is_named(registered, against, monkeypatch, tmp_path, capsys):
    (tmp_path / "gone.json").write_text("{}")
    monkeypatch.setenv("CONTAMINATION_TEXTS", str(tmp_path / "gone.json"))
    assert run("plain_clean", *against) == 2
    assert "Cannot read task 'plain_clean'" in capsys.readouterr().err


def test_nothing_heavy_is_imported_by_the_index():
    code = "import sys, t5lite.data.contamination.ngrams\n"
    code += "assert not {'seqio', 'jax'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True)


class ShownOrAsked:
    """Reads one few-shot example with the planted words in its demonstration or its question."""

    def __init__(self, shown, question, state="present"):
        self.parts = PromptParts(exemplars=(Exemplar(shown, "noon"),), question=question)
        self.state = state

    def __call__(self, split):
        assert self.state == "present"
        return [Example.asked(self.parts, id="0", targets="noon")]

    def data_status(self):
        return DataStatus("evaluated", "all", self.state, where="there", why="it is gone")


@pytest.fixture
def evaluated(registered, own_tasks):
    return lambda reader: add_python_task("evaluated", reader, splits=["test"], metrics=[])


@pytest.mark.parametrize("through_seqio", [False, True])
@pytest.mark.parametrize(("shown", "asked", "code"), [(QUESTION, "?", 0), ("?", QUESTION, 1)])
def test_of_few_shot_prompts_the_question_alone_is_looked_for(
    evaluated, shown, asked, code, through_seqio, monkeypatch
):
    task = evaluated(ShownOrAsked(shown, asked))
    if through_seqio:
        plain = seqio_examples.is_plain_text
        monkeypatch.setattr(
            seqio_examples, "is_plain_text", lambda t: t.name != task.name and plain(t)
        )
    assert run("plain_planted", "--against_tasks=evaluated:test", "--fail_above=0") == code


def test_an_evaluation_set_without_data_is_named(evaluated, against, capsys):
    evaluated(ShownOrAsked("?", QUESTION, state="missing"))
    arguments = ["plain_planted", *against, "--against_tasks=evaluated:test"]
    assert run(*arguments) == 2
    assert "evaluated: missing, it is gone (there)" in capsys.readouterr().err
