"""Trains the student: `t5lite train` on the examples of a folder, by a recipe."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from t5lite.files.json_files import read_lines, read_object, write_object
from t5lite.messages.value_types import dataclass_of

if TYPE_CHECKING:
    from t5lite.configuration.gin_resolve import ParsedConfig

MODEL_FOLDER = "model"
TRAINING_FILE = "training.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class StudentTraining:
    """How a student is trained.

    Attributes:
      gin_file: A recipe of `t5lite train` for the Task `prompt2model`, such as
        "recipes/prompt2model/paper.gin" or one of your own that includes it.
      bindings: Settings that win over the file's, "NAME = VALUE" each, as --gin.NAME=VALUE.
      vocabulary: Of a model that holds none, or of one from nothing; None leaves it to the recipe.
    """

    gin_file: str = "recipes/prompt2model/paper.gin"
    bindings: tuple[str, ...] = ()
    vocabulary: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainedStudent:
    """A student that was trained, as `training.json` keeps it.

    Attributes:
      model_dir: Its model folder, from the folder of the pipeline.
      initial_checkpoint: What it started from; None of one trained from nothing.
      recipe: The gin file that it was trained with.
      best_step: The checkpoint of the best validation metric.
      last_step: The one at the end.
      best_metric: What is meant by best; None where the recipe names none, and the last counts.
      validation: The validation's metrics at the best step, and at the last, by name; None of
        one that is no finite number.
      parameters: A hash of the parameters of each of the two, which tells a student trained anew.
    """

    model_dir: str
    initial_checkpoint: str | None
    recipe: str
    best_step: int
    last_step: int
    best_metric: str | None
    validation: Mapping[str, Mapping[str, Any]]
    parameters: Mapping[str, str]

    @property
    def steps(self) -> dict[str, int]:
        """The checkpoints that are evaluated, by what they are called."""
        return {"best": self.best_step, "last": self.last_step}

    @classmethod
    def read(cls, folder: pathlib.Path) -> TrainedStudent:
        """Reads what `train_student` wrote, and finds the model.

        Args:
          folder: Of the pipeline.

        Raises:
          ValueError: The file is malformed, or the model is not there.
        """
        path = folder / TRAINING_FILE
        found = dataclass_of(cls, read_object(path), name=str(path), others_pass=True)
        if not (folder / found.model_dir).is_dir():
            raise ValueError(
                f"{path} names the model folder {found.model_dir}, which is not there. Put it "
                f"back, or delete {TRAINING_FILE}, and the step train makes it anew."
            )
        return found


def recipe_settings(config: StudentTraining) -> dict[str, Any]:
    """Everything that a recipe sets, as its files and `bindings` say it now, by name.

    Raises:
      ValueError: A file is missing or malformed.
    """
    from t5lite.configuration import config as gin_config

    parsed = gin_config.parse([config.gin_file], config.bindings, shorthands=_vocabulary(config))
    return {key: repr(binding.value) for key, binding in parsed.bindings.items()}


def check_training(
    folder: pathlib.Path,
    *,
    config: StudentTraining,
    model: str | None = None,
    is_searched: bool = False,
    cache_dir: str | None = None,
) -> None:
    """Finds out before anything long is begun whether a student can be trained.

    A model of another format is converted, which is kept for `train_student`.

    Args:
      folder: Of the pipeline.
      config: How it would be trained.
      model: What it would start from, where that is known.
      is_searched: Whether a search is still to find that.
      cache_dir: Where conversions are kept.

    Raises:
      ValueError: The recipe lacks something, or the model or its tokenizer cannot be read.
    """
    from t5lite.convert.cached import model_folder

    if model is not None:
        model_folder(model, vocabulary=config.vocabulary, cache_dir=cache_dir, named_by="--model")
    found = str(folder) if is_searched else model
    _parsed(folder, config, found_model=found, cache_dir=cache_dir).arguments("train")


def train_student(
    folder: pathlib.Path,
    *,
    config: StudentTraining,
    found_model: str | None = None,
    cache_dir: str | None = None,
) -> TrainedStudent:
    """Trains a student on the examples of a folder, or goes on where its training stopped.

    Writes `model/`, which is a run of `t5lite train`, and at its end `training.json`.

    Args:
      folder: Of the pipeline: `prompt_spec.json` and `data/`.
      config: How.
      found_model: What the student starts from, a model folder of any format; None leaves it to
        the recipe.
      cache_dir: Where token stores and conversions are kept; None leaves it to the recipe.

    Returns:
      What was trained.

    Raises:
      ValueError: As `t5lite train`: a recipe that is malformed, or a model that is missing.
      KeyboardInterrupt: SIGTERM or Ctrl-C stopped it, and a checkpoint was saved.
    """
    from t5lite.checkpoints.checkpointer import CheckpointConfig
    from t5lite.train import train

    model_dir = folder / MODEL_FOLDER
    parsed = _parsed(folder, config, found_model=found_model, cache_dir=cache_dir)
    arguments = parsed.arguments("train")
    with parsed.places_named("train"):
        result = train(**arguments, config_text=parsed.operative_config())
    if result.stopped:
        raise KeyboardInterrupt
    checkpoint: CheckpointConfig = arguments["checkpoint"]
    last = result.progress.steps
    best = last if result.best_step is None else result.best_step
    trained = TrainedStudent(
        model_dir=MODEL_FOLDER,
        initial_checkpoint=found_model,
        recipe=config.gin_file,
        best_step=best,
        last_step=last,
        best_metric=checkpoint.best_metric,
        validation=_evaluations(model_dir, {"best": best, "last": last}),
        parameters=_parameter_hashes(model_dir, {"best": best, "last": last}),
    )
    write_object(folder / TRAINING_FILE, dataclasses.asdict(trained))
    return trained


def _parsed(
    folder: pathlib.Path,
    config: StudentTraining,
    *,
    found_model: str | None,
    cache_dir: str | None,
) -> ParsedConfig:
    """A recipe with what the pipeline knows."""
    from t5lite.configuration import config as gin_config

    given = {
        "MODEL_DIR": ("--output", str(folder / MODEL_FOLDER)),
        "DATA_DIR": ("--output", str(folder)),
        "INITIAL_CHECKPOINT_PATH": ("--model", found_model),
        "CACHE_DIR": ("--cache_dir", cache_dir),
    }
    known = {macro: value for macro, value in given.items() if value[1] is not None}
    return gin_config.parse(
        [config.gin_file],
        config.bindings,
        shorthands=known | _vocabulary(config),
        remedies={
            "INITIAL_CHECKPOINT_PATH": "--model=MODEL_FOLDER, what the student starts from",
        },
    )


def _vocabulary(config: StudentTraining) -> dict[str, tuple[str, Any]]:
    return {} if config.vocabulary is None else {"VOCABULARY": ("--vocabulary", config.vocabulary)}


def _evaluations(
    model_dir: pathlib.Path, steps: Mapping[str, int]
) -> dict[str, dict[str, float | None]]:
    """What the run's evaluations gave at each of some steps; None is no finite number."""
    by_step = {
        line["step"]: {
            name: value
            for name, value in line.items()
            if "/mean/" in name and isinstance(value, int | float | None)
        }
        for _, line in read_lines(model_dir / "metrics.jsonl")
        if line.get("kind") == "eval"
    }
    return {name: by_step.get(step, {}) for name, step in steps.items()}


def _parameter_hashes(model_dir: pathlib.Path, steps: Mapping[str, int]) -> dict[str, str]:
    """A hash of each checkpoint's parameters, the same wherever and whenever they were trained."""
    from t5lite.checkpoints.base_model import parameter_hash
    from t5lite.initialization.adapted_model import load_model, own_folder
    from t5lite.mesh import MeshConfig, make_mesh

    folder, base = own_folder(str(model_dir), None)
    mesh, by_step = make_mesh(MeshConfig()), dict[int, str]()
    for step in set(steps.values()):
        by_step[step] = parameter_hash(load_model(folder, step, base=base, mesh=mesh).params)
    return {name: by_step[step] for name, step in steps.items()}
