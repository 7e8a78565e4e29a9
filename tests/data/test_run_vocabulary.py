"""The tasks' vocabulary against the model's embeddings, before anything is built."""

import pytest

from t5lite.data.data_config import DataConfig
from t5lite.data.run_vocabulary import check_inputs_vocabulary, check_vocabulary_fits
from t5lite.data.tasks import environment
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary


def check(vocab_size, *, extra_ids=0, vocabulary=None):
    config = DataConfig(
        mixture_or_task_name="x",
        task_feature_lengths={"inputs": 4, "targets": 4},
        batch_size=1,
        vocabulary=vocabulary,
    )
    check_vocabulary_fits(ByteVocabulary(extra_ids), config, vocab_size)


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch):
    monkeypatch.delenv(environment.VOCABULARY_VARIABLE, raising=False)


def test_bytes_that_nobody_asked_for_do_not_meet_a_model_of_words(monkeypatch):
    with pytest.raises(ValueError, match=r"no VOCABULARY .* 259 ids.* 32128.*--vocabulary=PATH"):
        check(32128)
    check(32128, vocabulary="bytes")
    monkeypatch.setenv(environment.VOCABULARY_VARIABLE, "bytes")
    check(32128)


def test_bytes_fit_a_model_of_bytes():
    check(259)
    check(384)
    check(384, extra_ids=125)
    check(512, extra_ids=126)


def test_an_id_needs_an_embedding():
    with pytest.raises(ValueError, match=r"has 259 ids .*vocab_size is 258"):
        check(258, vocabulary="bytes")


def test_inputs_of_another_vocabulary(caplog, own_tasks):
    seqio = pytest.importorskip("seqio")
    import tensorflow as tf

    def dataset_fn(split, shuffle_files):
        return tf.data.Dataset.from_tensors({"inputs": [300], "targets": [5]})

    features = {
        "inputs": seqio.Feature(seqio.PassThroughVocabulary(400)),
        "targets": seqio.Feature(seqio.ByteVocabulary()),
    }
    seqio.TaskRegistry.add(
        "test_two_vocabularies",
        source=seqio.FunctionDataSource(dataset_fn, splits=["train"]),
        output_features=features,
    )
    for lengths, vocab_size in (({"inputs": 4, "targets": 4}, 400), ({"targets": 4}, 259)):
        config = DataConfig(
            mixture_or_task_name="test_two_vocabularies",
            task_feature_lengths=lengths,
            batch_size=1,
            converter="encoder_decoder" if len(lengths) > 1 else "decoder_only",
        )
        check_inputs_vocabulary(ByteVocabulary(), config, vocab_size)
        warned = "inputs have another vocabulary than their targets" in caplog.text
        assert warned == (len(lengths) > 1)
        caplog.clear()
        if warned:
            with pytest.raises(ValueError, match=r"inputs has 400 ids.*vocab_size is 399"):
                check_inputs_vocabulary(ByteVocabulary(), config, 399)
