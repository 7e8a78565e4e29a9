"""`t5lite prompt2model`: a whole run, runs that are killed, and what each word and flag does."""

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys

import pytest
import yaml

from t5lite.checkpoints.checkpointer import Checkpointer
from t5lite.checkpoints.model_dir import ModelDescription
from t5lite.cli import main
from t5lite.synthetic_data.prompt2model.generated_dataset import GenerationConfig
from t5lite.synthetic_data.prompt2model.run import prompt2model
from t5lite.synthetic_data.prompt2model.step_folder import StepFolder
from t5lite.synthetic_data.prompt2model.trainer import (
    StudentTraining,
    TrainedStudent,
    train_student,
)
from t5lite.synthetic_data.teachers.config import TeacherConfig
from tests.conftest import REPOSITORY
from tests.synthetic_data.prompt2model.folders import FROM_NOTHING, TINY, TINY_MODEL
from tests.synthetic_data.prompt2model.letters import PROMPT, script
from tests.synthetic_data.scripted import local_endpoint

SKIPPED = ("retrieve_datasets", "retrieve_models", "demo")
# Of the steps that ask a teacher, which alone are killed here: tests/test_resume.py kills training.
NOT_TRAINED = (*SKIPPED, "train", "evaluate", "export")
NUM_EXAMPLES = 40


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "none")


@pytest.fixture(scope="module")
def endpoint():
    with local_endpoint(script) as served:
        yield served


def run(path, url, *words, skip=NOT_TRAINED, num_examples=NUM_EXAMPLES, **more):
    config = TeacherConfig(teacher=url, model="letters", max_retry_wait=0.0)
    prompt2model(
        output=str(path),
        words=words,
        skip=skip,
        teacher=more.pop("teacher", config),
        generation=GenerationConfig(num_examples=num_examples),
        training=StudentTraining(gin_file=FROM_NOTHING, bindings=TINY),
        **more,
    )


@pytest.fixture
def prompt(tmp_path) -> str:
    (tmp_path / "given.txt").write_text(PROMPT)
    return str(tmp_path / "given.txt")


