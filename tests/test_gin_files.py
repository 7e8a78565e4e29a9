"""Every shipped gin file parses, says what it is, and builds what it configures."""

import pathlib
import re
import shlex

import gin
import pytest

from t5lite import config
from t5lite.flags import make_parser, split_gin_flags
from t5lite.models.parameters import count_params
from tests.conftest import REPOSITORY

GIN = REPOSITORY / "gin"
FILES = sorted(str(path.relative_to(GIN)) for path in GIN.rglob("*.gin"))
MODELS = [name for name in FILES if name.startswith("models/")]
RECIPES = [name for name in FILES if name.startswith("recipes/")]

# What a user must say; any value will do here.
REQUIRED = {
    "MODEL_DIR": "'/tmp/run'",
    "MIXTURE_OR_TASK_NAME": "'mini'",
    "TASK_FEATURE_LENGTHS": "{'inputs': 64, 'targets': 32}",
    "TRAIN_STEPS": "10",
    "DATA_DIR": "'/tmp/data'",
    "VOCABULARY": "'bytes'",
    "OUTPUT": "'/tmp/out.jsonl'",
}


def required_flags(files: list[str]) -> list[str]:
    parsed = config.parse(files)
    return [
        f"{name}={value}"
        for name, value in REQUIRED.items()
        if name in parsed.bindings and parsed.macro(name, default=None) is None
    ]


def header(name: str) -> str:
    lines = (GIN / name).read_text(encoding="utf-8").splitlines()
    end = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    return "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines[:end])


def commands(name: str) -> list[list[str]]:
    """The words of every command in a file's header; `[optional]` parts left out."""
    text = re.sub(r"\[[^\]]*\]", "", header(name).replace("\\\n", " "))
    return [shlex.split(found)[1:] for found in re.findall(r"^.*?(t5lite [a-z]+ -.*)$", text, re.M)]


def test_there_are_gin_files():
    assert {"runs/train.gin", "runs/eval.gin", "runs/infer.gin"} <= set(FILES)
    assert len(MODELS) >= 11 and len(RECIPES) >= 2


def test_no_folder_of_gin_shadows_the_library():
    assert not list(GIN.rglob("__init__.py"))
    assert pathlib.Path(gin.__file__).name == "__init__.py"


@pytest.mark.parametrize("name", FILES)
def test_opens_with_what_it_is_and_the_command(name):
    text = header(name)
    for field in ("Command:", "Time:"):
        assert field in text, f"{name} does not say its {field}"
    assert "Hardware:" in text or "Memory:" in text
    assert commands(name)


@pytest.mark.parametrize("name", FILES)
def test_the_command_of_the_header_parses(name):
    for words in commands(name):
        rest, bindings = split_gin_flags(words)
        arguments = make_parser().parse_args(rest)
        config.parse(arguments.gin_file, bindings)
        if arguments.verb == "train":
            assert any(name == file for file in arguments.gin_file)


@pytest.mark.parametrize("name", MODELS)
def test_a_models_header_states_its_parameters(name):
    config.parse([name])
    counted = count_params(gin.get_configurable("TransformerConfig")())
    stated = re.search(r"^Parameters: ([\d,]+)$", header(name), re.M)
    assert stated and int(stated[1].replace(",", "")) == counted


@pytest.mark.parametrize("name", [*MODELS, *RECIPES])
def test_trains_with_it_could_begin(name):
    files = [name] if name in RECIPES else [name, "runs/train.gin"]
    arguments = config.parse(files, required_flags(files)).arguments("train")
    assert arguments["model"].architecture == "encoder_decoder"
    assert arguments["train_data"].batch_size > 0
    assert arguments["initial_checkpoint"] is None
    assert arguments["optimizer"].learning_rate_at(1) > 0
    names = [evaluation.name for evaluation in arguments["evals"]]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("name", "verb"), [("runs/eval.gin", "evaluate"), ("runs/infer.gin", "infer")]
)
def test_eval_and_infer_could_begin(name, verb):
    flags = [*required_flags([name]), "SPLIT=test"]
    if verb == "evaluate":
        flags += [f"{m}={REQUIRED[m]}" for m in ("TASK_FEATURE_LENGTHS", "VOCABULARY")]
    arguments = config.parse([name], flags).arguments(verb)
    assert arguments["model_dir"] == "/tmp/run"


def test_the_demo_is_evaluated_at_three_levels():
    arguments = config.parse(["recipes/mini_demo.gin"], ["MODEL_DIR=/a"]).arguments("train")
    assert [e.mixture_or_task_name for e in arguments["evals"]] == [
        "mini_new_instances",
        "mini_new_templates",
        "mini_new_tasks",
    ]
    assert arguments["eval_first"]


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_leave_no_macro_without_effect(name):
    unused = config.parse([name]).unused("train")
    assert [b.key for b in unused if b.is_macro] == []
