import numpy as np
import pytest

from tests.decoding import tiny


@pytest.mark.parametrize("converter", tiny.CONVERTERS)
def test_score_is_the_sum_of_log_probabilities(converter):
    config = tiny.config(converter)
    params = tiny.params(config)
    inputs, targets = tiny.prompts([4, 9, 1]), tiny.prompts([5, 1, 7], seed=1)
    batch = tiny.scoring_batch(inputs, targets, converter=converter)
    decoder = tiny.decoder(config, converter)
    log_likelihood_B, num_tokens_B = decoder.score(params, inputs, targets)
    assert num_tokens_B.tolist() == [5, 1, 7]

    logits_BTV = np.asarray(tiny.logits(config, params, batch), np.float64)
    for row, target in enumerate(targets):
        places = np.flatnonzero(batch["decoder_loss_weights"][row])
        probs = np.exp(logits_BTV[row]) / np.exp(logits_BTV[row]).sum(-1, keepdims=True)
        expected = sum(np.log(probs[t, token]) for t, token in zip(places, target, strict=True))
        np.testing.assert_allclose(log_likelihood_B[row], expected, rtol=1e-4)


@pytest.mark.parametrize("converter", tiny.CONVERTERS)
def test_probabilities_of_all_one_token_answers_sum_to_one(converter):
    config = tiny.config(converter)
    decoder = tiny.decoder(config, converter, batch_size=16)
    targets = [[token] for token in range(config.vocab_size)]
    inputs = [tiny.prompts([6])[0]] * len(targets)
    log_likelihoods, num_tokens = decoder.score(tiny.params(config), inputs, targets)
    assert (num_tokens == 1).all()
    np.testing.assert_allclose(np.exp(log_likelihoods).sum(), 1.0, rtol=1e-4)


def test_scores_come_back_in_order_whatever_the_batches():
    config = tiny.config()
    params = tiny.params(config)
    inputs = tiny.prompts([3, 70, 12, 1, 40, 5, 90])
    targets = tiny.prompts([9, 2, 33, 4, 1, 12, 3], seed=1)
    results = []
    for batch_size in (1, 3, 7):
        decoder = tiny.decoder(config, batch_size=batch_size)
        log_likelihoods, num_tokens = decoder.score(params, inputs, targets)
        assert num_tokens.tolist() == [9, 2, 33, 4, 1, 12, 3]
        results.append(log_likelihoods)
    np.testing.assert_allclose(results[1], results[0], rtol=1e-5)
    np.testing.assert_allclose(results[2], results[0], rtol=1e-5)
