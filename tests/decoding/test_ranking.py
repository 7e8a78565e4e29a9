import numpy as np
import pytest

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
