"""Scalings of rotary positions that depend on the length of a text: of each text its own."""

import functools

import jax
import numpy as np
import pytest

from t5lite.data.features.feature_converters import DecoderOnlyFeatureConverter
from t5lite.decoding.config import DecodingConfig
from t5lite.decoding.sequence_generator import SequenceGenerator
from t5lite.models.parameters import bind
from t5lite.models.position_config import Rotary
from t5lite.models.rotary_scaling import DynamicNTKScaling, LongRopeScaling
from tests.models.tiny import encoder_decoder, family, logits, random_tokens, sharp_params

ORIGINAL = 10
SCALINGS = {
    "dynamic": DynamicNTKScaling(factor=2.0, original_length=ORIGINAL),
    "longrope": LongRopeScaling(
        short_factor=(1.0, 1.2, 1.4, 2.0),
        long_factor=(1.5, 2.0, 4.0, 8.0),
        original_length=ORIGINAL,
        attention_factor=1.2,
    ),
}


@pytest.fixture(params=SCALINGS)
def config(request):
    return family("llama", positions=Rotary(theta=500.0, scaling=SCALINGS[request.param]))


def test_packed_texts_are_scaled_by_their_own_lengths(config):
    rng = np.random.default_rng(0)
    params = sharp_params(config)
    lengths = (6, 17, 12, 10)
    texts = [random_tokens(rng, 1, n) for n in lengths]
    alone = [logits(config, params, {"decoder_input_tokens": t}) for t in texts]
    padded = [*texts, np.zeros((1, 5), np.int32)]
    packed = {
        "decoder_input_tokens": np.concatenate(padded, axis=1),
        "decoder_segment_ids": np.repeat([1, 2, 3, 4, 0], [*lengths, 5])[None],
        "decoder_positions": np.concatenate([np.arange(t.shape[1]) for t in padded])[None],
    }
    found = logits(config, params, packed)[:, :-5]
    np.testing.assert_allclose(found, np.concatenate(alone, axis=1), atol=1e-4)
    del packed["decoder_positions"]
    with pytest.raises(ValueError, match=r"needs decoder_positions too: .* scaled by the length"):
        logits(config, params, packed)


def test_decoding_is_as_the_whole_up_to_the_original_length_and_nan_beyond(config):
    params = sharp_params(config)
    tokens = random_tokens(np.random.default_rng(1), 2, ORIGINAL + 1)
    expected = logits(config, params, {"decoder_input_tokens": tokens[:, :ORIGINAL]})
    prompt = {"decoder_input_tokens": tokens[:, :7], "prompt_lengths": np.array([7, 7], np.int32)}
    model = bind(config, params)
    found, cache = model.prefill(prompt, max_decode_length=5)
    step = jax.jit(functools.partial(lambda p, t, c: bind(config, p).step(t, c), params))
    for place in range(7, ORIGINAL):
        np.testing.assert_allclose(found, expected[:, place - 1], atol=1e-4)
        found, cache = step(tokens[:, place], cache)
    np.testing.assert_allclose(found, expected[:, -1], atol=1e-4)
    assert np.all(np.isnan(step(tokens[:, ORIGINAL], cache)[0]))


def test_answers_beyond_the_original_length_are_refused(config):
    lengths = {"inputs": 8, "targets": 8}
    converter = DecoderOnlyFeatureConverter(task_feature_lengths=lengths, eos_id=1)
    generator = SequenceGenerator(config, converter=converter, eos_ids=(1,), batch_size=2)
    generator.check([np.ones(7)], config=DecodingConfig(max_decode_length=4))
    with pytest.raises(ValueError, match=r"the 10 of Rotary\.scaling's original_length"):
        generator.check([np.ones(7)], config=DecodingConfig(max_decode_length=5))


def test_answers_that_are_given_are_scored_as_in_the_whole_text(config):
    rng = np.random.default_rng(2)
    params = sharp_params(config)
    converter = DecoderOnlyFeatureConverter(
        task_feature_lengths={"inputs": 24, "targets": 16}, eos_id=1
    )
    generator = SequenceGenerator(config, converter=converter, eos_ids=(1,), batch_size=2)
    prompts = [random_tokens(rng, 1, n)[0] for n in (3, 8, 20)]
    options = [
        [random_tokens(rng, 1, n)[0] for n in lengths] for lengths in [(2, 15), (3,), (1, 4)]
    ]
    batches: list[int] = []
    found = generator.rank(params, prompts, options, on_batch=batches.append)
    assert sum(batches) == len(prompts)
    for prompt, row, ranking in zip(prompts, options, found, strict=True):
        for option, log_likelihood in zip(row, ranking.log_likelihoods, strict=True):
            text = np.concatenate([prompt, option])[None]
            scores = logits(config, params, {"decoder_input_tokens": text[:, :-1]})
            log_probs = jax.nn.log_softmax(scores)[0, -len(option) :]
            expected = np.take_along_axis(log_probs, option[:, None], axis=-1).sum()
            np.testing.assert_allclose(log_likelihood, expected, atol=1e-4)


def test_lengths_decide_in_decoders_alone():
    with pytest.raises(ValueError, match="must be 'decoder_only' under a scaling"):
        encoder_decoder(d_kv=8, positions=Rotary(scaling=SCALINGS["dynamic"]))
    with pytest.raises(ValueError, match=r"long_factor must hold 3 numbers.* got 4"):
        scaling = LongRopeScaling(
            short_factor=(1.0,) * 3, long_factor=(1.0,) * 4, original_length=9
        )
        family("llama", d_kv=6, positions=Rotary(scaling=scaling))
