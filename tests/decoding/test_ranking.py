import numpy as np
import pytest

from t5lite.decoding.ranking import num_bytes
from t5lite.decoding.sequence_generator import SequenceGenerator
from tests import feature_converters
from tests.decoding import tiny


@pytest.mark.parametrize("converter", tiny.CONVERTERS)
def test_options_score_as_targets_do(converter):
    config = tiny.config(converter)
    params = tiny.params(config)
    inputs = tiny.prompts([4, 33, 1, 12])
    # Of many lengths, one token alone and id 0 among them, and ones that begin alike.
    options = [
        [[5, 6, 7], [5, 6], [5]],
        [[0], [0, 0, 9, 1]],
        [[8, *range(3, 20)]],
        tiny.prompts(range(1, 12), seed=1),
    ]
    decoder = tiny.decoder(config, converter)
    by_sum = decoder.rank(params, inputs, options)
    by_mean = decoder.rank(params, inputs, options, by="mean")
    counts = [[1 + number for number, _ in enumerate(row)] for row in options]
    by_bytes = decoder.rank(params, inputs, options, by="mean_byte", num_bytes=counts)
    for ranking, by_byte, count in zip(by_sum, by_bytes, counts, strict=True):
        np.testing.assert_allclose(by_byte.scores, ranking.scores / count, rtol=1e-6)
    for prompt, row, ranking, mean in zip(inputs, options, by_sum, by_mean, strict=True):
        expected, lengths = decoder.score(params, [prompt] * len(row), row)
        np.testing.assert_allclose(ranking.scores, expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(mean.scores, expected / lengths, rtol=1e-5, atol=1e-5)
        assert ranking.best == np.argmax(expected)
        assert mean.best == np.argmax(expected / lengths)
    assert any(a.best != b.best for a, b in zip(by_sum, by_mean, strict=True))


def test_an_example_needs_options_with_tokens():
    config = tiny.config()
    decoder = tiny.decoder(config)
    for options in ([[[3]], []], [[[3]], [[4], []]]):
        with pytest.raises(ValueError, match="example 1 has"):
            decoder.rank(tiny.params(config), tiny.prompts([2, 2]), options)


@pytest.mark.parametrize("converter", ["encoder_decoder", "decoder_only"])
def test_unconditional_takes_off_what_an_empty_prompt_gives(converter):
    config = tiny.config(converter)
    params = tiny.params(config)
    inputs, options = tiny.prompts([4, 9]), [[[5, 6], [7]], [[7], [8, 9, 10], [5, 6]]]
    decoder = SequenceGenerator(
        config, converter=feature_converters.converter(converter), eos_ids=(tiny.EOS,), batch_size=2
    )
    # What stands around every text of these models, and nothing between.
    empty = np.array([tiny.EOS] if converter == "encoder_decoder" else [0], np.int32)
    given = decoder.rank(params, inputs, options, by="unconditional")
    for prompt, row, ranking in zip(inputs, options, given, strict=True):
        with_prompt, _ = decoder.score(params, [prompt] * len(row), row)
        without, _ = decoder.score(params, [empty] * len(row), row)
        np.testing.assert_allclose(ranking.scores, with_prompt - without, rtol=1e-5, atol=1e-5)
        assert ranking.best == np.argmax(with_prompt - without)


def test_the_end_token_stands_for_an_empty_prompt_of_a_model_that_puts_nothing_before_texts():
    config = tiny.config("decoder_only")
    params, prompt, options = tiny.params(config), tiny.prompts([4]), [[[5, 6], [7]]]
    decoder = tiny.decoder(config, "decoder_only")
    (found,) = decoder.rank(params, prompt, options, by="unconditional")
    with_prompt, _ = decoder.score(params, prompt * 2, options[0])
    without, _ = decoder.score(params, [[tiny.EOS]] * 2, options[0])
    np.testing.assert_allclose(found.scores, with_prompt - without, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="nothing stands for an empty prompt"):
        tiny.decoder(config, "decoder_only", eos_ids=()).rank(
            params, prompt, options, by="unconditional"
        )


def test_bytes_are_those_of_the_texts():
    assert num_bytes(["a", "é", "日本", "", "\ud800"]) == [1, 2, 6, 0, 3]


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (None, "found None for"),
        ([[1]], r"found \[1\] for \[2\] answers"),
        ([[1, 0]], r"example 0 has answers of \[1, 0\] bytes"),
    ],
)
def test_a_mean_of_bytes_needs_bytes(count, message):
    config = tiny.config()
    with pytest.raises(ValueError, match=message):
        tiny.decoder(config).rank(
            *(tiny.params(config), tiny.prompts([2]), [[[3], [4]]]), by="mean_byte", num_bytes=count
        )
