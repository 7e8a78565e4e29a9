"""Gin files of T5X become files of t5lite that load, and every line of theirs is accounted for."""

import json
import pathlib
import re

import pytest

from t5lite import cli
from t5lite.configuration.t5x import report, trial
from t5lite.configuration.t5x.outcomes import Decision, NoCounterpart
from t5lite.configuration.t5x.translation import translate
from t5lite.training.schedules import schedule
from tests.configuration.t5x import files
from tests.convert import t5x_trees
from tests.models.tiny import sharp_params


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
    trial.check(made, report.gin_text(made, made_of=names))
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
        ("'gs://a/my_model_2'", 20, "", None),
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
        "NUM_SLICES": 2,
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
        "TASK_MODULES": ("my_package.my_tasks",),
    }
    assert made.given_later == {"VOCABULARY": "--vocabulary=/models/sentencepiece.model:0"}


def test_eval():
    made = translated("eval.gin")
    assert made.command == "eval"
    assert made.settings["MODEL_DIR"] == "/models/tuned"
    assert made.settings["OUTPUT_DIR"] == "/results"
    assert made.settings["MAX_EXAMPLES_PER_TASK"] == 100


def test_a_file_written_by_the_command_trains(folder, capsys, monkeypatch):
    """Ten steps of the first file from a checkpoint of T5X's, in a network as tiny as can be."""
    model = t5x_trees.t5(
        **{"vocab_size": 384, "d_model": 16, "d_ff": 32, "d_kv": 8, "num_heads": 2},
        **{"num_encoder_layers": 1, "num_decoder_layers": 1},
    )
    target = t5x_trees.separate(sharp_params(model))
    t5x_trees.write_one_file(folder / "checkpoint_1000000" / "checkpoint", target)
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


WRONG = """\
include "t5x/configs/runs/pretrain.gin"
include "t5x/examples/t5/t5_1_1/base.gin"
include "wrong.gin"
include "lost/model.gin"
include "binary.gin"
TRAIN_STEPS == 3
BATCH_SIZE = 3 * 4
utils.SaveCheckpointConfig:
  keep = 3
  period = every_day
  dtype = 'float32'
unknown.Thing:
  x = (1,
       2)
train_script.train.eval_period = %CIRCLE
CIRCLE = %OTHER
OTHER = %CIRCLE
train_script.train.nonsense = 3
elsewhere/utils.DatasetConfig.split = "test"
DROPOUT_RATE = 0.2
UNUSED = 3
utils.create_learning_rate_scheduler.warmup_steps = (1,
"""


def test_everything_that_is_wrong_is_listed_at_once():
    pathlib.Path("wrong.gin").write_text(WRONG)
    pathlib.Path("binary.gin").write_bytes(b"\x89\xff\x00")
    made = translated("wrong.gin")
    asked = {e.place: e.outcome.question for e in made.of(Decision)}
    for line, words in {
        3: "includes itself",
        4: "no file",
        6: "not understood",
        7: "calculates",
        10: "no gin value",
        15: "made of itself",
    }.items():
        assert words in asked[f"wrong.gin:{line}"]
    assert "no text in UTF-8" in asked["binary.gin"]
    assert any("bracket is not closed" in question for question in asked.values())
    without = {e.place: e.outcome.why for e in made.of(NoCounterpart)}
    assert {f"wrong.gin:{line}" for line in (13, 18, 19, 21)} == set(without)
    assert made.settings["KEEP_CHECKPOINTS"] == 3, "what is right in a block counts"
    assert made.settings["DROPOUT_RATE"] == 0.2


def test_what_the_command_gave_goes_before_the_files():
    flags = ["TRAIN_STEPS=1_000_030", "utils.SaveCheckpointConfig.period=9", "BATCH_SIZE=4"]
    made = translated("finetune.gin", bindings=flags)
    assert made.settings["TRAIN_STEPS"] == 30
    assert made.settings["CHECKPOINT_PERIOD"] == 9
    assert made.settings["EVAL_PERIOD"] == 5
    assert made.settings["BATCH_SIZE"] == made.settings["EVAL_BATCH_SIZE"] == 4


