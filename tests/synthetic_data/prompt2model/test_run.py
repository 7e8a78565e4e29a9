"""`t5lite prompt2model`: runs that are killed, and what each word and flag does."""

import os
import pathlib
import signal
import subprocess
import sys

import pytest

from t5lite.cli import main
from t5lite.synthetic_data.prompt2model.model_retriever import ModelRetrieval
from t5lite.synthetic_data.prompt2model.pipeline import PIPELINE, writer_of_examples
from t5lite.synthetic_data.prompt2model.run import prompt2model
from t5lite.synthetic_data.prompt2model.step_folder import StepFolder
from t5lite.synthetic_data.prompt2model.work import SPLIT_FILES, Work
from t5lite.synthetic_data.teachers.config import TeacherConfig
from tests.conftest import REPOSITORY
from tests.synthetic_data.lines import lines_of, write_lines
from tests.synthetic_data.prompt2model.runs import (
    NOT_TRAINED,
    NUM_EXAMPLES,
    PROMPT,
    made,
    run,
    script,
)
from tests.synthetic_data.scripted import local_endpoint

PLAIN = {"parse_with_teacher": False}

RUN = """
import sys
from tests.synthetic_data.prompt2model.runs import run
run(*sys.argv[1:])
"""


@pytest.fixture(scope="module")
def endpoint():
    with local_endpoint(script) as served:
        yield served


@pytest.fixture
def prompt(tmp_path) -> str:
    (tmp_path / "given.txt").write_text(PROMPT)
    return str(tmp_path / "given.txt")


def test_a_run_killed_twice_ends_with_the_files_of_a_straight_one(tmp_path, prompt, endpoint):
    run(tmp_path / "straight", endpoint.url, prompt)
    calls, children = 0, []

    def kills(body):
        nonlocal calls
        calls += 1
        if calls in (4, 9):
            os.kill(children[-1].pid, signal.SIGKILL)
        return script(body)

    folder = tmp_path / "killed"
    with local_endpoint(kills) as deadly:
        statuses = []
        for _ in range(2):
            children.append(
                subprocess.Popen(
                    [sys.executable, "-c", RUN, str(folder), deadly.url, prompt],
                    cwd=REPOSITORY,
                    stderr=subprocess.DEVNULL,
                )
            )
            statuses.append(children[-1].wait(timeout=120))
        assert statuses == [-signal.SIGKILL] * 2
        begun = StepFolder(folder)
        inputs = begun.record("generate").inputs
        assert begun.state("generate", inputs=inputs, outputs=("generated.jsonl",)).goes_on
        run(folder, deadly.url, prompt)
    assert made(folder) == made(tmp_path / "straight")
    assert StepFolder(folder).record("generate").starts == 3


def test_more_examples_are_asked_for_and_the_rest_is_on_disk(tmp_path, prompt, endpoint, caplog):
    caplog.set_level("INFO")
    run(tmp_path / "out", endpoint.url, prompt, num_examples=20)
    before = len(endpoint.bodies)
    run(tmp_path / "out", endpoint.url, prompt, num_examples=25)
    assert "generate: out of date: num_examples was 20, is 25" in caplog.text
    assert "process: out of date: generated.jsonl has changed" in caplog.text
    assert len(lines_of(tmp_path / "out/generated.jsonl")) == 25
    assert len(endpoint.bodies) > before


def test_examples_put_there_by_hand_need_no_teacher(tmp_path, prompt):
    out = tmp_path / "out"
    out.mkdir()
    write_lines(out / "generated.jsonl", [{"input": str(n), "output": "x"} for n in range(20)])
    prompt2model(output=str(out), words=[prompt], skip=NOT_TRAINED, parse_with_teacher=False)
    found = [row for name in SPLIT_FILES for row in lines_of(out / name)]
    assert {row["id"] for row in found} == {f"generated_{n:05d}" for n in range(20)}
    assert "generate           put there by hand" in PIPELINE.status(StepFolder(out))


def test_a_budget_that_is_spent_is_no_end(tmp_path, prompt, endpoint):
    config = TeacherConfig(teacher=endpoint.url, model="letters", max_calls=3)
    with pytest.raises(ValueError, match=r"examples of 40 \(.*--max_calls.*--num_examples="):
        run(tmp_path / "out", endpoint.url, prompt, teacher=config)
    assert StepFolder(tmp_path / "out").record("generate").finished == ""
    run(tmp_path / "out", endpoint.url, prompt)
    assert len(lines_of(tmp_path / "out/generated.jsonl")) == NUM_EXAMPLES


def test_a_run_is_replayed_from_recorded_answers(tmp_path, prompt, endpoint):
    run(tmp_path / "first", endpoint.url, prompt)
    asked = len(endpoint.bodies)
    kept = TeacherConfig(teacher="recorded", answers=str(tmp_path / "first/answers"))
    run(tmp_path / "again", "", prompt, teacher=kept)
    assert len(endpoint.bodies) == asked
    first, again = made(tmp_path / "first"), made(tmp_path / "again")
    assert again | {"answers": first["answers"]} == first


