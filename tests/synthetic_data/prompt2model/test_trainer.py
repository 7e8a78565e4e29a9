"""Students of a recipe: from nothing, from a model folder, with an encoder and without."""

import dataclasses
import json

import pytest

from t5lite.checkpoints.checkpointer import Checkpointer
from t5lite.checkpoints.model_dir import ModelDescription
from t5lite.synthetic_data.prompt2model.trainer import (
    StudentTraining,
    TrainedStudent,
    train_student,
)
from tests.synthetic_data.prompt2model.folders import FROM_NOTHING, TINY, TINY_MODEL, write_folder

CONFIG = StudentTraining(gin_file=FROM_NOTHING, bindings=TINY)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Tasks are registered once a process, so all tests here share their examples."""
    pytest.importorskip("seqio")
    return write_folder(tmp_path_factory.mktemp("prompt2model"))


@pytest.fixture(scope="module")
def trained(folder):
    return train_student(folder, config=CONFIG, cache_dir=str(folder / "cache"))


def test_the_best_checkpoint_is_that_of_the_validation(folder, trained):
    assert trained == TrainedStudent.read(folder)
    lines = [json.loads(x) for x in (folder / "model/metrics.jsonl").read_text().splitlines()]
    found = {x["step"]: x["validation/mean/chrf++"] for x in lines if x["kind"] == "eval"}
    assert len(found) == 3, "an epoch each"
    assert trained.last_step == max(found)
    assert trained.best_step == max(found, key=lambda step: (found[step], step))
    assert trained.validation["best"]["validation/mean/chrf++"] == found[trained.best_step]
    assert trained.validation["last"]["validation/mean/chrf++"] == found[trained.last_step]
    steps = Checkpointer(folder / "model", read_only=True).all_steps()
    assert set(steps) == {trained.best_step, trained.last_step}


def test_a_training_that_is_over_is_found_and_not_repeated(folder, trained):
    assert train_student(folder, config=CONFIG, cache_dir=str(folder / "cache")) == trained


def test_a_decoder_only_student_starts_from_another_model(folder, trained):
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
    first = folder / "decoder"
    first.mkdir()
    for name in ("prompt_spec.json", "data"):
        (first / name).symlink_to(folder / name)
    config = dataclasses.replace(CONFIG, bindings=decoder)
    begun = _train_elsewhere(first, folder, config=config)
    assert (begun.best_step, begun.best_metric, begun.initial_checkpoint) == (2, None, None)
    second = folder / "finetuned"
    second.mkdir()
    paper = StudentTraining(
        bindings=(
            "BATCH_SIZE = 8",
            "EVAL_BATCH_SIZE = 8",
            TINY_MODEL[6],
            "TRAIN_STEPS = '1 epochs'",
        )
    )
    found = _train_elsewhere(second, folder, config=paper, found_model=str(first / "model"))
    assert found.initial_checkpoint == str(first / "model")
    assert ModelDescription.load(second / "model").model.architecture == "decoder_only"
    assert found.best_metric == "validation/mean/chrf++"


def _train_elsewhere(path, folder, **how):
    """Trains in another folder on the same examples."""
    bindings = (*how["config"].bindings, f"DATA_DIR = {str(folder)!r}")
    how["config"] = dataclasses.replace(how["config"], bindings=bindings)
    return train_student(path, cache_dir=str(folder / "cache"), **how)


def test_a_recipe_that_starts_from_a_model_asks_for_one(folder, tmp_path):
    with pytest.raises(ValueError, match=r"--student"):
        train_student(tmp_path, config=StudentTraining(bindings=(f"DATA_DIR = {str(folder)!r}",)))


def test_a_training_file_without_its_model_is_refused(trained, tmp_path, folder):
    (tmp_path / "training.json").write_text((folder / "training.json").read_text())
    with pytest.raises(ValueError, match=r"training.json names the model folder model, which is"):
        TrainedStudent.read(tmp_path)
    (tmp_path / "training.json").write_text("{}")
    with pytest.raises(ValueError, match=r"training.json: field 'model_dir' is missing"):
        TrainedStudent.read(tmp_path)
