"""The vocabulary of a run's tasks, and whether a model has embeddings for it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from t5lite.data.tasks import environment, seqio_adapter
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.data.vocabularies.load import same_vocabulary
from t5lite.data.vocabularies.vocabulary import Vocabulary

if TYPE_CHECKING:
    from t5lite.data.data_config import DataConfig

log = logging.getLogger(__name__)

_PADDED_TO = 128  # what the number of embeddings is usually a multiple of


def tasks_vocabulary(config: DataConfig, *, vocab_size: int) -> Vocabulary:
    """The vocabulary that a mixture's tasks share; registers them, and builds nothing.

    Args:
      config: what is trained on.
      vocab_size: the model's embeddings.

    Raises:
      ValueError: a name is not registered, a module cannot be imported, or the model has not as
        many embeddings as the vocabulary wants.
    """
    seqio_adapter.import_tasks(
        config.task_modules, data_dir=config.data_dir, vocabulary=config.vocabulary
    )
    task_names = seqio_adapter.resolve(config.mixture_or_task_name).task_names
    vocabulary = seqio_adapter.token_features(task_names[0])["targets"]
    check_vocabulary_fits(vocabulary, config, vocab_size)
    check_inputs_vocabulary(vocabulary, config, vocab_size)
    return vocabulary


def check_inputs_vocabulary(vocabulary: Vocabulary, config: DataConfig, vocab_size: int) -> None:
    """Compares the vocabulary of inputs with the one of targets, which the model folder keeps.

    Raises:
      ValueError: the model has too few embeddings for the inputs.
    """
    task_names = seqio_adapter.resolve(config.mixture_or_task_name).task_names
    inputs = seqio_adapter.token_features(task_names[0]).get("inputs", vocabulary)
    if "inputs" not in config.task_feature_lengths or same_vocabulary(
        inputs.spec(), vocabulary.spec()
    ):
        return
    if inputs.vocab_size > vocab_size:
        raise ValueError(
            f"the vocabulary of the tasks' inputs has {inputs.vocab_size} ids ({inputs.spec()}), "
            f"but TransformerConfig.vocab_size is {vocab_size}. Set it to at least that."
        )
    log.warning(
        "the tasks' inputs have another vocabulary than their targets: %s, and %s. The model "
        "folder keeps that of the targets. Ask the model with `infer --mixture`: texts of your "
        "own would be tokenised with the targets'",
        *(inputs.spec(), vocabulary.spec()),
    )


def check_vocabulary_fits(vocabulary: Vocabulary, config: DataConfig, vocab_size: int) -> None:
    """Compares the tasks' vocabulary with the number of a model's embeddings.

    Raises:
      ValueError: the model has too few, or far more than the bytes that tasks are tokenised as
        where nobody names a vocabulary.
    """
    found = vocabulary.vocab_size
    if found > vocab_size:
        raise ValueError(
            f"the tasks' vocabulary has {found} ids ({vocabulary.spec()}), but "
            f"TransformerConfig.vocab_size is {vocab_size}. Set TransformerConfig.vocab_size to at "
            "least that, or VOCABULARY to the model's (--vocabulary)."
        )
    is_given = config.vocabulary is not None or environment.vocabulary_is_given()
    padded = -(-found // _PADDED_TO) * _PADDED_TO
    if isinstance(vocabulary, ByteVocabulary) and not is_given and vocab_size > padded:
        raise ValueError(
            f"no VOCABULARY is given, so the tasks are tokenised as bytes, {found} ids, but "
            f"TransformerConfig.vocab_size is {vocab_size}, which is another vocabulary's. Give it "
            "with --vocabulary=PATH, or --vocabulary=bytes where bytes are meant."
        )
