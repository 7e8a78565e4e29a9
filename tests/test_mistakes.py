"""Hundreds of wrong inputs through the command: each gets a message, none ends in a traceback.

Values of every other type for every parameter of every configurable and for every flag, malformed
files, names and folders. Everything stops at the configuration; nothing is trained.
"""

import collections
import contextlib
import inspect
import io
import random

import pytest

from t5lite import cli
from t5lite.configuration import config, external_names
from t5lite.configuration.macro_flags import TRAIN_FLAGS
from tests.decoding import model_dirs

VALUES = (
    *("0", "-1", "4.0", "4.5", "1e30", "-7", "99999999999999999999", "1e999", "True", "None"),
    *("''", "'4'", "'1e-3'", "'true'", "'x y'", "'hdfs://a/b'", "'a\\x00b'", "'[a]'", "'..'"),
    *("()", "[]", "{}", "(1,)", "('a',)", "('a', 1, None)", "[[1, 2], [3]]", "(('a', 0.5),)"),
    *("{'inputs': 8}", "{'inputs': 'x'}", "{1: 2}", "{'inputs': -3, 'targets': 4.5}"),
    *("@adamw", "@adamw()", "@schedule()", "@TransformerConfig", "@MeshConfig()", "@nothing()"),
    *("%BATCH_SIZE", "%NOTHING", "true", "3b", "(1", "a'b", "=", "[", "%"),
)
RECIPE = "--gin_file=recipes/mini_demo.gin"