def test_a_dry_run_says_calls_tokens_and_price_and_asks_nothing(tmp_path, prompt, endpoint, capsys):
    asked = len(endpoint.bodies)
    more = {"translate": True, "model_retrieval": ModelRetrieval(hypothetical_card=True)}
    skip = ("retrieve_datasets", "demo")
    run(tmp_path / "out", endpoint.url, prompt, skip=skip, dry_run=True, **more)
    said = capsys.readouterr().out
    assert len(endpoint.bodies) == asked and not (tmp_path / "out").exists()
    rows = {line.split("  ")[0]: line.split()[-3] for line in said.split("\n") if "  " in line}
    assert rows["the prompt's parts"] == rows["the translation"] == "5"
    assert rows["a card of a model"] == "1"
    assert rows["examples, if each answer is kept"] == str(NUM_EXAMPLES // 5)
    assert rows["answers to the test split"] == "8"
    write_lines(tmp_path / "mine.jsonl", [{"input": "a b", "output": "a"}])
    given = str(tmp_path / "mine.jsonl")
    run(tmp_path / "out", endpoint.url, prompt, skip=skip, dry_run=True, test_file=given)
    (row,) = [x for x in capsys.readouterr().out.split("\n") if x.startswith("answers to the test")]
    assert row.split()[-3] == "1"


def test_a_test_file_is_the_test_split_and_nothing_of_it_is_trained_on(tmp_path, prompt, endpoint):
    given = [{"input": "a b", "output": "a"}, {"input": "p o", "output": "o"}]
    write_lines(tmp_path / "mine.jsonl", given)
    run(tmp_path / "out", endpoint.url, prompt, test_file=str(tmp_path / "mine.jsonl"))
    data = tmp_path / "out/data"
    test = [(row["input"], row["dataset"]) for row in lines_of(data / "test.jsonl")]
    assert test == [("a b", 0), ("p o", 0)]
    seen = [row["input"] for name in SPLIT_FILES[:2] for row in lines_of(tmp_path / "out" / name)]
    assert len(seen) == NUM_EXAMPLES and not {"a b", "p o"} & set(seen)


def test_retrieved_examples_are_trained_on_under_a_number_of_their_own(tmp_path, prompt, endpoint):
    out = tmp_path / "out"
    run(out, endpoint.url, prompt)
    test = lines_of(out / "data/test.jsonl")[0]["input"]
    found = [{"input": "y z", "output": "y"}, {"input": test, "output": "?"}]
    write_lines(out / "retrieved.jsonl", found)
    (out / "found_datasets.json").write_text('{"chosen": null, "found": []}')
    run(out, endpoint.url, skip=("retrieve_models", "train", "evaluate", "export", "demo"))
    train = lines_of(out / "data/train.jsonl")
    assert [row["input"] for row in train if row["dataset"] == 1] == ["y z"]
    assert {row["dataset"] for row in lines_of(out / "data/test.jsonl")} == {0}
    # Switched off again, they are not read though they are there.
    run(out, endpoint.url)
    assert all(row["dataset"] == 0 for row in lines_of(out / "data/train.jsonl"))


def test_one_step_alone(tmp_path, prompt, endpoint, capsys):
    out = tmp_path / "out"
    run(out, endpoint.url, "parse", prompt, skip=())
    assert (out / "prompt_spec.json").exists() and not (out / "generated.jsonl").exists()
    with pytest.raises(ValueError, match=r"train reads .*data/train.jsonl.* step process writes"):
        run(out, endpoint.url, "train", skip=())
    run(out, endpoint.url, "status", skip=())
    assert "parse              done" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nothing.txt",), r"PROMPT nothing.txt: there is no such file, and no step"),
        (("generat",), "Did you mean 'generate'"),
        (("parse", "a", "b"), "a prompt stands in a file"),
        ((), "holds 0 prompts"),
    ],
)
def test_words_that_are_neither_step_nor_file(tmp_path, endpoint, words, message):
    with pytest.raises(ValueError, match=message):
        run(tmp_path / "out", endpoint.url, *words)


def test_another_prompt_wants_another_folder(tmp_path, prompt, endpoint):
    run(tmp_path / "out", endpoint.url, "parse", prompt, skip=())
    pathlib.Path(prompt).write_text("Something else.")
    with pytest.raises(ValueError, match=r"was begun with another prompt.txt than .*given.txt"):
        run(tmp_path / "out", endpoint.url, prompt)


