"""A model folder as `train` leaves it, with random parameters."""

import shutil

import jax.numpy as jnp

from t5lite.checkpoints.checkpointer import Checkpointer
from t5lite.checkpoints.model_dir import ModelDescription
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.training.state import TrainState
from tests import feature_converters
from tests.decoding import tiny

LENGTHS = feature_converters.LENGTHS
STEP = 3


def save(folder, converter="encoder_decoder", *, vocabulary=None, config=None):
    """Writes it; returns its config and parameters.

    Args:
      folder: where to.
      converter: a feature converter, or the name of one.
      vocabulary: bytes when None.
      config: a tiny model when None.
    """
    vocabulary = vocabulary or ByteVocabulary()
    if isinstance(converter, str):
        converter = feature_converters.converter(converter, eos_id=vocabulary.eos_id)
    if config is None:
        config = tiny.config(converter.architecture, vocab_size=264)
    params = tiny.params(config)
    folder.mkdir(exist_ok=True)
    ModelDescription(
        model=config,
        vocabulary=vocabulary.spec(),
        converter=converter,
    ).save(folder)
    save_params(folder, params)
    return config, params


def save_params(folder, params):
    """Writes their checkpoint; one that is there is replaced, as by training anew."""
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    checkpointer = Checkpointer(folder)
    state = TrainState(step=jnp.int32(STEP), params=params, opt_state={})
    checkpointer.save(STEP, state, data_state={}, config="", metrics={})
    checkpointer.close()
