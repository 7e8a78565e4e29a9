"""A model in a checkpoint of any format: opened first, its parameters read when asked for."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import pathlib
import tempfile
from collections.abc import Mapping

import jax

from t5lite import convert
from t5lite.checkpoints.checkpointer import Checkpointer
from t5lite.checkpoints.model_dir import DESCRIPTION_FILE, ModelDescription
from t5lite.convert.finite import noting
from t5lite.convert.frame import with_frame_of
from t5lite.convert.model_folder import feature_converter
from t5lite.convert.source import Source
from t5lite.convert.vocabulary import own_vocabulary
from t5lite.data.features.feature_converters import FeatureConverter
from t5lite.data.vocabularies.load import vocabulary_from_spec
from t5lite.data.vocabularies.vocabulary import Vocabulary
from t5lite.files.buckets import local_copy
from t5lite.files.local_paths import storage_path
from t5lite.models import finite
from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import flatten_names, unflatten_names

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SavedModel:
    """A model in a checkpoint; nothing of its parameters is read yet.

    Attributes:
      path: where the checkpoint lies.
      named_by: the setting that gives the path, for messages.
      format: its format, as messages call it.
      model: the model's config.
      not_said: fields of `model` that its files do not say.
      shapes: of its parameters, by name.
      vocabulary: its vocabulary; None where its files hold none.
      converter: what its prompts look like; None where its files do not say.
      step: how many updates it was trained for, 0 where its files do not say; of a t5lite model
        folder, which checkpoint.
      source: what a checkpoint of another format holds; None for a t5lite folder.
    """

    path: str
    named_by: str
    format: str
    model: TransformerConfig
    not_said: frozenset[str] = frozenset()
    shapes: Mapping[str, tuple[int, ...]]
    vocabulary: Vocabulary | None = None
    converter: FeatureConverter | None = None
    step: int = 0
    source: Source | None = None

    def read(self, wanted: Mapping[str, jax.ShapeDtypeStruct]) -> dict[str, jax.Array]:
        """Reads parameters.

        Args:
          wanted: their shapes, types and shardings, by the checkpoint's own names.

        Raises:
          ValueError: the checkpoint is damaged, or what is read is not finite.
        """
        if self.source is not None:
            not_finite: dict[str, finite.NonFinite] = {}
            stored = convert.parameters(noting(self.source.arrays, not_finite))
            arrays = {
                name: jax.device_put(stored[name].read().astype(leaf.dtype), leaf.sharding)
                for name, leaf in wanted.items()
            }
            self.check_finite(list(not_finite.values()))
            return arrays
        with contextlib.closing(Checkpointer(self.path, read_only=True)) as checkpointer:
            params = checkpointer.restore_part(self.step, unflatten_names(wanted))
        self.check_finite(finite.find(params))
        return flatten_names(params)

    def check_finite(self, found: list[finite.NonFinite]) -> None:
        """Raises ValueError where something was found that is not finite."""
        if found:
            raise ValueError(
                f"{self.named_by} {self.path} holds parameters that are not finite, "
                f"from which nothing is learned:\n{finite.describe(found)}\n"
                "Start from an earlier checkpoint, or copy it again"
            )


def open_saved_model(path: str, *, named_by: str, step: int | None = None) -> SavedModel:
    """Opens a checkpoint; reads no parameters.

    Args:
      path: a t5lite model folder, or a checkpoint of any format that `t5lite convert` reads.
      named_by: the setting that gives the path, for messages.
      step: which checkpoint of a t5lite model folder; the latest when None.

    Raises:
      ValueError: there is nothing at `path`, or nothing that can be read.
    """
    folder = storage_path(path, name=named_by)
    if not folder.exists():
        raise ValueError(
            f"{named_by} {folder} does not exist. It is a folder or file on this "
            "machine or in a bucket."
        )
    if (folder / DESCRIPTION_FILE).exists():
        return _open_model_folder(path, named_by=named_by, step=step)
    source = convert.open_external(local_copy(folder))
    vocabulary = _vocabulary_of(source)
    return SavedModel(
        path=path,
        named_by=named_by,
        format=source.format,
        model=source.config,
        not_said=source.not_said,
        shapes={n: array.shape for n, array in convert.parameters(source.arrays).items()},
        vocabulary=vocabulary,
        converter=None if vocabulary is None else _converter_of(source, vocabulary),
        step=source.step,
        source=source,
    )


def _open_model_folder(path: str, *, named_by: str, step: int | None) -> SavedModel:
    description = ModelDescription.load(path)
    if description.base is not None:
        raise ValueError(
            f"{named_by} {path} holds adapters of the model in {description.base.path}, and no "
            f"model. Merge the two first, `t5lite convert {path} FOLDER --to=t5lite`, and give "
            "FOLDER."
        )
    with contextlib.closing(Checkpointer(path, read_only=True)) as checkpointer:
        step = checkpointer.step_or_latest(step)
        shapes = checkpointer.saved_shapes(step)
    return SavedModel(
        path=path,
        named_by=named_by,
        format="t5lite",
        model=description.model,
        shapes={
            name.removeprefix("params/"): shape
            for name, shape in shapes.items()
            if name.startswith("params/")
        },
        vocabulary=vocabulary_from_spec(description.vocabulary),
        converter=description.converter,
        step=step,
    )


def _vocabulary_of(source: Source) -> Vocabulary | None:
    with tempfile.TemporaryDirectory() as scratch:
        try:
            return own_vocabulary(source, scratch=pathlib.Path(scratch))
        except ValueError as error:
            # Parameters are asked for; the run has a vocabulary of its own.
            log.warning("the tokenizer of %s is not looked at: %s", source.path, error)
            return None


def _converter_of(source: Source, vocabulary: Vocabulary) -> FeatureConverter:
    return feature_converter(with_frame_of(source, vocabulary, is_own=True), vocabulary)
