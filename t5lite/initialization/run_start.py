"""Where a run begins: at its folder's last checkpoint, at one made elsewhere, or at nothing."""

from __future__ import annotations

import dataclasses
import logging
import pathlib
from typing import NamedTuple

import jax

from t5lite.checkpoints.base_model import BaseModel, parameter_hash
from t5lite.checkpoints.checkpointer import Checkpointer
from t5lite.checkpoints.model_dir import DESCRIPTION_FILE, ModelDescription
from t5lite.data.features.feature_converters import FeatureConverter
from t5lite.data.vocabularies.vocabulary import Vocabulary
from t5lite.files.local_paths import storage_path
from t5lite.files.regular_files import has_file
from t5lite.initialization.adapted_model import reopen_base
from t5lite.initialization.restore import InitialCheckpoint, RestoreConfig, open_initial
from t5lite.initialization.soft_prompt import start_soft_prompt
from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import Params, added_names, flatten_names, only, param_shapes
from t5lite.training.duration import Duration
from t5lite.training.parameter_groups import FrozenDtype
from t5lite.training.program import TrainProgram
from t5lite.training.run_position import RunPosition
from t5lite.training.state import TrainState

log = logging.getLogger(__name__)


class BegunRun(NamedTuple):
    """What the folder of a run that resumes says: its model, and where it stands."""

    description: ModelDescription
    position: RunPosition


def begun_run(
    checkpointer: Checkpointer, folder: pathlib.Path, *, model: TransformerConfig
) -> BegunRun | None:
    """Reads how far a folder's training has come; None where it has not begun.

    Args:
      checkpointer: the folder's.
      folder: the run's.
      model: the run's.

    Raises:
      ValueError: the folder is damaged, or holds another model, or one that was converted.
    """
    step = checkpointer.latest_step()
    if step is None:
        return None
    position = RunPosition.from_json(checkpointer.restore_data(step))
    description = ModelDescription.load(folder)
    as_now = dataclasses.replace(description, model=model)
    description.check_same_model(as_now, model_dir=str(folder))
    return BegunRun(description=description, position=position)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunStart:
    """What a run's parameters come from; made by `open_start`, which reads none of them.

    Attributes:
      folder: the run's.
      begun: what it says; None of a fresh run.
      initial: the checkpoint to read: what a fresh run starts from, or the model that adapters are
        of; None where parameters are initialised, or are all in the run's own folder.
      given: INITIAL_CHECKPOINT_PATH, which may be of another format than `initial` is.
      converter: how the model was asked before; None where nothing says it.
    """

    folder: pathlib.Path
    begun: BegunRun | None
    initial: InitialCheckpoint | None
    given: RestoreConfig | None
    converter: FeatureConverter | None

    def check_description(self, description: ModelDescription) -> None:
        """Compares the run's model, now that its data are known, with what it was.

        Raises:
          ValueError: the folder's run was of another model.
        """
        if self.begun is not None:
            self.begun.description.check_same_model(description, model_dir=str(self.folder))
        elif self.initial is not None:
            self.initial.warn_of_prompts(description.converter)

    def saved_state(self, checkpointer: Checkpointer, program: TrainProgram) -> TrainState | None:
        """Reads the state that the folder's last checkpoint holds; None of a fresh run.

        Raises:
          ValueError: it is damaged, or of another model or optimizer.
        """
        if self.begun is None:
            return None
        step, ignored = self.begun.position.progress.steps, ""
        if self.given and not self.initial:
            ignored = f" (ignoring {self.given.path})"
        log.info("resuming %s from step %d%s", self.folder, step, ignored)
        state: TrainState = checkpointer.restore_state(step, program.kept(program.state))
        return state

    def state(
        self, program: TrainProgram, saved: TrainState | None, *, vocabulary: Vocabulary
    ) -> TrainState:
        """Makes the whole state on the devices.

        Args:
          program: the run's.
          saved: what `saved_state` gave.
          vocabulary: the run's, for the text that a soft prompt starts as.

        Raises:
          ValueError: the initial checkpoint is damaged or not finite, or its optimizer's state is
            another's.
        """
        if saved is not None and self.initial is None:
            return saved
        state: TrainState = jax.jit(program.init_fn, out_shardings=program.shardings)()
        if self.initial is not None:
            model, shardings = program.model, program.shardings
            state = self.initial.restore_into(state, shardings, added=added_names(model))
            state = start_soft_prompt(
                *(state, model), vocabulary=vocabulary, seed=program.seed, shardings=shardings
            )
            verb = "adapters of" if model.adapters else "starting from"
            log.info("%s %s", verb, self.initial.config.path)
        return state if saved is None else program.with_kept(state, saved)

    def with_base(
        self, description: ModelDescription, params: Params, *, dtype: FrozenDtype
    ) -> ModelDescription:
        """Adds to what the folder says the model that adapters are of.

        Args:
          description: of the run's model.
          params: the run's parameters, that model's among them.
          dtype: the type in which it is held.

        Raises:
          ValueError: a run that resumes goes on from another one, or holds it in another type.
        """
        if self.initial is None or not description.model.adapters:
            return description
        found = parameter_hash(only(params, flatten_names(param_shapes(description.model.base))))
        if self.begun is None:
            assert self.given is not None, "check_base_is_given comes before"
            path = storage_path(self.given.path, name="INITIAL_CHECKPOINT_PATH").absolute()
            step = self.initial.saved.step if has_file(path / DESCRIPTION_FILE) else None
            base = BaseModel(path=str(path), step=step, parameter_hash=found, dtype=dtype)
            return dataclasses.replace(description, base=base)
        known = self.begun.description.base
        assert known is not None, "adapters have one"
        known.check_hash(found, path=self.initial.saved.path, adapter=str(self.folder))
        if known.dtype != dtype:
            raise ValueError(
                f"train.frozen_dtype is {dtype!r}, and the adapters in {self.folder} were trained "
                f"on a model held in {known.dtype!r}: leave it as it was."
            )
        return dataclasses.replace(description, base=known)


def open_start(
    model: TransformerConfig,
    vocabulary: Vocabulary,
    folder: pathlib.Path,
    *,
    begun: BegunRun | None,
    given: RestoreConfig | None,
    initial_checkpoint: RestoreConfig | None,
    total: Duration,
) -> RunStart:
    """Opens what a run starts from, and compares it with the run; reads no parameters.

    Args:
      model: the run's.
      vocabulary: the run's.
      folder: the run's.
      begun: what `begun_run` gave.
      given: INITIAL_CHECKPOINT_PATH as the user gave it.
      initial_checkpoint: the same, or the model folder that it was converted to.
      total: TRAIN_STEPS.

    Raises:
      ValueError: the run's model or vocabulary is another than the folder's or the checkpoint's, or
        there is no such checkpoint.
    """
    initial, converter, spec = None, None, vocabulary.spec()
    if begun is not None:
        before = begun.description
        as_now = dataclasses.replace(before, vocabulary=spec)
        before.check_same_model(as_now, model_dir=str(folder))
        converter = before.converter
        if before.base is not None:
            initial = reopen_base(before.base, model, given=given, model_dir=str(folder))
    elif initial_checkpoint is not None:
        initial = open_initial(initial_checkpoint)
        if not model.adapters:  # T5X has none, whose steps could be counted on
            initial.check_train_steps(total)
        initial.check_model(model)
        initial.check_vocabulary(spec)
        converter = initial.converter and initial.converter.for_model(model)
    return RunStart(folder=folder, begun=begun, initial=initial, given=given, converter=converter)
