"""Starting a run from parameters made elsewhere: a t5lite folder, or any other format.

Resuming a run is not this: `train` resumes by itself from its own MODEL_DIR, which always wins.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from t5lite import convert
from t5lite.checkpoints import Checkpointer, abstract, name_differences
from t5lite.model_dir import DESCRIPTION_FILE, ModelDescription, same_vocabulary
from t5lite.models.parameters import flatten_names, unflatten_names
from t5lite.training.state import TrainState


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
    """

    path: str
    step: int | None = None
    remap: Sequence[tuple[str, str | None]] = ()
    restore_optimizer: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError for malformed rules."""
        for number, rule in enumerate(self.remap, start=1):
            try:
                pattern, _ = rule
                re.compile(pattern)
            except (re.error, ValueError, TypeError) as error:
                raise ValueError(
                    f"RestoreConfig.remap rule {number} {rule!r} is not (pattern, replacement or "
                    f"None): {error}"
                ) from error
        if self.restore_optimizer and self.remap:
            raise ValueError(
                "RestoreConfig.restore_optimizer needs the same parameters as the source; "
                "drop remap or restore the parameters only"
            )


def initial_checkpoint(
    path: str | None = None,
    *,
    step: int | None = None,
    remap: Sequence[tuple[str, str | None]] = (),
    restore_optimizer: bool = False,
) -> RestoreConfig | None:
    """A `RestoreConfig`, or None where no path is given; gin files have no `if`."""
    if path is None:
        return None
    return RestoreConfig(path=path, step=step, remap=remap, restore_optimizer=restore_optimizer)


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
        result[name] = name
        for number, (pattern, replacement) in enumerate(remap):
            match = re.fullmatch(pattern, name)
            if match:
                used.add(number)
                result[name] = None if replacement is None else match.expand(replacement)
                break
    for number, (pattern, _) in enumerate(remap):
        if number not in used:
            raise ValueError(
                f"RestoreConfig.remap rule {number + 1} ({pattern!r}) matches no parameter, or "
                f"only ones an earlier rule takes. Parameters: {', '.join(sorted(names))}"
            )
    return result


def restore_into(
    state: TrainState, config: RestoreConfig, *, description: ModelDescription, shardings: Any
) -> TrainState:
    """Replaces a fresh state's parameters by those of `config.path`.

    Args:
      state: the freshly initialised state; what the rules keep fresh stays as it is.
      config: where from.
      description: of this run's model; its vocabulary must be the source's.
      shardings: a TrainState of shardings.

    Raises:
      ValueError: nothing restorable there, names or shapes that do not match (all listed), or
        another vocabulary.
    """
    path = pathlib.Path(config.path)
    if not path.exists():
        raise ValueError(f"INITIAL_CHECKPOINT_PATH {path} does not exist")
    fresh = flatten_names(state.params)
    names = source_names(list(fresh), config.remap)
    if (path / DESCRIPTION_FILE).exists():
        return _from_model_dir(state, config, names, description, shardings)
    if config.step is not None or config.restore_optimizer:
        raise ValueError(
            "RestoreConfig.step and restore_optimizer are for t5lite model folders; "
            f"{path} is not one (no {DESCRIPTION_FILE})"
        )
    source = convert.parameters(convert.open_foreign(path).arrays)
    _check(path, {name: array.shape for name, array in source.items()}, fresh, names)
    where = flatten_names(shardings.params)
    taken = {
        name: fresh[name] if theirs is None else jax.device_put(source[theirs].read(), where[name])
        for name, theirs in names.items()
    }
    return state._replace(params=unflatten_names(taken))


def _from_model_dir(
    state: TrainState,
    config: RestoreConfig,
    names: Mapping[str, str | None],
    description: ModelDescription,
    shardings: Any,
) -> TrainState:
    theirs = ModelDescription.load(config.path)
    embeds = names.get("token_embedder/embedding") is not None
    if embeds and not same_vocabulary(theirs.vocabulary, description.vocabulary):
        raise ValueError(
            f"the vocabulary of INITIAL_CHECKPOINT_PATH {config.path} is {theirs.vocabulary}, but "
            f"this run's tasks use {description.vocabulary}: its embeddings mean other tokens. Set "
            "VOCABULARY to the checkpoint's, or keep the embeddings fresh with "
            "RestoreConfig.remap = [('token_embedder/.*', None)]."
        )
    checkpointer = Checkpointer(config.path, read_only=True)
    steps = checkpointer.all_steps()
    step = steps[-1] if config.step is None and steps else config.step
    if step not in steps:
        raise ValueError(f"{config.path} has no checkpoint of step {step}; it has {steps}")
    try:
        if config.restore_optimizer:
            # A converted folder has no data state.
            restored = checkpointer.restore_state(step, abstract(state, shardings))
            return restored._replace(step=state.step)
        fresh, where = flatten_names(state.params), flatten_names(shardings.params)
        saved = {
            name.removeprefix("params/"): shape
            for name, shape in checkpointer.saved_shapes(step).items()
            if name.startswith("params/")
        }
        _check(pathlib.Path(config.path), saved, fresh, names)
        wanted = {
            source: jax.ShapeDtypeStruct(fresh[name].shape, fresh[name].dtype, sharding=where[name])
            for name, source in names.items()
            if source is not None
        }
        source_params = flatten_names(checkpointer.restore_part(step, unflatten_names(wanted)))
    finally:
        checkpointer.close()
    taken = {
        # A copy, for several parameters may come from one, and the step donates each.
        name: fresh[name] if source is None else jnp.copy(source_params[source])
        for name, source in names.items()
    }
    return state._replace(params=unflatten_names(taken))


def _check(
    path: pathlib.Path,
    saved: Mapping[str, tuple[int, ...]],
    fresh: Mapping[str, Any],
    names: Mapping[str, str | None],
) -> None:
    """Compares what the rules ask of the source with what it has; extra names are no error."""
    wanted = {
        source: tuple(fresh[name].shape) for name, source in names.items() if source is not None
    }
    offered = {name: tuple(shape) for name, shape in saved.items() if name in wanted}
    problems = name_differences(offered, wanted)
    if problems:
        unasked = sorted(set(saved) - set(wanted))
        raise ValueError(
            f"INITIAL_CHECKPOINT_PATH {path} does not fit this run's model:\n{problems}\n"
            f"  in the checkpoint but not asked for: {', '.join(unasked) or 'nothing'}\n"
            "Map names with RestoreConfig.remap, or use the model's own config."
        )