def test_files_of_t5x_are_known_by_their_names_and_followed_where_they_lie(folder):
    for name in ("t5x/examples/t5/mt5/xl.gin", "../t5x/t5x/examples/t5/mt5/xl.gin"):
        made = translated("t5x/configs/runs/finetune.gin", name)
        assert made.includes == ("models/mt5/xl.gin", "runs/train.gin")
        assert not made.of(Decision)
    copy = folder / "elsewhere" / "t5x" / "configs" / "runs"
    copy.mkdir(parents=True)
    (copy / "finetune.gin").write_text("train_script.train.eval_period = 77\n")
    made = translate(["finetune.gin"], search_paths=["elsewhere"])
    assert made.settings.get("CHECKPOINT_PERIOD") == 5
    pathlib.Path("mine.gin").write_text("include 't5x/configs/runs/finetune.gin'")
    assert translate(["mine.gin"], search_paths=["elsewhere"]).settings["EVAL_PERIOD"] == 77


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        (
            "OPTIMIZER = @optimizers.chain()\noptimizers.chain.transformations = "
            "[@optax.clip_by_global_norm(), @optax.adamw()]\n"
            "optax.clip_by_global_norm.max_norm = 1.5\noptax.adamw.learning_rate = 3e-4\n"
            "optax.adamw.b2 = 0.98",
            {
                "MAX_GRAD_NORM": 1.5,
                "LEARNING_RATE": 3e-4,
                "adamw.b2": 0.98,
                "adamw.weight_decay": 1e-4,
                "adamw.decay_norms_and_biases": True,
            },
        ),
        (
            "OPTIMIZER = @optimizers.lion()\n"
            "optimizers.lion.learning_rate = @optax.warmup_cosine_decay_schedule()\n"
            "optax.warmup_cosine_decay_schedule:\n  init_value = 0.0\n  peak_value = 2e-4\n"
            "  warmup_steps = 5\n  decay_steps = 900\n  end_value = 0.0",
            {
                "optax_optimizer.name": "lion",
                "optax_optimizer.decay_norms_and_biases": True,
                "LEARNING_RATE": 2e-4,
                "schedule.factors": "constant * linear_warmup * cosine_decay",
                "schedule.total_steps": 900,
                "schedule.warmup_steps": 5,
            },
        ),
        (
            "models.EncoderDecoderModel.decode_fn = @decoding.temperature_sample\n"
            "decoding.temperature_sample:\n  temperature = 0.5\n  topk = 20",
            {
                "DecodingConfig.strategy": "sample",
                "DecodingConfig.temperature": 0.5,
                "DecodingConfig.top_k": 20,
            },
        ),
        (
            "OPTIMIZER = @optimizers.chain()\noptimizers.chain.transformations = "
            "[@optax.clip(), @optax.clip_by_global_norm(), @optax.adamw()]\n"
            "optax.clip.max_delta = 3.0\noptax.clip_by_global_norm.max_norm = 1.5\n"
            "optax.adamw.learning_rate = 3e-4",
            {"MAX_GRAD_NORM": 1.5},
        ),
        (
            "LOSS_NORMALIZING_FACTOR = 'AVERAGE_PER_SEQUENCE'",
            {"CrossEntropy.loss_normalization": "average_per_sequence"},
        ),
        (
            "Z_LOSS = 0.0\nLABEL_SMOOTHING = 0.1",
            {"CrossEntropy.z_loss": 0.0, "CrossEntropy.label_smoothing": 0.1},
        ),
        ("adafactor.Adafactor.global_norm_clip_threshold = 2.0", {"MAX_GRAD_NORM": 2.0}),
        (
            "import a.b\nfrom c import d\nimport seqio\nfrom t5x import utils",
            {"TASK_MODULES": ("tests.toy_tasks", "a.b", "c.d")},
        ),
    ],
)
def test_settings(text, settings):
    pathlib.Path("mine.gin").write_text(f'include "finetune.gin"\n{text}\n')
    found = translated("mine.gin").settings
    assert {key: found.get(key) for key in settings} == settings


def test_models_of_flaxformer_are_those_of_t5x_given_by_macros():
    run = "t5x/configs/runs/pretrain.gin"
    base = "flaxformer/t5x/configs/t5/models/t5_1_1_base.gin"
    assert translated(run, base).includes == ("models/t5_1_1/base.gin", "runs/train.gin")
    made = translated(run, base, bindings=["NUM_DECODER_LAYERS=3", "NUM_EMBEDDINGS=64000"])
    assert made.settings["VOCAB_SIZE"] == 64_000
    assert made.settings["TransformerConfig.num_decoder_layers"] == 3


def test_a_class_of_a_users_own_is_read_as_that_of_t5x_and_listed_as_such():
    pathlib.Path("mine.gin").write_text(
        'from my_models import network as net\ninclude "pretrain.gin"\n'
        "net.TransformerConfig.emb_dim = 512\n"
    )
    made = translated("mine.gin")
    assert made.settings["TransformerConfig.d_model"] == 512
    assert "my_models.network is no module of T5X's" in said_of(made, "emb_dim").note


def test_the_network_of_scalable_t5_has_a_table_of_biases_a_layer():
    pathlib.Path("mine.gin").write_text(
        'include "t5x/examples/scalable_t5/t5_1_1/base.gin"\n'
        'include "t5x/configs/runs/pretrain.gin"\n'
    )
    made = translated("mine.gin")
    assert made.settings["RelativeBias.per_layer"] is True
    assert made.settings["REMAT_POLICY"] == "dots"
    made = translated("mine.gin", bindings=["network.T5Config.vocab_size=256384"])
    assert made.includes[0] == "models/umt5/base.gin"
    assert "RelativeBias.per_layer" not in made.settings


def test_the_command_refuses_what_it_cannot_read_or_write(capsys):
    pathlib.Path("there.gin").write_text("")
    for words in (["nowhere.gin"], ["finetune.gin", "--output=there.gin"], ["."]):
        assert cli.main(["config", "--from_t5x", *words]) == 2
        assert words[-1].partition("=")[2] in capsys.readouterr().err


def test_values_that_are_refused_are_all_listed_and_the_file_loads(capsys):
    pathlib.Path("mine.gin").write_text(
        'include "finetune.gin"\ntrain_script.train.stats_period = "often"\nZ_LOSS = -1.0\n'
        "trainer.Trainer.num_microbatches = 0.5\nnetwork.T5Config.dropout_rate = 7\n"
        "partitioning.PjitPartitioner.model_parallel_submesh = 3\nBATCH_SIZE = @mine.size()\n"
    )
    assert cli.main(["config", "--from_t5x=mine.gin", "--output=out.gin"]) == 1
    listed = capsys.readouterr().out
    for name in ("train.log_period", "CrossEntropy.z_loss", "NUM_MICROBATCHES", "DROPOUT_RATE"):
        assert f"\n  {name}\n    ? " in listed, listed
    assert "3 is no value that T5X takes here" in listed
    assert "@mine.size() is not known here" in listed
    assert cli.main(["config", "--gin_file=out.gin", "--model_dir=/m"]) == 0