def test_a_prompt_that_nobody_could_read_may_be_mended(tmp_path, prompt):
    given, out = pathlib.Path(prompt), tmp_path / "out"
    given.write_text(" ")
    with pytest.raises(ValueError, match=r"prompt.txt is empty"):
        prompt2model(output=str(out), words=["parse", prompt], **PLAIN)
    given.write_text(PROMPT)
    prompt2model(output=str(out), words=["parse", prompt], **PLAIN)
    assert (out / "prompt_spec.json").exists()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (None, r"INITIAL_CHECKPOINT_PATH.*--model=MODEL_FOLDER"),
        ("no_folder", r"--model=no_folder is neither a folder"),
        (".", r"--model: .* is no checkpoint"),
    ],
)
def test_a_student_that_cannot_be_trained_is_refused_before_anybody_is_asked(
    tmp_path, prompt, endpoint, model, message
):
    asked = len(endpoint.bodies)
    with pytest.raises(ValueError, match=message):
        prompt2model(
            output=str(tmp_path / "out"),
            words=[prompt],
            teacher=TeacherConfig(teacher=endpoint.url, model="letters"),
            model_retrieval=ModelRetrieval(model=model),
        )
    assert len(endpoint.bodies) == asked


def test_too_few_examples_are_said_before_training(tmp_path, prompt, endpoint):
    with pytest.raises(ValueError, match=r"split validation would have no .*--num_examples"):
        run(tmp_path / "out", endpoint.url, prompt, num_examples=2)


def test_a_run_without_a_teacher_says_so_before_it_does_anything(tmp_path, prompt, endpoint):
    out, skipped = tmp_path / "out", ("retrieve_datasets", "retrieve_models", "generate", "demo")
    with pytest.raises(ValueError, match=r"step evaluate asks a teacher.*--noscore_teacher"):
        run(out, "", prompt, skip=skipped, teacher=TeacherConfig(), **PLAIN)
    assert not (out / "prompt_spec.json").exists()
    run(out, endpoint.url, prompt)
    before = made(out)
    with pytest.raises(ValueError, match=r"step parse asks a teacher.*--teacher=URL"):
        run(out, "", teacher=TeacherConfig())
    with pytest.raises(ValueError, match="step generate asks a teacher"):
        run(out, "", "generate", teacher=TeacherConfig())
    assert made(out) == before


def test_an_edited_prompt_makes_anew_and_leaves_no_trace_of_the_old(tmp_path, prompt, endpoint):
    out = tmp_path / "out"
    run(out, endpoint.url, prompt)
    text = (out / "prompt.txt").read_text()
    (out / "prompt.txt").write_text(text.replace("comes first", "comes first, please"))
    assert "out of date: prompt.txt has changed" in PIPELINE.status(StepFolder(out))
    run(out, endpoint.url, num_examples=15, **PLAIN)
    run(tmp_path / "new", endpoint.url, str(out / "prompt.txt"), num_examples=15, **PLAIN)
    again, straight = made(out), made(tmp_path / "new")
    assert again | {"answers": straight["answers"]} == straight


def test_a_step_named_is_switched_on(tmp_path, prompt, endpoint):
    out = tmp_path / "out"
    run(out, endpoint.url, prompt, skip=(*NOT_TRAINED, "process"))
    assert StepFolder(out).is_switched_off("process")
    run(out, endpoint.url, "process", skip=())
    folder = StepFolder(out)
    assert not folder.is_switched_off("process") and folder.is_switched_off("train")


def test_the_card_names_who_wrote_the_examples_whoever_exports_them(tmp_path, prompt, endpoint):
    out = tmp_path / "out"
    run(out, endpoint.url, prompt)
    work = Work(out, settings=None)
    assert writer_of_examples(work) == "letters"
    write_lines(out / "generated.jsonl", [{"input": "b a", "output": "a"}])
    assert writer_of_examples(work) is None


def test_settings_are_kept_with_the_run(tmp_path, prompt, endpoint):
    run(tmp_path / "out", endpoint.url, "parse", prompt, skip=(), config_text="# all of it\n")
    assert (tmp_path / "out/config.gin").read_text() == "# all of it\n"
    record = StepFolder(tmp_path / "out").record("parse")
    asked = {"parse_with_teacher": True, "translate": False, "teacher": "letters"}
    assert (record.settings, record.counts) == (asked, {"demonstrations": 2})


def test_the_command_line_gives_its_flags_to_the_steps(tmp_path, prompt, endpoint, capsys):
    out = tmp_path / "out"
    flags = [f"--output={out}", f"--teacher={endpoint.url}", "--teacher_model=letters"]
    assert main(["prompt2model", "parse", prompt, *flags]) == 0
    config = (out / "config.gin").read_text()
    assert "prompt2model.output = %OUTPUT" in config and endpoint.url in config
    assert main(["prompt2model", "generate", *flags, "--num_examples=7"]) == 0
    assert len(lines_of(out / "generated.jsonl")) == 7
    assert main(["prompt2model", "status", f"--output={out}"]) == 0
    assert "examples 7" in capsys.readouterr().out
    assert main(["prompt2model", "status", f"--output={tmp_path / 'none'}"]) == 2
    assert "there is no such folder" in capsys.readouterr().err
    assert main(["prompt2model", "evaluate", *flags, "--bertscore_layers=3"]) == 2
    assert "--bertscore_layers" in capsys.readouterr().err
