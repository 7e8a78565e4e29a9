"""Starting a run from parameters made elsewhere: a t5lite folder, or any other format.

Resuming a run is not this: `train` resumes by itself from its own MODEL_DIR, which always wins.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import logging
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from t5lite.checkpoints.checkpointer import Checkpointer
from t5lite.checkpoints.model_dir import DESCRIPTION_FILE
from t5lite.checkpoints.name_differences import name_differences
from t5lite.data.features.feature_converters import FeatureConverter
from t5lite.initialization import longer_positions
from t5lite.initialization.model_differences import (
    COMPARED_FIELDS,
    SHAPE_FIELDS,
    Difference,
    model_differences,
    reads_alike,
)
from t5lite.initialization.saved_model import SavedModel, open_saved_model
from t5lite.messages.ranges import Count
from t5lite.messages.suggest import did_you_mean
from t5lite.messages.value_types import check_numbers
from t5lite.models import finite
from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import flatten_names, param_shapes, unflatten_names
from t5lite.models.position_config import Learned
from t5lite.sharding import abstract
from t5lite.training.duration import Duration
from t5lite.training.state import TrainState

log = logging.getLogger(__name__)

# What `allow_differences` calls the vocabulary; every other name is a field of TransformerConfig.
_VOCABULARY = "vocabulary"

_EMBEDDING = "token_embedder/embedding"
_MAX_POSITIONS = "positions.max_positions"
_INTERPOLATE = (
    "A longer table is made of the checkpoint's by initial_checkpoint.interpolate_positions = True"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RestoreConfig:
    r"""What a fresh run starts from.

    Attributes:
      path: a t5lite model folder, or a checkpoint of any format that `t5lite convert` reads.
      step: which checkpoint of a t5lite model folder; the latest when None.
      remap: numbered rules `(pattern, replacement)`. For every parameter of this run, the first
        rule whose pattern matches its whole name says where its values come from: `replacement`
        expanded as by `re.Match.expand` is the name in the source, or None keeps the parameter's
        fresh initialisation. A name no rule matches is looked up unchanged. A rule that matches
        nothing is an error.
      restore_optimizer: also take the optimizer's state (t5lite folders of the same model and
        optimizer only, without remap); the step count starts at 0 either way.
      allow_differences: fields of TransformerConfig, or "vocabulary", in which this run may differ
        from the checkpoint's model on purpose, such as `positions.scaling` to interpolate
        positions; one that holds others stands for all of them.
      interpolate_positions: that this run's table of learned positions, which has more of them than
        the checkpoint's, starts from the rows between the checkpoint's, linearly.
      train_steps_are_relative: that TRAIN_STEPS counts this run's own steps, where it is above the
        checkpoint's step and so might count from the checkpoint's beginning, as T5X's does.
    """

    path: str
    step: Count | None = None
    remap: Sequence[tuple[str, str | None]] = ()
    restore_optimizer: bool = False
    allow_differences: Sequence[str] = ()
    interpolate_positions: bool = False
    train_steps_are_relative: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError for malformed rules, unknown fields and numbers out of range."""
        check_numbers(self, of=RestoreConfig)
        for number, rule in enumerate(self.remap, start=1):
            try:
                pattern, _ = rule
                re.compile(pattern)
            except (re.error, ValueError, TypeError) as error:
                raise ValueError(
                    f"initial_checkpoint.remap rule {number} {rule!r} is not (pattern, replacement "
                    f"or None): {error}"
                ) from error
        if self.restore_optimizer and (self.remap or self.interpolate_positions):
            raise ValueError(
                "initial_checkpoint.restore_optimizer needs the same parameters as the source; "
                "drop remap and interpolate_positions, or restore the parameters only"
            )
        for name in self.allow_differences:
            if name not in (*COMPARED_FIELDS, _VOCABULARY):
                raise ValueError(
                    f"initial_checkpoint.allow_differences names {name!r}, which is no field that "
                    f"is compared.{did_you_mean(str(name), (*COMPARED_FIELDS, _VOCABULARY))}"
                )


