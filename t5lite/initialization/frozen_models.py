"""The further models that an objective reads, such as a teacher: opened, compared, loaded.

Checkpoints of the run do not hold them; its configuration names their paths, so that a run that
resumes reads them again.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from typing import Any

import jax

from t5lite import sharding
from t5lite.checkpoints.model_dir import PROMPT_FIELDS, RUNTIME_FIELDS
from t5lite.checkpoints.name_differences import name_differences
from t5lite.data.features.feature_converters import FeatureConverter
from t5lite.data.vocabularies.load import vocabulary_from_spec
from t5lite.initialization.model_differences import reads_alike
from t5lite.initialization.saved_model import SavedModel, open_saved_model
from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import flatten_names, param_axes, param_shapes, unflatten_names
from t5lite.training.objective import Objective
from t5lite.training.parameter_groups import FrozenDtype
from t5lite.training.state import FrozenModel

log = logging.getLogger(__name__)


def open_frozen_models(
    objective: Objective, *, model: TransformerConfig, vocabulary: Mapping[str, Any] | None
) -> dict[str, SavedModel]:
    """Opens what an objective asks for; reads no parameters.

    Args:
      objective: the run's.
      model: the run's; the others run as it does (type, scan, remat).
      vocabulary: `spec()` of the run's; None where it is not known, and not compared.

    Returns:
      The models by the objective's names.

    Raises:
      ValueError: there is no such checkpoint, or it is of another architecture or vocabulary.
    """
    kind, paths = type(objective).__name__, objective.frozen_models
    if not isinstance(paths, Mapping):
        raise ValueError(
            f"{kind}.frozen_models is {paths!r}: it gives a dictionary of the paths of checkpoints "
            "by name (docs/objective.md)."
        )
    opened = {}
    for name, path in paths.items():
        if not isinstance(path, str):
            raise ValueError(
                f"{kind}.{name} is {path!r}, which is no path. frozen_models gives the path of a "
                "checkpoint for each name; leave out what is not wanted."
            )
        saved = open_saved_model(path, named_by=f"{kind}.{name}")
        _check_architecture(saved, model)
        if vocabulary is not None:
            _check_vocabulary(saved, vocabulary)
        for field in sorted(saved.not_said):
            log.warning(
                "%s %s does not say its %s; it is taken to be %r",
                *(saved.named_by, path, field, getattr(saved.model, field)),
            )
        like_run = {field: getattr(model, field) for field in RUNTIME_FIELDS}
        opened[name] = dataclasses.replace(
            saved, model=dataclasses.replace(saved.model, **like_run)
        )
    return opened


def frozen_shapes(
    opened: Mapping[str, SavedModel],
    *,
    converter: FeatureConverter,
    mesh: jax.sharding.Mesh,
    dtype: FrozenDtype,
) -> dict[str, FrozenModel]:
    """What `load_frozen_models` will give, with shapes in place of arrays.

    Args:
      opened: what `open_frozen_models` gave.
      converter: makes rows as long as the run's.
      mesh: where the run's parameters lie.
      dtype: the type in which they are held.

    Raises:
      ValueError: a model cannot read rows so long, or the mesh does not divide its parameters.
    """
    shapes = {}
    for name, saved in opened.items():
        try:
            converter.check_model(saved.model)
            converter.check_rows(saved.model)
        except ValueError as error:
            raise ValueError(f"{saved.named_by} {saved.path}: {error}") from error
        whole = param_shapes(saved.model)
        params = jax.tree.map(
            lambda leaf, where: jax.ShapeDtypeStruct(leaf.shape, dtype, sharding=where),
            whole,
            sharding.param_shardings(whole, param_axes(saved.model), mesh),
        )
        shapes[name] = FrozenModel(config=saved.model, params=params)
    return shapes


def load_frozen_models(
    opened: Mapping[str, SavedModel],
    shapes: Mapping[str, FrozenModel],
    *,
    converter: FeatureConverter,
) -> dict[str, FrozenModel]:
    """Reads their parameters, sharded as the run's own are.

    Args:
      opened: what `open_frozen_models` gave.
      shapes: what `frozen_shapes` gave.
      converter: the run's, whose rows they read too.

    Raises:
      ValueError: a model was trained on rows of another form, or its parameters do not fit its
        config or are not finite.
    """
    loaded = {}
    for name, saved in opened.items():
        _check_rows(saved, converter)
        wanted = flatten_names(shapes[name].params)
        offered = {parameter: tuple(shape) for parameter, shape in saved.shapes.items()}
        if problems := name_differences(offered, {n: leaf.shape for n, leaf in wanted.items()}):
            raise ValueError(
                f"{saved.named_by} {saved.path} holds other parameters than its own config says:"
                f"\n{problems}\nRestore it from a copy, or give another checkpoint."
            )
        params = unflatten_names(saved.read(wanted))
        loaded[name] = FrozenModel(config=saved.model, params=params)
        log.info("%s: %s, frozen", saved.named_by, saved.path)
    return loaded


def _check_architecture(saved: SavedModel, model: TransformerConfig) -> None:
    if saved.model.architecture != model.architecture:
        raise ValueError(
            f"{saved.named_by} {saved.path} is a model of architecture "
            f"{saved.model.architecture!r}, and the run's is {model.architecture!r}: they read "
            f"other batches. Give a checkpoint of a model that is {model.architecture!r}."
        )


def _check_vocabulary(saved: SavedModel, vocabulary: Mapping[str, Any]) -> None:
    own, size = saved.vocabulary, vocabulary_from_spec(vocabulary).vocab_size
    if saved.model.vocab_size >= size and (own is None or reads_alike(own, vocabulary)):
        return
    found = f"{saved.model.vocab_size} ids" if own is None else f"the vocabulary {own.spec()}"
    raise ValueError(
        f"{saved.named_by} {saved.path} has {found}, and this run's tasks use {vocabulary}: their "
        "ids mean other tokens. Set VOCABULARY to that checkpoint's, or give a checkpoint of the "
        "run's vocabulary."
    )


def _check_rows(saved: SavedModel, converter: FeatureConverter) -> None:
    """Refuses rows that the model was not trained to read."""
    if saved.converter is None:
        return
    theirs, ours = saved.converter.to_dict(), converter.to_dict()
    differences = [
        f"  {name}: {theirs.get(name)!r} there, {ours.get(name)!r} in this run"
        for name in PROMPT_FIELDS
        if theirs.get(name) != ours.get(name)
    ]
    if differences:
        raise ValueError(
            f"{saved.named_by} {saved.path} was trained on rows of another form:\n"
            + "\n".join(differences)
            + "\nSet DataConfig.converter, DataConfig.bos_id and DataConfig.add_eos as they "
            "are there, or give a checkpoint that was trained as this run is."
        )