def outcome(words: list[str]) -> str:
    """How the command ends: "ok", "reported", or the name of an exception that got out."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(printed):
            status = cli.main(words)
    except SystemExit as ended:
        status = int(ended.code or 0)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    message = printed.getvalue()
    if status == 0:
        return "ok"
    reported = status == 2 and "error: " in message and "Traceback" not in message
    return "reported" if reported else f"status {status}: {message}"


def check(commands: list[list[str]]) -> collections.Counter[str]:
    """Counts outcomes; fails with the commands whose mistake is not reported."""
    found = {tuple(words): outcome(words) for words in commands}
    wrong = {words: how for words, how in found.items() if how not in ("ok", "reported")}
    assert not wrong, "\n".join(f"{' '.join(words)}\n    {how}" for words, how in wrong.items())
    return collections.Counter(found.values())


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def bindings_of(verb: str) -> list[str]:
    """`configurable.parameter` for all that a gin file can set of a verb and what it may use."""
    names = [
        f"{name}.{parameter}"
        for name, function in config.register_configurables().items()
        if name in (verb, *config.CONFIGURABLES)
        for parameter in inspect.signature(function).parameters
    ]
    macros = [
        binding.name
        for binding in config.read_defaults(f"runs/{verb.replace('evaluate', 'eval')}.gin")
        if getattr(binding, "is_macro", False)
    ]
    return [*names, *macros]


# Of all pairs of parameter and value, so many are tried; the seed is another for every verb.
NUM_BINDINGS = 100


@pytest.mark.parametrize("verb", ["train", "eval", "infer", "generate"])
def test_wrong_values_of_every_parameter(verb, tmp_path):
    words = ["config", verb, f"--model_dir={tmp_path / 'run'}"]
    if verb == "train":
        words.append(RECIPE)
    else:
        model_dirs.save(tmp_path / "run")
        more = {"eval": ["--mixture=mini"], "infer": ["--mixture=mini", "--gin.OUTPUT=x"]}
        words += more.get(verb, [])
    pairs = [
        [*words, f"--gin.{name}={value}"]
        for name in bindings_of(config_name(verb))
        for value in VALUES
    ]
    counts = check(random.Random(verb).sample(pairs, NUM_BINDINGS))
    assert counts["reported"] > NUM_BINDINGS // 2


def config_name(verb: str) -> str:
    return {"eval": "evaluate"}.get(verb, verb)


def test_wrong_values_of_every_flag_of_train():
    values = (
        "",
        "x",
        "-1",
        "4.5",
        "1e999",
        "nan",
        "None",
        "hdfs://a/b",
        "0",
        "inputs=3",
        "inputs=a",
    )
    pairs = [
        ["config", RECIPE, "--model_dir=/m", f"{flag.flag}={value}"]
        for flag in TRAIN_FLAGS
        for value in values
    ]
    counts = check(random.Random(0).sample(pairs, 60))
    assert counts["reported"] > 30


@pytest.mark.parametrize(
    "text",
    [
        "TRAIN_STEPS",
        "TRAIN_STEPS = ",
        "TRAIN_STEPS = (1,",
        "TRAIN_STEPS = 1 2",
        "= 3",
        "include 'nowhere.gin'",
        "include 3",
        "import nowhere",
        "import",
        "from x import y",
        "train.evals = (@e/EvalConfig(),)",
        "train.model = @TransformerConfig",
        "A = %B\nB = %A\nTRAIN_STEPS = %A",
        "TRAIN_STEP = 3",
        "train.seed.x = 4",
        "  TRAIN_STEPS = 3\n TRAIN_STEPS = 4",
        "TRAIN_STEPS = 'a\nb'",
        "\x00",
        "train:\n seed = 3\n  log_period = 4",
        "train.optimizer = @adafactor()\nadafactor.learning_rate = @adamw()",
        "t5lite.train.seed = 'x'",
        "schedule.decay_factor = @schedule()",
        "MeshConfig.fsdp = @MeshConfig()",
        "A = (%B,)\nB = [%A]\ntrain.parameter_groups = %A",
    ],
)
def test_wrong_lines_of_a_gin_file(text, tmp_path):
    (tmp_path / "mine.gin").write_text(f"include 'recipes/mini_demo.gin'\n{text}\n")
    counts = check([["config", "--gin_file=mine.gin", "--model_dir=/m"]])
    assert counts["reported"] == 1


# What is wrong in line 2 of a file, and what is said of it beside that place.
SAID = [
    (
        'TRAIN_STEPS = float("nan")',
        ("= float(", "a number, True, False", "calls nothing"),
    ),
    ("TRAIN_STEPS = 3 * 4", ("TRAIN_STEPS = 3 * 4", "no gin value")),
    ("SEED = true", ("Write True",)),
    ("SEED", ("'SEED' is not understood", "NAME = VALUE")),
    ("SEED = -1", ("DataConfig.seed", "SEED = -1")),
    ("DataConfig.num_epochs = 3", ("DataConfig.num_epochs is 3", "DataConfig.stop")),
    ("train.model = @T5Config()", ("@T5Config", "is TransformerConfig here")),
    ("train.optimizer = @adafactor.Adafactor()", ("is adafactor here",)),
    ("utils.DatasetConfig.pack = True", ("is DataConfig or EvalConfig here",)),
    ("TransformerConfig.emb_dim = 64", ("no parameter 'emb_dim'", "TransformerConfig.d_model")),
    ("LABEL_SMOOTHING = 0.1", ("CrossEntropy.label_smoothing",)),
    ("SAVING_PERIOD = 3", ("is CHECKPOINT_PERIOD here", "config --from_t5x")),
    ("USE_CACHED_TASKS = False", ("not needed here", "token stores", "config --from_t5x")),
    ("from __gin__ import dynamic_registration", ("TransformerConfig.d_model", "--from_t5x")),
    ("import __main__ as train_script", ("is of T5X", "config --from_t5x")),
    ("include 't5x/configs/runs/finetune.gin'", ("no gin file", "config --from_t5x")),
    ("train_script.train.eval_period = 3", ("is train here", "config --from_t5x")),
    ("train.optimizer = @optax.adamw()", ("is adamw here", "config --from_t5x")),
    ("train.optimizer = @optimizers.chain()", ("train.max_grad_norm here",)),
    ("train.objective = @utils.Loss()", ("no module utils, which T5X has", "--from_t5x")),
    ("VOCABULARY = @seqio.SentencePieceVocabulary()", ("is VOCABULARY here",)),
]


@pytest.mark.parametrize(("line", "said"), SAID, ids=[line for line, _ in SAID])
def test_a_wrong_line_is_reported_with_its_place_and_the_remedy(line, said, tmp_path, capsys):
    (tmp_path / "mine.gin").write_text(f"include 'recipes/mini_demo.gin'\n{line}\n")
    assert cli.main(["config", "--gin_file=mine.gin", "--model_dir=/m"]) == 2
    error = capsys.readouterr().err
    assert not [text for text in ("mine.gin:2", *said) if text not in error], error
    assert "malformed node" not in error and "Traceback" not in error


@pytest.mark.parametrize("name", [n for names in external_names.ALL for n in names.values()])
def test_what_others_call_otherwise_exists_here(name):
    for ours in name:
        head, _, parameter = ours.partition(".")
        known = config.register_configurables()
        assert ours in config.shipped_macros() or head in known, ours
        assert not parameter or parameter in inspect.signature(known[head]).parameters, ours


LANGUAGE_MODEL = (
    "TransformerConfig.architecture = 'decoder_only'\nTransformerConfig.num_encoder_layers = 0\n"
    "DataConfig.converter = 'decoder_only'\n"
)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("TransformerConfig.vocab_size = 100", "TransformerConfig.vocab_size = 100"),
        ("train.parameter_groups = [('nothing/.*', 0.0)]", "train.parameter_groups = [("),
        ("train.seed = -1", "train.seed = -1"),
        (f"DataConfig.bos_id = 900\n{LANGUAGE_MODEL}", "DataConfig.bos_id = 900"),
        ("a/EvalConfig.mixture_or_task_name = 'toi'", "mixture_or_task_name = 'toi'"),
    ],
)
def test_a_setting_that_a_run_refuses_is_reported_with_its_place(line, said, tmp_path, capsys):
    (tmp_path / "mine.gin").write_text(
        "include 'models/mini/small.gin'\ninclude 'runs/train.gin'\n"
        "TASK_MODULES = ('tests.toy_tasks',)\nMIXTURE_OR_TASK_NAME = 'toy'\nVOCABULARY = 'bytes'\n"
        "TASK_FEATURE_LENGTHS = {'inputs': 32, 'targets': 16}\nTRAIN_STEPS = 1\nBATCH_SIZE = 8\n"
        "CACHE_DIR = 'cache'\nDataConfig.num_build_workers = 1\nEVALS = (@a/EvalConfig(),)\n"
        "a/EvalConfig.name = 'a'\na/EvalConfig.mixture_or_task_name = 'toy'\n" + line
    )
    assert cli.main(["train", "--gin_file=mine.gin", "--model_dir=runs/mine"]) == 2
    error = capsys.readouterr().err
    assert said in error and "at mine.gin:14" in error, error
    assert not (tmp_path / "runs").exists()


def test_wrong_files_and_folders(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "hf").mkdir()
    (tmp_path / "hf" / "config.json").write_text('{"model_type": "t5", "d_model": "32"}')
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "t5lite.json").write_text('{"format": 1, "model": []}')
    (tmp_path / "latin.gin").write_bytes(b"A = '\xe9'\n")
    (tmp_path / "utf16.gin").write_bytes("A = 3".encode("utf-16"))
    places = ("hdfs://a/b", "", "file", "file/x", "empty", "hf", "damaged", "no\0where", "x" * 300)
    counts = check(
        [
            ["config", "--gin_file=latin.gin"],
            ["config", "--gin_file=utf16.gin"],
            ["config", "--gin_file=empty"],
            ["config", RECIPE, "--gin_search_paths=file"],
            *[["eval", f"--model_dir={place}", "--mixture=mini"] for place in places],
            *[["infer", f"--model_dir={place}", "--input=a", "--output=b"] for place in places],
            *[["generate", f"--model_dir={place}", "hello"] for place in places],
            *[["train", f"--model_dir={place}"] for place in places],
            *[["tasks", "audit", place] for place in places],
            *[["convert", place, "out"] for place in places],
            *[["convert", "hf", place] for place in places if place != "empty"],
            *[["tasks", "list", f"--tasks={place}"] for place in places if place],
        ]
    )
    assert set(counts) == {"reported"}
    assert not (tmp_path / "out").exists()
