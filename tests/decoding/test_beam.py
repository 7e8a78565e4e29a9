"""Beam search against its definition: lists of Python, full forward passes, one row at a time."""

import numpy as np
import pytest

from t5lite.decoding.config import DecodingConfig
from tests.decoding import tiny

LENGTH = 7


def _log_softmax(logits):
    logits = logits.astype(np.float64)
    return logits - np.log(np.exp(logits - logits.max()).sum()) - logits.max()


def _penalty(style, exponent, length):
    return length**exponent if style == "hugging_face" else ((5 + length) / 6) ** exponent


def _naive(config, params, prompt, *, converter, decoding):
    """The best answers with their scores, ends included, and whether any ended by itself."""
    style, num, length = decoding.length_penalty_style, decoding.num_beams, LENGTH
    divide = [_penalty(style, decoding.length_exponent, n) for n in range(1, length + 2)]
    live, finished = [(0.0, [])], []
    for step in range(length):
        grown = []
        for score, answer in live:
            logits = tiny.full_logits(config, params, prompt, answer, converter=converter)
            log_probs = _log_softmax(logits)
            if step < decoding.min_decode_length:
                log_probs[tiny.EOS] = -np.inf
            grown += [(score + lp, [*answer, token]) for token, lp in enumerate(log_probs)]
        grown = sorted(grown, key=lambda pair: -pair[0])[: 2 * num]
        if style == "hugging_face":
            is_last = step + 1 == length
            ended = [pair for pair in grown[:num] if is_last or pair[1][-1] == tiny.EOS]
        else:
            ended = [pair for pair in grown if pair[1][-1] == tiny.EOS]
        finished += [(score / divide[step], answer) for score, answer in ended]
        finished = sorted(finished, key=lambda pair: -pair[0])[:num]
        live = [pair for pair in grown if pair[1][-1] != tiny.EOS][:num]
        farthest = step if style == "hugging_face" else length
        if len(finished) == num and finished[-1][0] > live[0][0] / divide[farthest]:
            break
    live = [(score / divide[step], answer) for score, answer in live]
    return [*finished, *live][: decoding.num_return_sequences], bool(finished)


def _without_end(answer):
    return answer[:-1] if answer[-1] == tiny.EOS else answer


SETTINGS = {
    "n_best": {"num_beams": 3, "num_return_sequences": 3},
    "no_penalty": {"num_beams": 2, "length_penalty": 0.0},
    "long": {"num_beams": 5, "num_return_sequences": 2, "length_penalty": 2.5},
    "minimum": {"num_beams": 2, "num_return_sequences": 2, "min_decode_length": 4},
}


@pytest.mark.parametrize(
    ("setting", "style", "converter", "unstacked"),
    [
        ("n_best", "t5x", "encoder_decoder", True),
        ("no_penalty", "t5x", "prefix_lm", True),
        ("long", "t5x", "decoder_only", False),
        ("minimum", "t5x", "encoder_decoder", True),
        ("n_best", "hugging_face", "encoder_decoder", False),
        ("no_penalty", "hugging_face", "decoder_only", True),
        ("long", "hugging_face", "decoder_only", True),
        ("minimum", "hugging_face", "decoder_only", True),
    ],
    indirect=["unstacked"],
)
def test_beams_are_those_of_the_definition(setting, style, converter, unstacked):
    config = tiny.config(converter, vocab_size=9)
    params = tiny.params(config)
    inputs = tiny.prompts([1, 6, 11, 3], vocab_size=9)
    decoding = DecodingConfig(
        strategy="beam", length_penalty_style=style, max_decode_length=LENGTH, **SETTINGS[setting]
    )
    decoder = tiny.decoder(config, converter, batch_size=4)
    found = decoder.generate(params, inputs, config=decoding)
    for prompt, answers in zip(inputs, found, strict=True):
        expected, _ = _naive(config, params, prompt, converter=converter, decoding=decoding)
        assert [a.tokens.tolist() for a in answers] == [_without_end(a) for _, a in expected]
        np.testing.assert_allclose(
            [answer.score for answer in answers], [score for score, _ in expected], rtol=1e-4
        )
        scored, _ = decoder.score(params, [prompt] * len(answers), [a for _, a in expected])
        log_likelihoods = [answer.log_likelihood for answer in answers]
        np.testing.assert_allclose(log_likelihoods, scored, rtol=1e-5, atol=1e-5)


def test_live_beams_are_answers_where_none_has_ended():
    config = tiny.config(vocab_size=9)
    params = tiny.params(config)
    decoding = DecodingConfig(
        strategy="beam", num_beams=3, num_return_sequences=3, max_decode_length=LENGTH
    )
    decoder = tiny.decoder(config, eos_ids=())
    for answers in decoder.generate(params, tiny.prompts([4, 5], vocab_size=9), config=decoding):
        assert [len(answer.tokens) for answer in answers] == [LENGTH] * 3
        assert len({tuple(answer.tokens) for answer in answers}) == 3
        scores = [answer.score for answer in answers]
        assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("style", ["t5x", "hugging_face"])
def test_a_row_does_not_depend_on_the_batch(style):
    config = tiny.config()
    params = tiny.params(config)
    inputs = tiny.prompts([5, 30, 9, 40, 2])
    decoding = DecodingConfig(
        strategy="beam",
        num_beams=4,
        num_return_sequences=4,
        length_penalty_style=style,
        max_decode_length=20,
    )
    together = tiny.decoder(config, batch_size=5).generate(params, inputs, config=decoding)
    del together[3], inputs[3]  # the longest; without it the others are padded to half as much
    alone = tiny.decoder(config, batch_size=1).generate(params, inputs, config=decoding)
    for one, other in zip(together, alone, strict=True):
        assert [a.tokens.tolist() for a in one] == [a.tokens.tolist() for a in other]


def test_several_ends_and_repetition():
    """Every beam may end in each of several ways, and go on all the same."""
    config = tiny.config("decoder_only", vocab_size=9)
    params = tiny.params(config)
    inputs = tiny.prompts([4, 2], vocab_size=9)
    decoding = DecodingConfig(
        strategy="beam",
        num_beams=3,
        num_return_sequences=3,
        stop_ids=(4, 5, 6),
        repetition_penalty=1.5,
        max_decode_length=LENGTH,
    )
    decoder = tiny.decoder(config, "decoder_only")
    for answers in decoder.generate(params, inputs, config=decoding):
        assert len({(*answer.tokens, answer.log_likelihood) for answer in answers}) == 3
        for answer in answers:
            assert not {tiny.EOS, 4, 5, 6} & set(answer.tokens.tolist())
