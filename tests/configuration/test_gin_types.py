"""Values from gin against annotations: what is taken, what is refused, and how that is said."""

import pathlib

import pytest

from t5lite.configuration import config
from t5lite.configuration.gin_types import parameter_hints

RUN = """include "recipes/mini_demo.gin"
MODEL_DIR = "/m"
"""


def train_arguments(*lines: str):
    pathlib.Path("run.gin").write_text(RUN + "\n".join(lines) + "\n")
    return config.parse(["run.gin"]).arguments("train")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_what_loses_nothing_is_taken_as_the_type_that_is_wanted():
    arguments = train_arguments(
        "BATCH_SIZE = 4.0",
        "MAX_GRAD_NORM = 1",
        "TASK_MODULES = ['tasks.mini']",
        "TASK_FEATURE_LENGTHS = {'inputs': 16.0, 'targets': 8}",
        "train.parameter_groups = [['encoder', 1]]",
        "TransformerConfig.mlp_activations = ['gelu']",
    )
    data = arguments["train_data"]
    assert data.batch_size == 4 and isinstance(data.batch_size, int)
    assert isinstance(data.task_feature_lengths["inputs"], int)
    assert isinstance(arguments["max_grad_norm"], float)
    assert data.task_modules == ("tasks.mini",)
    assert arguments["parameter_groups"] == (("encoder", 1.0),)
    assert arguments["model"].mlp_activations == ("gelu",)


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("BATCH_SIZE = 4.5", ["DataConfig.batch_size: wanted an integer", "BATCH_SIZE = 4.5 at"]),
        ("BATCH_SIZE = '4'", ["found '4' (a text); write 4 without quotes"]),
        ("BATCH_SIZE = None", ["wanted an integer, found None"]),
        ("BATCH_SIZE = True", ["wanted an integer, found True"]),
        ("schedule.total_steps = '3 epochs'", ["write a number, without a unit"]),
        ("SEED = 1e30", ["64 bits"]),
        ("LEARNING_RATE = '1e-3'", ["base_learning_rate: wanted a number", "write 1e-3 without"]),
        ("MAX_GRAD_NORM = 1e999", ["too large"]),
        ("DataConfig.pack = 1", ["wanted True or False, found 1; write True"]),
        ("DataConfig.pack = 'false'", ["write False without quotes"]),
        ("TASK_MODULES = 'tasks.mini'", ["wanted a list", "write ('tasks.mini',), with the comma"]),
        ("TASK_MODULES = ('tasks.mini')", ["write ('tasks.mini',), with the comma"]),
        ("TASK_MODULES = ('tasks.mini', 3)", ["task_modules[1]: wanted a text", "write '3'"]),
        ("TASK_FEATURE_LENGTHS = 512", ["wanted a dictionary", "{'inputs': 512, 'targets': 128}"]),
        ("TASK_FEATURE_LENGTHS = {'inputs': 'x'}", ["task_feature_lengths['inputs']: wanted an"]),
        ("DataConfig.converter = 'prefixlm'", ["'encoder_decoder'", "Did you mean 'prefix_lm'?"]),
        ("train.parameter_groups = ('a', 0.1)", ["write (('a', 0.1),), with the comma"]),
        ("train.parameter_groups = [('a',)]", ["parameter_groups[0]: wanted 2 values"]),
        ("train.optimizer = 'adamw'", ["wanted an Optimizer", "@adamw()"]),
        ("train.optimizer = @MeshConfig()", ["found a MeshConfig"]),
        ("adamw.learning_rate = 'constant'", ["wanted a number or a function", "@schedule()"]),
        ("train.model = None", ["wanted a TransformerConfig or a ModelOfCheckpoint, found None"]),
        ("EVALS = @new_tasks/EvalConfig()", ["wanted a list", "write (@...,), with the comma"]),
        ("new_tasks/EvalConfig.split = 5", ["found 5; write '5'", "new_tasks/EvalConfig.split"]),
        ("train.num_microbatches = '2'", ["train.num_microbatches: wanted an integer"]),
        ("train.log_period = 'ten'", ["wanted an integer, found 'ten' (a text)"]),
    ],
)
def test_anything_else_is_refused_with_its_place_and_the_right_form(line, parts):
    with pytest.raises(ValueError) as caught:
        train_arguments(line)
    for part in [*parts, "run.gin:3"]:
        assert part in str(caught.value)


@pytest.mark.parametrize("name", [*config.VERBS, *config.CONFIGURABLES])
def test_the_annotations_of_every_configurable_can_be_read(name):
    assert parameter_hints(config.register_configurables()[name])


OWN_LOSS = """from __future__ import annotations

import dataclasses
import typing

from t5lite.training.cross_entropy import CrossEntropy

if typing.TYPE_CHECKING:
    import fractions


@dataclasses.dataclass(frozen=True)
class Loss(CrossEntropy):
    kinds: typing.ClassVar[int] = 3
    limit: float = float("inf")
"""


def test_an_objective_of_ones_own_may_have_any_fields(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(tmp_path)
    pathlib.Path("own_loss.py").write_text(OWN_LOSS)
    objective = train_arguments("train.objective = @own_loss.Loss()", "Loss.z_loss = 0")[
        "objective"
    ]
    assert (objective.limit, objective.z_loss, objective.kinds) == (float("inf"), 0, 3)


def test_types_for_type_checkers_only_are_refused_by_name(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(tmp_path)
    field = "    share: fractions.Fraction | None = None\n"
    pathlib.Path("half_typed_loss.py").write_text(OWN_LOSS + field)
    with pytest.raises(ValueError, match=r"half_typed_loss\.Loss.*'fractions'.*TYPE_CHECKING"):
        train_arguments("train.objective = @half_typed_loss.Loss()", "Loss.z_loss = 0")
