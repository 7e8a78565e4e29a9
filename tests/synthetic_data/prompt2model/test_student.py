"""What a whole run makes: the student, its scores, its card and its page."""

import json
import pathlib

import pytest
import yaml

from t5lite.checkpoints.base_model import parameter_hash
from t5lite.checkpoints.checkpointer import Checkpointer
from t5lite.checkpoints.load import load_model_dir
from t5lite.checkpoints.model_dir import ModelDescription
from t5lite.synthetic_data.prompt2model import page
from t5lite.synthetic_data.prompt2model.step_folder import StepFolder
from t5lite.synthetic_data.prompt2model.trainer import (
    StudentTraining,
    TrainedStudent,
    recipe_settings,
    train_student,
)
from tests.synthetic_data.lines import lines_of
from tests.synthetic_data.prompt2model.folders import FROM_NOTHING, TINY, TINY_MODEL
from tests.synthetic_data.prompt2model.runs import NUM_EXAMPLES, PROMPT, SKIPPED, run, script
from tests.synthetic_data.scripted import local_endpoint


@pytest.fixture(scope="module")
def endpoint():
    with local_endpoint(script) as served:
        yield served


@pytest.fixture(scope="module")
def whole(tmp_path_factory, endpoint):
    """The folder of a whole run."""
    pytest.importorskip("seqio")
    path = tmp_path_factory.mktemp("whole")
    (path / "given.txt").write_text(PROMPT)
    given = str(path / "given.txt")
    run(path / "out", endpoint.url, given, skip=SKIPPED, cache_dir=str(path / "cache"))
    return path / "out"


def test_a_whole_run_ends_with_a_scored_and_exported_student(whole):
    report = json.loads((whole / "report.json").read_text())
    assert report["teacher"] == "letters"
    scores = report["test"]["models"]["teacher"]["scores"]
    assert scores["exact match"]["value"] == 1.0, "it is always right"
    assert report["test"]["num_examples"] == len(lines_of(whole / "data/test.jsonl")) == 8
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


def test_an_edited_recipe_puts_the_student_out_of_date(whole, tmp_path):
    recipe = tmp_path / "mine.gin"
    recipe.write_text(f'include "{FROM_NOTHING}"\nBATCH_SIZE = 8\n')
    before = recipe_settings(StudentTraining(gin_file=str(recipe)))
    recipe.write_text(f'include "{FROM_NOTHING}"\nBATCH_SIZE = 4\n')
    after = recipe_settings(StudentTraining(gin_file=str(recipe)))
    assert after.items() - before.items() == {("BATCH_SIZE", "4")}
    kept = StepFolder(whole).record("train").settings
    assert kept["recipe"] == recipe_settings(StudentTraining(gin_file=FROM_NOTHING, bindings=TINY))


def test_the_page_shows_the_best_checkpoint(whole, endpoint, monkeypatch):
    served = []
    monkeypatch.setattr(page, "serve_page", lambda *given, **more: served.append((given, more)))
    run(whole, endpoint.url, "demo", skip=(), port=0)
    (((model_dir, spec), more),) = served
    assert model_dir == str(whole / "model") and more["port"] == 0
    assert more["decoding"].max_decode_length == 4, "as long as its targets were"
    assert more["step"] == TrainedStudent.read(whole).best_step
    assert more["template"]("b a") == f"<task 0>{spec.instruction}\nExample:\nb a\nLabel:\n"


def test_the_card_says_where_the_data_came_from(whole):
    card = (whole / "huggingface/README.md").read_text()
    front = yaml.safe_load(card.split("---\n")[1])
    (result,) = front["model-index"][0]["results"]
    student = json.loads((whole / "report.json").read_text())["test"]["models"]["student"]
    scores = [score["value"] for score in student["scores"].values()]
    assert [metric["value"] for metric in result["metrics"]] == scores
    assert "Examples were written by letters" in card
    assert "> Say which of two letters comes first." in card
    for name in ("train", "validation", "test"):
        count = len(lines_of(whole / f"data/{name}.jsonl"))
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
    examples = {row["id"]: row["input"] for row in lines_of(whole / "data/test.jsonl")}
    for line in lines_of(whole / "evaluation/best.jsonl"):
        text = instructed_inputs(instruction, examples[line["id"]])
        ids = tokenizer(text, return_tensors="pt")
        answer = model.generate(**ids, max_new_tokens=4, do_sample=False)
        assert tokenizer.decode(answer[0], skip_special_tokens=True) == line["prediction"]


def test_the_best_checkpoint_is_that_of_the_validation(whole):
    trained = TrainedStudent.read(whole)
    evals = [x for x in lines_of(whole / "model/metrics.jsonl") if x["kind"] == "eval"]
    found = {x["step"]: x["validation/mean/chrf++"] for x in evals}
    assert len(found) == 3, "an epoch each"
    assert trained.last_step == max(found)
    assert trained.best_step == max(found, key=lambda step: (found[step], step))
    assert trained.validation["best"]["validation/mean/chrf++"] == found[trained.best_step]
    assert trained.validation["last"]["validation/mean/chrf++"] == found[trained.last_step]
    steps = Checkpointer(whole / "model", read_only=True).all_steps()
    assert set(steps) == {trained.best_step, trained.last_step}
    last = load_model_dir(whole / "model", trained.last_step).params
    assert trained.parameters["last"] == parameter_hash(last)


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
    config = StudentTraining(
        bindings=(*TINY_MODEL[6:], "EVAL_BATCH_SIZE = 8", "TRAIN_STEPS = '1 epochs'")
    )
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


def test_a_training_file_without_its_model_is_refused(whole, tmp_path):
    (tmp_path / "training.json").write_text((whole / "training.json").read_text())
    with pytest.raises(ValueError, match=r"training.json names the model folder model, which is"):
        TrainedStudent.read(tmp_path)
    (tmp_path / "training.json").write_text("{}")
    with pytest.raises(ValueError, match=r"training.json: field 'model_dir' is missing"):
        TrainedStudent.read(tmp_path)