def gin_bindings(config: Any, field: str) -> list[str]:
    """The lines of a gin file that give a field, and the kind of config it is of, their values.

    Args:
      config: a config, which may hold others.
      field: a dotted name, such as `positions.scaling.factor`.
    """
    name, _, inner = field.partition(".")
    value = getattr(config, name)
    if not dataclasses.is_dataclass(value):
        return [f"{type(config).__name__}.{name} = {value!r}"]
    names = [inner] if inner else [f.name for f in dataclasses.fields(value)]
    lines = [f"{type(config).__name__}.{name} = @{type(value).__name__}()"]
    return lines + [line for n in names for line in gin_bindings(value, n)]


def initial_checkpoint(
    path: str | None = None,
    *,
    step: Count | None = None,
    remap: Sequence[tuple[str, str | None]] = (),
    restore_optimizer: bool = False,
    allow_differences: Sequence[str] = (),
    interpolate_positions: bool = False,
    train_steps_are_relative: bool = False,
) -> RestoreConfig | None:
    """A `RestoreConfig`, or None where no path is given; gin files have no `if`."""
    if path is None:
        return None
    return RestoreConfig(
        path=path,
        step=step,
        remap=remap,
        restore_optimizer=restore_optimizer,
        allow_differences=allow_differences,
        interpolate_positions=interpolate_positions,
        train_steps_are_relative=train_steps_are_relative,
    )


def source_names(
    names: Sequence[str], remap: Sequence[tuple[str, str | None]]
) -> dict[str, str | None]:
    """Applies `RestoreConfig.remap`: this run's names to the source's names.

    Raises:
      ValueError: a rule matches no parameter.
    """
    used: set[int] = set()
    result: dict[str, str | None] = {}
    for name in names:
        number, result[name] = _source_name(name, remap)
        if number is not None:
            used.add(number)
    for number, (pattern, _) in enumerate(remap):
        if number not in used:
            raise ValueError(
                f"initial_checkpoint.remap rule {number + 1} ({pattern!r}) matches no parameter, "
                f"or only ones an earlier rule takes. Parameters: {', '.join(sorted(names))}"
            )
    return result


def _source_name(
    name: str, remap: Sequence[tuple[str, str | None]]
) -> tuple[int | None, str | None]:
    """The number of the first rule that matches a name, and what the rules make of the name."""
    for number, (pattern, replacement) in enumerate(remap):
        if match := re.fullmatch(pattern, name):
            return number, None if replacement is None else match.expand(replacement)
    return None, name