@pytest.fixture(scope="module")
def whole(tmp_path_factory, endpoint):
    """The folder of a whole run."""
    pytest.importorskip("seqio")
    path = tmp_path_factory.mktemp("whole")
    (path / "given.txt").write_text(PROMPT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", "none")
        given = str(path / "given.txt")
        run(path / "out", endpoint.url, given, skip=SKIPPED, cache_dir=str(path / "cache"))
    return path / "out"


def lines(path: pathlib.Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def made(path: pathlib.Path) -> dict[str, object]:
    """What a run has made, but for when; answers come in any order."""
    names = ("prompt.txt", "prompt_spec.json", "generated.jsonl", "trace.jsonl")
    found = {name: (path / name).read_bytes() for name in names}
    for file in (path / "data").iterdir():
        found[file.name] = file.read_bytes()
    answers = path / "answers/answers.jsonl"
    kept = sorted(answers.read_text().splitlines()) if answers.exists() else []
    return found | {"answers": kept}


def test_a_whole_run_ends_with_a_scored_and_exported_student(whole):
    report = json.loads((whole / "report.json").read_text())
    assert report["teacher"] == "letters"
    scores = report["test"]["models"]["teacher"]["scores"]
    assert scores["exact match"]["value"] == 1.0, "it is always right"
    assert report["test"]["num_examples"] == len(lines(whole / "data/test.jsonl")) == 8
    assert report["student"]["last_step"] > 0
    text = (whole / "report.md").read_text()
    assert "The teacher is letters" in text and "| exact match | student |" in text
    assert {p.name for p in (whole / "evaluation").iterdir()} >= {"best.jsonl", "teacher.jsonl"}
    assert not StepFolder(whole).record("demo").begun


def test_the_same_command_again_asks_and_does_nothing(whole, endpoint, caplog):
    caplog.set_level("INFO")
    asked, times = len(endpoint.bodies), {p: p.stat().st_mtime_ns for p in whole.glob("*.jsonl")}
    run(whole, endpoint.url, skip=SKIPPED)
    assert len(endpoint.bodies) == asked
    assert {p: p.stat().st_mtime_ns for p in times} == times
    assert "train: done" in caplog.text


def test_the_card_says_where_the_data_came_from(whole):
    card = (whole / "huggingface/README.md").read_text()
    front = yaml.safe_load(card.split("---\n")[1])
    (result,) = front["model-index"][0]["results"]
    student = json.loads((whole / "report.json").read_text())["test"]["models"]["student"]
    assert [m["value"] for m in result["metrics"]] == [
        value["value"] for value in student["scores"].values()
    ]
    assert "Examples were written by letters" in card
    assert "> Say which of two letters comes first." in card
    for name in ("train", "validation", "test"):
        count = len(lines(whole / f"data/{name}.jsonl"))
        assert f"| split {name} | {count} |" in card
    assert f"| answers of the teacher: kept | {NUM_EXAMPLES} |" in card


@pytest.mark.peers
def test_the_exported_student_answers_in_transformers_as_here(whole):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("torch")
    from t5lite.data.tasks.instructed import instructed_inputs

    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(whole / "huggingface")
    tokenizer = transformers.AutoTokenizer.from_pretrained(whole / "huggingface")
    instruction = json.loads((whole / "prompt_spec.json").read_text())["instruction"]
    examples = {row["id"]: row["input"] for row in lines(whole / "data/test.jsonl")}
    for line in lines(whole / "evaluation/best.jsonl"):
        text = instructed_inputs(instruction, examples[line["id"]])
        ids = tokenizer(text, return_tensors="pt")
        answer = model.generate(**ids, max_new_tokens=4, do_sample=False)
        assert tokenizer.decode(answer[0], skip_special_tokens=True) == line["prediction"]


# ---- The student, on the examples of that run ----------------------------------------------------


def test_the_best_checkpoint_is_that_of_the_validation(whole):
    trained = TrainedStudent.read(whole)
    evals = [x for x in lines(whole / "model/metrics.jsonl") if x["kind"] == "eval"]
    found = {x["step"]: x["validation/mean/chrf++"] for x in evals}
    assert len(found) == 3, "an epoch each"
    assert trained.last_step == max(found)
    assert trained.best_step == max(found, key=lambda step: (found[step], step))
    assert trained.validation["best"]["validation/mean/chrf++"] == found[trained.best_step]
    assert trained.validation["last"]["validation/mean/chrf++"] == found[trained.last_step]
    steps = Checkpointer(whole / "model", read_only=True).all_steps()
    assert set(steps) == {trained.best_step, trained.last_step}


def test_a_decoder_only_student_starts_from_another_model(whole, tmp_path):
    """The paper's recipe, from a model folder: which is what tells it the model."""
    decoder = (
        *TINY_MODEL,
        "TransformerConfig.architecture = 'decoder_only'",
        "TransformerConfig.num_encoder_layers = 0",
        "DataConfig.converter = 'decoder_only'",
        "TRAIN_STEPS = 2",
        "BEST_METRIC = None",
        "EVALS = ()",
    )
    first, second = (examples_of(whole, tmp_path / name) for name in ("first", "second"))
    config = StudentTraining(gin_file=FROM_NOTHING, bindings=decoder)
    begun = train_student(first, config=config, cache_dir=str(whole / "cache"))
    assert (begun.best_step, begun.best_metric, begun.initial_checkpoint) == (2, None, None)
    config = StudentTraining(bindings=(*TINY_MODEL[6:], *TINY[-3:-2], "TRAIN_STEPS = '1 epochs'"))
    found = train_student(
        *(second,), config=config, found_model=str(first / "model"), cache_dir=str(whole / "cache")
    )
    assert found.initial_checkpoint == str(first / "model")
    assert ModelDescription.load(second / "model").model.architecture == "decoder_only"
    assert found.best_metric == "validation/mean/chrf++"


def examples_of(whole: pathlib.Path, path: pathlib.Path) -> pathlib.Path:
    """A folder of the same examples."""
    path.mkdir()
    for name in ("prompt_spec.json", "data"):
        (path / name).symlink_to(whole / name)
    return path


def test_a_recipe_that_starts_from_a_model_asks_for_one(whole, tmp_path):
    with pytest.raises(ValueError, match=r"--model=MODEL_FOLDER"):
        train_student(examples_of(whole, tmp_path / "x"), config=StudentTraining())


def test_a_training_file_without_its_model_is_refused(whole, tmp_path):
    (tmp_path / "training.json").write_text((whole / "training.json").read_text())
    with pytest.raises(ValueError, match=r"training.json names the model folder model, which is"):
        TrainedStudent.read(tmp_path)
    (tmp_path / "training.json").write_text("{}")
    with pytest.raises(ValueError, match=r"training.json: field 'model_dir' is missing"):
        TrainedStudent.read(tmp_path)


# ---- Runs that are killed, and what each word and flag does --------------------------------------


RUN = """
import sys
from tests.synthetic_data.prompt2model.test_run import run
run(*sys.argv[1:])
"""


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
        assert (
            StepFolder(folder)
            .state(
                *("generate",),
                inputs=StepFolder(folder).record("generate").inputs,
                outputs=("generated.jsonl",),
            )
            .goes_on
        )
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
    assert len(lines(tmp_path / "out/generated.jsonl")) == 25
    assert len(endpoint.bodies) > before


def test_a_budget_that_is_spent_is_no_end(tmp_path, prompt, endpoint):
    config = TeacherConfig(teacher=endpoint.url, model="letters", max_calls=3)
    with pytest.raises(ValueError, match=r"examples of 40, and .*--max_calls.*--num_examples="):
        run(tmp_path / "out", endpoint.url, prompt, teacher=config)
    assert StepFolder(tmp_path / "out").record("generate").finished == ""
    run(tmp_path / "out", endpoint.url, prompt)
    assert len(lines(tmp_path / "out/generated.jsonl")) == NUM_EXAMPLES


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
    run(tmp_path / "out", endpoint.url, prompt, skip=SKIPPED, dry_run=True)
    said = capsys.readouterr().out
    assert len(endpoint.bodies) == asked and not (tmp_path / "out/status.json").exists()
    rows = {line.split("  ")[0]: line.split()[-3] for line in said.split("\n") if "  " in line}
    assert rows["the prompt's parts"] == "5"
    assert rows["examples, if each answer is kept"] == str(NUM_EXAMPLES // 5)
    assert rows["answers to the test split"] == "8"


def test_a_test_file_is_the_test_split_and_nothing_of_it_is_trained_on(tmp_path, prompt, endpoint):
    given = [{"input": "a b", "output": "a"}, {"input": "p o", "output": "o"}]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in given))
    run(tmp_path / "out", endpoint.url, prompt, test_file=str(tmp_path / "mine.jsonl"))
    data = tmp_path / "out/data"
    assert [(r["input"], r["dataset"]) for r in lines(data / "test.jsonl")] == [
        ("a b", 0),
        ("p o", 0),
    ]
    seen = [r["input"] for name in ("train", "validation") for r in lines(data / f"{name}.jsonl")]
    assert len(seen) == NUM_EXAMPLES and not {"a b", "p o"} & set(seen)


def test_retrieved_examples_are_trained_on_under_a_number_of_their_own(tmp_path, prompt, endpoint):
    out = tmp_path / "out"
    run(out, endpoint.url, prompt)
    test = lines(out / "data/test.jsonl")[0]["input"]
    found = [{"input": "y z", "output": "y"}, {"input": test, "output": "?"}]
    (out / "retrieved.jsonl").write_text("".join(json.dumps(row) + "\n" for row in found))
    (out / "found_datasets.json").write_text('{"chosen": null, "found": []}')
    run(out, endpoint.url, skip=("retrieve_models", "train", "evaluate", "export", "demo"))
    train = lines(out / "data/train.jsonl")
    assert [row["input"] for row in train if row["dataset"] == 1] == ["y z"]
    assert {row["dataset"] for row in lines(out / "data/test.jsonl")} == {0}
    # Switched off again, they are not read though they are there.
    run(out, endpoint.url)
    assert all(row["dataset"] == 0 for row in lines(out / "data/train.jsonl"))


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


def test_too_few_examples_are_said_before_training(tmp_path, prompt, endpoint):
    with pytest.raises(ValueError, match=r"split validation would have no .*--num_examples"):
        run(tmp_path / "out", endpoint.url, prompt, num_examples=2)


def test_without_a_teacher_what_asks_one_names_the_flag(tmp_path, prompt):
    with pytest.raises(ValueError, match="--teacher"):
        prompt2model(output=str(tmp_path / "out"), words=[prompt], skip=NOT_TRAINED)


def test_settings_are_kept_with_the_run(tmp_path, prompt, endpoint):
    run(tmp_path / "out", endpoint.url, "parse", prompt, skip=(), config_text="# all of it\n")
    assert (tmp_path / "out/config.gin").read_text() == "# all of it\n"
    record = StepFolder(tmp_path / "out").record("parse")
    assert record.settings == {
        "parse_with_teacher": True,
        "translate": False,
        "teacher": "letters",
    }
    assert dataclasses.asdict(record)["counts"] == {"demonstrations": 2}


def test_the_command_line_gives_its_flags_to_the_steps(tmp_path, prompt, endpoint, capsys):
    out = tmp_path / "out"
    flags = [f"--output={out}", f"--teacher={endpoint.url}", "--teacher_model=letters"]
    assert main(["prompt2model", "parse", prompt, *flags]) == 0
    config = (out / "config.gin").read_text()
    assert "prompt2model.output = %OUTPUT" in config and endpoint.url in config
    assert main(["prompt2model", "generate", *flags, "--num_examples=7"]) == 0
    assert len(lines(out / "generated.jsonl")) == 7
    assert main(["prompt2model", "status", f"--output={out}"]) == 0
    assert "examples 7" in capsys.readouterr().out
    assert main(["prompt2model", "evaluate", *flags, "--bertscore_layers=3"]) == 2
    assert "--bertscore_layers" in capsys.readouterr().err
