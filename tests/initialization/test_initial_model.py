"""The model, vocabulary and form of prompts that a run takes from the checkpoint it starts from."""

import dataclasses
import pathlib

import pytest

from t5lite.checkpoints.model_dir import ModelDescription
from t5lite.configuration import config
from t5lite.convert import export_hf
from t5lite.convert.source import SpecialIds
from t5lite.data.data_config import DataConfig
from t5lite.data.vocabularies.load import parse_vocabulary
from t5lite.initialization.initial_model import ModelOfCheckpoint, check_run_folder
from t5lite.initialization.restore import RestoreConfig, open_initial
from tests.conftest import shared_path
from tests.convert import t5x_trees
from tests.decoding import model_dirs
from tests.models.tiny import sharp_params

T5 = t5x_trees.t5(vocab_size=264, num_encoder_layers=1, num_decoder_layers=1)
DATA = DataConfig(
    mixture_or_task_name="x", task_feature_lengths={"inputs": 8, "targets": 4}, batch_size=2
)


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("T5LITE_CACHE_DIR", str(tmp_path / "cache"))


def hf_folder(folder, model):
    export_hf(
        model,
        sharp_params(model),
        folder,
        special_ids=SpecialIds(eos=1),
        vocabulary_spec={"kind": "bytes", "extra_ids": 5},
    )
    return RestoreConfig(path=str(folder))


def test_a_hugging_face_folder_says_all(tmp_path):
    initial = hf_folder(tmp_path / "hf", dataclasses.replace(T5, norm_epsilon=1e-3))
    model = ModelOfCheckpoint(dropout_rate=0.25, remat="dots")
    chosen = model.choose(DATA, initial, model_dir=tmp_path / "run")
    found = chosen.model
    assert (found.norm_epsilon, found.dropout_rate, found.remat) == (1e-3, 0.25, "dots")
    assert chosen.train_data == dataclasses.replace(DATA, vocabulary="bytes:5")
    # What the run then starts from is of the very model that was chosen.
    opened = open_initial(chosen.initial_checkpoint)
    opened.check_model(found)
    opened.check_vocabulary(parse_vocabulary("bytes:5").spec())
    assert opened.converter.prompt_suffix == opened.converter.targets_suffix == (1,)


def test_a_language_model_brings_its_converter_and_its_start_token(tmp_path, caplog):
    for name in ("stories260K.bin", "tok512.bin"):
        (tmp_path / name).write_bytes(shared_path("weights", "stories260k", name).read_bytes())
    initial = RestoreConfig(path=str(tmp_path / "stories260K.bin"))
    chosen = ModelOfCheckpoint().choose(DATA, initial, model_dir=tmp_path / "run")
    assert chosen.train_data.converter == chosen.model.architecture == "decoder_only"
    assert parse_vocabulary(chosen.train_data.vocabulary).vocab_size == 512
    for checkpoint in (chosen.initial_checkpoint, initial):
        converter = open_initial(checkpoint).converter
        assert (converter.prompt_prefix, converter.targets_suffix) == ((1,), (2,))
        opened = open_initial(checkpoint)
        opened.warn_of_prompts(converter)
        assert "in this run" not in caplog.text
    opened.warn_of_prompts(dataclasses.replace(converter, prompt_prefix=(0,)))
    assert "prompt_prefix is [1] in the checkpoint and [0] in this run" in caplog.text
    prefix = dataclasses.replace(DATA, converter="prefix_lm")
    chosen = ModelOfCheckpoint().choose(prefix, initial, model_dir=tmp_path / "run")
    assert chosen.train_data.converter == "prefix_lm"


def test_a_checkpoint_without_tokenizer_asks_for_the_vocabulary(tmp_path):
    target = t5x_trees.separate(sharp_params(T5))
    t5x_trees.write_one_file(tmp_path / "checkpoint_7" / "checkpoint", target)
    initial = RestoreConfig(path=str(tmp_path / "checkpoint_7"))
    with pytest.raises(ValueError, match=r"holds no tokenizer.*--vocabulary"):
        ModelOfCheckpoint().choose(DATA, initial, model_dir=tmp_path / "run")
    data = dataclasses.replace(DATA, vocabulary="bytes")
    chosen = ModelOfCheckpoint().choose(data, initial, model_dir=tmp_path / "run")
    assert chosen.train_data == data and chosen.model.d_model == T5.d_model


def test_without_a_checkpoint_there_is_no_model(tmp_path):
    with pytest.raises(ValueError, match="INITIAL_CHECKPOINT_PATH"):
        ModelOfCheckpoint().choose(DATA, None, model_dir=tmp_path / "run")
    gone = RestoreConfig(path=str(tmp_path / "gone"))
    with pytest.raises(ValueError, match=r"INITIAL_CHECKPOINT_PATH .*gone does not exist"):
        ModelOfCheckpoint().choose(DATA, gone, model_dir=tmp_path / "run")


def test_a_run_that_goes_on_needs_its_checkpoint_no_more(tmp_path):
    model_dirs.save(tmp_path / "run", "decoder_only")
    gone = RestoreConfig(path=str(tmp_path / "gone"))
    chosen = ModelOfCheckpoint().choose(DATA, gone, model_dir=tmp_path / "run")
    assert chosen.model == ModelDescription.load(tmp_path / "run").model
    assert chosen.train_data.converter == "decoder_only"
    assert chosen.train_data.vocabulary == "bytes"


def test_somebody_elses_folder_is_not_trained_in(tmp_path):
    initial = hf_folder(tmp_path / "hf", T5)
    with pytest.raises(ValueError, match=r"MODEL_DIR .*hf holds .*initial_checkpoint_path=.*hf"):
        check_run_folder(pathlib.Path(initial.path))
    check_run_folder(tmp_path / "new")
    model_dirs.save(tmp_path / "run")
    check_run_folder(tmp_path / "run")


def test_the_shipped_file_takes_everything_from_the_checkpoint():
    flags = ["MODEL_DIR=/a", "INITIAL_CHECKPOINT_PATH=/b", "MIXTURE_OR_TASK_NAME=x"]
    flags += ["TASK_FEATURE_LENGTHS={'inputs': 8, 'targets': 4}", "TRAIN_STEPS=1"]
    arguments = config.parse(["runs/finetune.gin"], flags).arguments("train")
    assert arguments["model"] == ModelOfCheckpoint()
    assert arguments["initial_checkpoint"] == RestoreConfig(path="/b")
    assert arguments["train_data"].vocabulary is None
    flags.append("initial_checkpoint.allow_differences=('positions.theta',)")
    allowing = config.parse(["runs/finetune.gin"], flags).arguments("train")["initial_checkpoint"]
    assert allowing == RestoreConfig(path="/b", allow_differences=("positions.theta",))
    half = config.parse(["runs/finetune.gin"], [*flags, "ACTIVATION_DTYPE=bfloat16"])
    assert half.arguments("train")["model"] == ModelOfCheckpoint(dtype="bfloat16")
