import numpy as np
import pytest

from t5lite import memory
from t5lite.decoding import ranking
from t5lite.decoding.config import DecodingConfig
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
    for found, by_byte, count in zip(by_sum, by_bytes, counts, strict=True):
        np.testing.assert_allclose(by_byte.scores, found.scores / count, rtol=1e-6)
    for prompt, row, found, mean in zip(inputs, options, by_sum, by_mean, strict=True):
        expected = [tiny.naive_score(config, params, prompt, o, converter=converter) for o in row]
        lengths = np.array([len(option) for option in row])
        np.testing.assert_allclose(found.scores, expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(mean.scores, expected / lengths, rtol=1e-5, atol=1e-5)
        assert found.best == np.argmax(expected)
        assert mean.best == np.argmax(expected / lengths)
    assert any(a.best != b.best for a, b in zip(by_sum, by_mean, strict=True))


@pytest.mark.parametrize("converter", ["encoder_decoder", "decoder_only"])
def test_an_answer_that_greedy_decoding_gives_is_greedy(converter):
    config = tiny.config(converter)
    params, inputs = tiny.params(config), tiny.prompts([4, 33, 9])
    decoder = tiny.decoder(config, converter)
    decoding = DecodingConfig(max_decode_length=4)
    written = [row[0].tokens for row in decoder.generate(params, inputs, config=decoding)]
    options = [[tokens, tokens[:1], [*tokens[:-1], 2], [2, *tokens[1:]]] for tokens in written]
    by_mean = decoder.rank(params, inputs, options, by="mean")
    for found, row in zip(by_mean, options, strict=True):
        assert found.is_greedy.tolist() == [True, True, False, False]
        np.testing.assert_allclose(found.log_likelihoods, found.scores * [len(o) for o in row])


def test_an_example_needs_options_with_tokens():
    config = tiny.config()
    decoder = tiny.decoder(config)
    for options in ([[[3]], []], [[[3]], [[4], []]]):
        with pytest.raises(ValueError, match="example 1 has"):
            decoder.rank(tiny.params(config), tiny.prompts([2, 2]), options)


@pytest.mark.parametrize("converter", ["encoder_decoder", "decoder_only"])
def test_chunks_of_answers_score_as_all_at_once(converter, monkeypatch):
    config = tiny.config(converter)
    params, inputs = tiny.params(config), tiny.prompts([4, 33, 1])
    options = [tiny.prompts(range(1, 20)), [[7]], tiny.prompts([3] * 40, seed=1)]
    decoder = tiny.decoder(config, converter)
    whole = decoder.rank(params, inputs, options)
    seen = []
    features = ranking.option_features

    def noting(*args, **kwargs):
        made = features(*args, **kwargs)
        seen.append(made["option_tokens"].shape)
        return made

    monkeypatch.setattr(ranking, "option_features", noting)
    # So little that two rows are too many for the longest answer, and one takes it alone.
    monkeypatch.setattr(ranking, "_MOST_BYTES", 15_000)
    parted = decoder.rank(params, inputs, options)
    assert all(rows == 1 for rows, _, _ in seen)
    assert max(chunks for _, chunks, _ in seen) >= 8
    for one, other in zip(whole, parted, strict=True):
        np.testing.assert_allclose(other.scores, one.scores, rtol=1e-5, atol=1e-5)


def test_five_thousand_options_take_no_more_memory_than_a_few():
    config = tiny.config(vocab_size=32_000, num_heads=12, d_kv=64)
    options = [[3, 4, 5]] * 5000
    length, fits = ranking.chunk_length(config, num_rows=32, num_slots=512, longest=3)
    assert fits
    made = ranking.option_features([options] * 32, chunk_length=length)
    _, num_chunks, num_tokens = made["option_tokens"].shape
    assert num_chunks * num_tokens >= 5000 * 2
    attention = memory.attention_bytes(
        config, batch_size=32, queries=num_tokens, keys=512 + num_tokens
    )
    assert attention + memory.logits_bytes(config, num_tokens=32 * num_tokens) <= 2**30


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
    for prompt, row, found in zip(inputs, options, given, strict=True):
        with_prompt, _ = decoder.score(params, [prompt] * len(row), row)
        without, _ = decoder.score(params, [empty] * len(row), row)
        np.testing.assert_allclose(found.scores, with_prompt - without, rtol=1e-5, atol=1e-5)
        assert found.best == np.argmax(with_prompt - without)


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
