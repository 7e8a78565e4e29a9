"""A run whose model is that of the checkpoint it starts from, and needs no gin file of one."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import NamedTuple

import jax

from t5lite.checkpoints.checkpointer import has_checkpoint
from t5lite.checkpoints.model_dir import DESCRIPTION_FILE, ModelDescription
from t5lite.convert.cached import model_folder
from t5lite.convert.load import EXTERNAL_FORMATS
from t5lite.data.data_config import DataConfig
from t5lite.data.features.feature_converters import ConverterName
from t5lite.data.vocabularies.load import format_vocabulary, vocabulary_from_spec
from t5lite.initialization.restore import RestoreConfig
from t5lite.messages.ranges import Rate
from t5lite.messages.value_types import check_numbers
from t5lite.models.adapter_config import Adapter
from t5lite.models.config import TransformerConfig


class ChosenModel(NamedTuple):
    """What a run is given once its model is known.

    Attributes:
      model: the model's config.
      train_data: with the model's converter, and its vocabulary unless another was given.
      initial_checkpoint: a t5lite model folder.
    """

    model: TransformerConfig
    train_data: DataConfig
    initial_checkpoint: RestoreConfig | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelOfCheckpoint:
    """Stands where a TransformerConfig would: the model of the checkpoint that the run starts from.

    The checkpoint also says which vocabulary the run has, and what stands around its prompts. Each
    of these fields is as in the checkpoint's config where it is None; see TransformerConfig.

    Attributes:
      dropout_rate: probability of dropping.
      dtype: type of activations.
      float32_attention_logits: whether attention logits stay float32.
      scan_layers: whether a stack runs as one `lax.scan` or as a loop.
      remat: what the backward pass recomputes.
      attention_implementation: what computes attention; no checkpoint holds it.
      adapters: what is trained in place of the model; a run that resumes has its folder's.
    """

    dropout_rate: Rate | None = None
    dtype: str | None = None
    float32_attention_logits: bool | None = None
    scan_layers: bool | None = None
    remat: str | None = None
    attention_implementation: str = "auto"
    adapters: tuple[Adapter, ...] | None = None

    def __post_init__(self) -> None:
        check_numbers(self, of=ModelOfCheckpoint)

    def choose(
        self,
        train_data: DataConfig,
        initial_checkpoint: RestoreConfig | None,
        *,
        model_dir: pathlib.Path,
    ) -> ChosenModel:
        """Takes the model from the run's own folder if it resumes there, else from the checkpoint.

        A checkpoint of another format is converted first, once, into the cache folder.

        Args:
          train_data: what to train on. A vocabulary is only given for a checkpoint that holds none.
          initial_checkpoint: what a fresh run starts from.
          model_dir: the run's folder.

        Raises:
          ValueError: there is no checkpoint to start from; or it cannot be read, or it holds no
            tokenizer and there is no vocabulary.
        """
        source = model_dir
        if not has_checkpoint(model_dir):
            if initial_checkpoint is None:
                raise ValueError(
                    "train.model is @ModelOfCheckpoint(), the model of the checkpoint that the run "
                    "starts from, and there is none. Give --initial_checkpoint_path (macro "
                    "INITIAL_CHECKPOINT_PATH), or a model's file such as "
                    "--gin_file=models/t5_1_1/small.gin."
                )
            source = model_folder(
                initial_checkpoint.path,
                vocabulary=train_data.vocabulary,
                cache_dir=train_data.cache_dir,
                named_by="INITIAL_CHECKPOINT_PATH",
                is_alone=jax.process_count() == 1,
            )
            initial_checkpoint = dataclasses.replace(initial_checkpoint, path=str(source))
        description = ModelDescription.load(source)
        changes = {name: value for name, value in vars(self).items() if value is not None}
        return ChosenModel(
            dataclasses.replace(description.model, **changes),
            _with_form_of(train_data, description),
            initial_checkpoint,
        )


def check_run_folder(folder: pathlib.Path) -> None:
    """Refuses to train in a folder that holds somebody else's model.

    Raises:
      ValueError: it holds a checkpoint of another format.
    """
    if not folder.exists() or (folder / DESCRIPTION_FILE).exists():
        return
    for format_ in EXTERNAL_FORMATS:
        if format_.recognise(folder):
            raise ValueError(
                f"MODEL_DIR {folder} holds a checkpoint of another format: {format_.looked_for}. A "
                "run needs a folder of its own. Give it another --model_dir, and to start from "
                f"that model --initial_checkpoint_path={folder} with --gin_file=runs/finetune.gin."
            )


def _with_form_of(train_data: DataConfig, description: ModelDescription) -> DataConfig:
    """The data in the form that the model reads; what was said otherwise on purpose stays."""
    vocabulary = format_vocabulary(vocabulary_from_spec(description.vocabulary))
    record = description.converter.to_dict()
    converter: ConverterName = "prefix_lm" if record.get("prefix_lm") else record["converter"]
    # encoder_decoder is what DataConfig has where nothing was said.
    if train_data.converter != "encoder_decoder":
        converter = train_data.converter
    return dataclasses.replace(
        train_data, vocabulary=train_data.vocabulary or vocabulary, converter=converter
    )