@dataclasses.dataclass(frozen=True, kw_only=True)
class InitialCheckpoint:
    """A checkpoint that a fresh run starts from: opened, none of its parameters read yet.

    Attributes:
      config: where it lies, and what is asked of it.
      saved: the model found there.
    """

    config: RestoreConfig
    saved: SavedModel

    @property
    def converter(self) -> FeatureConverter | None:
        """What its prompts look like; None where its files do not say."""
        return self.saved.converter

    def check_train_steps(self, total: Duration) -> None:
        """Asks whether TRAIN_STEPS counts the checkpoint's steps too, where it may.

        T5X's does, so that a gin file of T5X's would train many times as long.

        Args:
          total: TRAIN_STEPS.

        Raises:
          ValueError: TRAIN_STEPS are steps, above the checkpoint's step, and nothing says which is
            meant; with both readings and what to write for each.
        """
        step = self.saved.step
        is_above = total.unit == "steps" and total.amount > step > 0
        if not is_above or self.config.train_steps_are_relative:
            return
        raise ValueError(
            f"TRAIN_STEPS is {total.amount:,}, and INITIAL_CHECKPOINT_PATH {self.config.path} is "
            f"at step {step:,}. Here a run's steps begin at 0; T5X's count those of the checkpoint "
            f"too. For {total.amount - step:,} more steps, as T5X would train, give TRAIN_STEPS = "
            f"{total.amount - step}; for {total.amount:,} more, give "
            "initial_checkpoint.train_steps_are_relative = True "
            "(--gin.initial_checkpoint.train_steps_are_relative=True)."
        )

    def check_model(self, model: TransformerConfig) -> None:
        """Refuses a run whose model is another than the checkpoint's.

        Compares every field that changes what the parameters mean, then names and shapes of what
        the rules of `remap` ask for. Allowed differences are logged.

        Args:
          model: this run's.

        Raises:
          ValueError: listing everything that differs, and how to take the checkpoint's values.
        """
        # Rules say for every parameter where it comes from, so that shapes are theirs to judge.
        ignored = self.saved.not_said | (SHAPE_FIELDS if self.config.remap else set())
        if self.config.interpolate_positions:
            longer_positions.check(model, self.saved.model)
            ignored |= {_MAX_POSITIONS}
        found = model_differences(self.saved.model, model, ignored=ignored)
        allowed = [d for d in found if self._is_allowed(d.field)]
        refused = [d for d in found if not self._is_allowed(d.field)]
        if refused:
            raise ValueError(self._refusal(refused))
        self._check_parameters(model)
        for difference in allowed:
            log.warning(
                "%s: %s is %r in the checkpoint and %r in this run, as "
                "initial_checkpoint.allow_differences allows",
                *(self.config.path, difference.field, difference.first, difference.second),
            )
        for name in sorted(self.saved.not_said):
            log.warning(
                "%s does not say its %s; this run's %r is taken to be right",
                *(self.config.path, name, getattr(model, name)),
            )

    def check_vocabulary(self, vocabulary: Mapping[str, Any]) -> None:
        """Refuses a run whose token ids are not those the embeddings were trained with.

        Args:
          vocabulary: `spec()` of this run's.

        Raises:
          ValueError: the checkpoint has another, and its embeddings are asked for.
        """
        _, embedding = _source_name(_EMBEDDING, self.config.remap)
        if embedding is None or _VOCABULARY in self.config.allow_differences:
            return
        own = self.saved.vocabulary
        if own is None or reads_alike(own, vocabulary):
            return
        raise ValueError(
            f"the vocabulary of INITIAL_CHECKPOINT_PATH {self.config.path} is "
            f"{own.spec()}, but this run's tasks use {vocabulary}: its embeddings "
            "mean other tokens. Set VOCABULARY to the checkpoint's, or keep the embeddings fresh "
            f"with initial_checkpoint.remap = [('{_EMBEDDING}', None)], or, where both give the "
            f'same ids, set initial_checkpoint.allow_differences = ("{_VOCABULARY}",).'
        )

    def warn_of_prompts(self, converter: FeatureConverter) -> None:
        """Says where this run asks the model otherwise than it was asked before.

        Args:
          converter: this run's; it is the checkpoint's but for what DataConfig names.
        """
        if self.converter is None:
            return
        for field in ("prompt_prefix", "prompt_suffix", "targets_suffix"):
            theirs, ours = getattr(self.converter, field), getattr(converter, field)
            if theirs != ours:
                log.warning(
                    "%s: %s is %s in the checkpoint and %s in this run, as DataConfig.bos_id or "
                    "DataConfig.add_eos says; None there takes the checkpoint's",
                    *(self.config.path, field, list(theirs), list(ours)),
                )

    def restore_into(
        self, state: TrainState, shardings: Any, *, added: Collection[str] = ()
    ) -> TrainState:
        """Replaces a fresh state's parameters by the checkpoint's.

        Args:
          state: the freshly initialised state, of a model that `check_model` let pass; what the
            rules keep fresh stays as it is.
          shardings: a TrainState of shardings.
          added: names of parameters that adapters added, which stay as they are too.

        Raises:
          ValueError: the checkpoint is damaged or not finite, or its optimizer's state is
            another's.
        """
        if self.config.restore_optimizer:
            path = self.config.path
            with contextlib.closing(Checkpointer(path, read_only=True)) as checkpointer:
                # A converted folder has no data state.
                restored = checkpointer.restore_state(self.saved.step, abstract(state, shardings))
            self.saved.check_finite(finite.find(restored.params))
            return restored._replace(step=state.step)
        fresh, where = flatten_names(state.params), flatten_names(shardings.params)
        names = source_names(sorted(fresh.keys() - set(added)), self.config.remap)
        wanted: dict[str, jax.ShapeDtypeStruct] = {}
        for name, theirs in names.items():
            if theirs is not None:
                dtypes = [fresh[name].dtype, *([wanted[theirs].dtype] if theirs in wanted else [])]
                wanted[theirs] = jax.ShapeDtypeStruct(
                    self._shape_there(name, fresh[name].shape),
                    jnp.result_type(*dtypes),
                    sharding=where[name],
                )
        read, uses = self.saved.read(wanted), collections.Counter(names.values())
        taken = {
            # Copies where several parameters come from one, for the step donates each.
            name: fresh[name]
            if theirs is None
            else jnp.array(read[theirs], fresh[name].dtype, copy=uses[theirs] > 1)
            for name, theirs in names.items()
        }
        for name in taken:
            if taken[name].shape != fresh[name].shape:
                positions, num_rows = self.saved.model.positions, len(fresh[name])
                assert isinstance(positions, Learned)
                taken[name] = jax.device_put(
                    longer_positions.interpolated(
                        taken[name], num_rows=num_rows, offset=positions.offset
                    ),
                    where[name],
                )
        return state._replace(params=unflatten_names(fresh | taken))

    def _check_parameters(self, model: TransformerConfig) -> None:
        """Compares what the rules ask of the source with what it has; extra names are no error."""
        shapes = flatten_names(param_shapes(model.base))
        names = source_names(list(shapes), self.config.remap)
        wanted = {
            source: self._shape_there(name, tuple(shapes[name].shape))
            for name, source in names.items()
            if source is not None
        }
        offered = {name: tuple(s) for name, s in self.saved.shapes.items() if name in wanted}
        if problems := name_differences(offered, wanted):
            unasked = sorted(set(self.saved.shapes) - set(wanted))
            raise ValueError(
                f"INITIAL_CHECKPOINT_PATH {self.config.path} does not fit this run's model:\n"
                f"{problems}\n"
                f"  in the checkpoint but not asked for: {', '.join(unasked) or 'nothing'}\n"
                "Map names with initial_checkpoint.remap, or use the model's own config."
            )

    def _shape_there(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape in the checkpoint of what one of this run's parameters is made of."""
        if self.config.interpolate_positions and longer_positions.is_table(name):
            return (longer_positions.rows_before(self.saved.model), *shape[1:])
        return shape

    def _is_allowed(self, field: str) -> bool:
        return any(f"{field}.".startswith(f"{name}.") for name in self.config.allow_differences)

    def _refusal(self, differences: Sequence[Difference]) -> str:
        lines = "\n".join(
            f"  {d.field}: {d.first!r} in the checkpoint, {d.second!r} in this run"
            for d in differences
        )
        written = [line for d in differences for line in gin_bindings(self.saved.model, d.field)]
        bindings = "\n".join(f"  {line}" for line in dict.fromkeys(written))
        names = tuple(d.field for d in differences if d.field != _MAX_POSITIONS)
        say_so = f"If the run is to differ, say so: initial_checkpoint.allow_differences = {names}"
        is_longer = any(d.field == _MAX_POSITIONS for d in differences)
        ways = ([say_so] if names else []) + ([_INTERPOLATE] if is_longer else [])
        return (
            f"INITIAL_CHECKPOINT_PATH {self.config.path} ({self.saved.format}) is of another model "
            f"than this run's:\n{lines}\n"
            f"To start from it as it was trained, set in a gin file, after its includes:\n"
            f"{bindings}\n"
            "or take the whole model from the checkpoint: --gin_file=runs/finetune.gin, without a "
            f"model's file. {'. '.join(ways)}"
        )


def open_initial(config: RestoreConfig) -> InitialCheckpoint:
    """Opens what a fresh run starts from; reads no parameters.

    Raises:
      ValueError: nothing restorable there, or nothing that fits the other settings.
    """
    saved = open_saved_model(config.path, named_by="INITIAL_CHECKPOINT_PATH", step=config.step)
    if saved.source is not None and (config.step is not None or config.restore_optimizer):
        raise ValueError(
            "initial_checkpoint.step and restore_optimizer are for t5lite model folders; "
            f"{config.path} is not one (no {DESCRIPTION_FILE})"
        )
    return InitialCheckpoint(config=config, saved=saved)
