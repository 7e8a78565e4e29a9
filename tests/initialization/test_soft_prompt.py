"""Soft prompts: what they start from, and that they learn while the model stays as it is."""

import numpy as np
import pytest

from t5lite.data.features.feature_converters import make_feature_converter
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.initialization.soft_prompt import soft_prompt_rows, start_soft_prompt
from t5lite.models.adapter_config import PromptTuning
from t5lite.models.parameters import flatten_names
from t5lite.training.cross_entropy import CrossEntropy
from t5lite.training.optimizers import adamw
from tests.models.tiny import decoder_only, sharp_params
from tests.training.programs import program_of, state_of, step_of

VOCABULARY = ByteVocabulary()


def test_what_it_starts_from():
    text = soft_prompt_rows(PromptTuning(num_tokens=5, init="text", text="ab"), VOCABULARY, seed=0)
    a, b = VOCABULARY.encode("ab")
    assert text.tolist() == [a, b, a, b, a]
    drawn = soft_prompt_rows(PromptTuning(num_tokens=200), VOCABULARY, seed=0)
    assert len(set(drawn)) == 200 and drawn.max() < VOCABULARY.vocab_size
    again = soft_prompt_rows(PromptTuning(num_tokens=200), VOCABULARY, seed=1)
    assert not np.array_equal(drawn, again)
    assert len(soft_prompt_rows(PromptTuning(num_tokens=900), VOCABULARY, seed=0)) == 900

    class Mute:
        vocab_size = 10

        def encode(self, text):
            return []

    with pytest.raises(ValueError, match=r"PromptTuning.text is 'x', which has no tokens"):
        soft_prompt_rows(PromptTuning(init="text", text="x"), Mute(), seed=0)


def test_it_learns_what_the_frozen_model_does_not_know():
    adapter = PromptTuning(num_tokens=4, init="text", text="ab")
    config = decoder_only(num_decoder_layers=1, vocab_size=300, adapters=(adapter,))
    program = program_of(config, CrossEntropy(z_loss=0.0), adamw(0.3))
    assert set(program.partition.multipliers) == {"token_embedder/soft_prompt"}
    state = start_soft_prompt(
        state_of(program, sharp_params(config)),
        config,
        vocabulary=VOCABULARY,
        seed=0,
        shardings=program.shardings,
    )
    before = {name: np.asarray(leaf) for name, leaf in flatten_names(state.params).items()}
    a, b = VOCABULARY.encode("ab")
    np.testing.assert_array_equal(
        before["token_embedder/soft_prompt"], before["token_embedder/embedding"][[a, b, a, b]]
    )
    converter = make_feature_converter(
        "decoder_only",
        task_feature_lengths={"inputs": 6, "targets": 6},
        eos_id=1,
        prompt_prefix=(0,),
    ).for_model(config)
    # Two examples of a row, each behind a soft prompt of its own.
    batch = converter.convert(
        [np.array([7, 8, 9], np.int32), np.array([20, 21, 20, 21], np.int32)],
        lengths_NF=np.array([[1, 2], [2, 2]]),
        row_N=np.array([0, 0]),
        num_rows=1,
    )
    assert (batch["decoder_input_tokens"] >= 300).sum() == 8
    assert batch["decoder_loss_weights"].sum() == 4
    step = step_of(program)
    losses = []
    for _ in range(150):
        state, metrics, _ = step(state, batch, {})
        losses.append(float(metrics["loss"]))
    assert losses[0] > 3 and losses[-1] < 0.5 * losses[0]
    for name, leaf in flatten_names(state.params).items():
        assert np.array_equal(leaf, before[name]) == (name != "token_embedder/soft_prompt")
