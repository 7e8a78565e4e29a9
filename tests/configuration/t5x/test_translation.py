"""Gin files of T5X become files of t5lite that load, and every line of theirs is accounted for."""

import json
import pathlib
import re

import pytest

from t5lite import cli
from t5lite.configuration.t5x import report
from t5lite.configuration.t5x.outcomes import Decision, NoCounterpart
from t5lite.configuration.t5x.translation import translate
from t5lite.training.schedules import schedule
from tests.configuration.t5x import files


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A current folder with the files."""
    for name in ("FINETUNE", "TINY", "PRETRAIN", "INFER", "EVAL"):
        (tmp_path / f"{name.lower()}.gin").write_text(getattr(files, name))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def translated(*names, **more):
    """A translation, whose file was read as its verb reads it."""
    made = translate(names, **more)
    report.check(made, report.gin_text(made, made_of=names))
    return made


def said_of(made, words):
    """What became of the one line that holds some words."""
    (entry,) = [entry for entry in made.entries if words in entry.said]
    return entry.outcome


@pytest.mark.parametrize("name", ["finetune", "pretrain", "infer", "eval"])
def test_every_line_is_accounted_for_once(name):
    made = translated(f"{name}.gin")
    text = getattr(files, name.upper()).splitlines()
    places = [e.place for e in made.entries if e.place.startswith(f"{name}.gin:")]
    assert len(places) == len(set(places))
    lines = {int(place.partition(":")[2]) for place in places}
    for number, line in enumerate(text, start=1):
        is_value = "=" in line or re.match(r"(import|from) .*(tasks|mixtures)", line)
        if is_value and not line.startswith("#"):
            assert number in lines, line


def test_finetune():
    made = translated("finetune.gin")
    assert made.command == "train"
    assert made.includes == ("models/t5_1_1/small.gin", "runs/train.gin")
    expected = {
        "MIXTURE_OR_TASK_NAME": "toy",
        "TASK_FEATURE_LENGTHS": {"inputs": 32, "targets": 16},
        "TRAIN_STEPS": 10,
        "initial_checkpoint.train_steps_are_relative": True,
        "BATCH_SIZE": 8,
        "NUM_MICROBATCHES": 2,
        "DROPOUT_RATE": 0.0,
        "CrossEntropy.loss_normalization": 233472,
        "SEED": 7,
        "VOCABULARY": "bytes",
        "EVAL_PERIOD": 5,
        "CHECKPOINT_PERIOD": 5,
        "KEEP_CHECKPOINTS": 2,
        "MAX_DECODE_LENGTH": 16,
        "infer_eval/EvalConfig.max_examples_per_task": 4,
        "TASK_MODULES": ("tests.toy_tasks",),
    }
    assert {key: made.settings.get(key) for key in expected} == expected
    assert isinstance(said_of(made, "dtype = 'bfloat16'"), NoCounterpart)
    assert "always" in said_of(made, "USE_CACHED_TASKS").instead
    (decision,) = made.of(Decision)
    assert decision.outcome.proposal == ('INITIAL_CHECKPOINT_PATH = "FOLDER/checkpoint_1000000"',)


def test_the_schedule_gives_the_rates_of_t5x_from_the_checkpoint_on():
    settings = translated("finetune.gin").settings
    ours = {k.partition(".")[2]: v for k, v in settings.items() if k.startswith("schedule.")}
    here = schedule(base_learning_rate=settings["LEARNING_RATE"], **ours)
    theirs = schedule("constant * rsqrt_decay", 1.0, warmup_steps=10_000)
    for step in (0, 9):
        assert here(step) == theirs(1_000_000 + step)


@pytest.mark.parametrize(
    ("path", "total", "more", "expected"),
    [
        ("'gs://a/checkpoint_1198000'", 1_298_000, "", 100_000),
        ("'/a/checkpoint_1198000/'", 1_298_000, "", 100_000),
        ("'gs://a/checkpoint_1100000/checkpoint'", 1_120_000, "", 20_000),
        ("'gs://a/checkpoint_5'", 20, "TRAIN_STEPS_RELATIVE = 7", 7),
        ("'gs://a/checkpoint_20'", 20, "", None),
        ("'gs://a/model'", 20, "", None),
        ("('/a', '/b')", 20, "", None),
        ("None", 20, "", 20),
        ("[]", 20, "", 20),
    ],
)
def test_steps_of_the_checkpoint_are_taken_off(path, total, more, expected):
    pathlib.Path("a.gin").write_text(
        f'include "finetune.gin"\nINITIAL_CHECKPOINT_PATH = {path}\nTRAIN_STEPS = {total}\n{more}'
    )
    made = translated("a.gin")
    assert made.settings.get("TRAIN_STEPS") == expected
    is_asked = any("TRAIN_STEPS" in entry.said for entry in made.of(Decision))
    assert is_asked == (expected is None)


def test_pretrain():
    made = translated("pretrain.gin")
    assert made.includes == ("models/t5_1_0/family.gin", "runs/train.gin")  # tied embeddings
    expected = {
        "DataConfig.converter": "prefix_lm",
        "TransformerConfig.architecture": "decoder_only",
        "TransformerConfig.num_encoder_layers": 0,
        "TransformerConfig.num_decoder_layers": 6,
        "TransformerConfig.mlp_activations": ("gelu", "linear"),
        "TRAIN_STEPS": 200_000,
        "adafactor.beta1": 0.9,
        "adafactor.weight_decay_rate": 1e-4,
        "adafactor.decay_norms_and_biases": True,
        "schedule.warmup_steps": 4000,
        "DataConfig.seed": 3,
        "DataConfig.pack": False,
        "MESH_TENSOR": 8,
        "TASK_MODULES": ("my_corpus.tasks",),
        "train_eval/EvalConfig.max_examples_per_task": 20 * 256,
    }
    assert {key: made.settings.get(key) for key in expected} == expected
    assert "initial_checkpoint.train_steps_are_relative" not in made.settings
    assert isinstance(said_of(made, "max_parameter_scale"), NoCounterpart)
    (decision,) = made.of(Decision)
    assert decision.outcome.proposal == ("MESH_FSDP = 1  # devices",)


def test_infer():
    made = translated("infer.gin")
    assert made.command == "infer"
    assert not made.includes and not made.of(Decision)
    assert made.settings == {
        "MODEL_DIR": "/models/tuned/checkpoint_1010000",
        "MIXTURE_OR_TASK_NAME": "my_questions",
        "OUTPUT": "/answers/answers.jsonl",
        "SPLIT": "validation",
        "EVAL_BATCH_SIZE": 16,
        "MAX_DECODE_LENGTH": 32,
        "STRATEGY": "beam",
        "NUM_BEAMS": 4,
        "LENGTH_PENALTY": 0.8,
        "VOCABULARY": "/models/sentencepiece.model:0",
        "TASK_MODULES": ("my_package.my_tasks",),
    }


def test_eval():
    made = translated("eval.gin")
    assert made.command == "eval"
    assert made.settings["MODEL_DIR"] == "/models/tuned"
    assert made.settings["OUTPUT_DIR"] == "/results"
    assert made.settings["MAX_EXAMPLES_PER_TASK"] == 100


def test_a_file_written_by_the_command_trains(folder, capsys, monkeypatch):
    """Ten steps of the first file, as tiny as its network can be said to be."""
    monkeypatch.setenv("T5LITE_CACHE_DIR", str(folder / "cache"))
    command = ["config", "--from_t5x=tiny.gin", "--output=mine.gin", "--alsologtostderr"]
    assert cli.main(command) == 0
    listed = capsys.readouterr().out
    assert "0 to decide" in listed and "t5lite train --gin_file=mine.gin --model_dir=DIR" in listed
    assert cli.main(["train", "--gin_file=mine.gin", "--model_dir=run"]) == 0
    lines = [
        json.loads(line) for line in pathlib.Path("run/metrics.jsonl").read_text().splitlines()
    ]
    assert lines[-1]["step"] == 10
    assert {path.name for path in pathlib.Path("run/checkpoints").iterdir()} == {"5", "10"}
