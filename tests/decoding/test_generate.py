"""Cached generation against the definition: the argmax of the full forward pass, token by token."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from t5lite.decoding.batching import prompt_batch, scoring_batch
from t5lite.decoding.decoder import Decoder
from t5lite.decoding.generate import generate
from t5lite.decoding.sampling import DecodingConfig, row_keys
from t5lite.models.parameters import bind
from tests.decoding import tiny

LENGTH = 9


def _naive_greedy(config, params, prompt, *, converter, length):
    """One row, no cache, no batch: grows the answer by the argmax of the full forward pass."""
    answer = []
    for _ in range(length):
        batch = scoring_batch([prompt], [[*answer, 3]], converter=converter)
        last = np.flatnonzero(batch["decoder_loss_weights"][0])[-1]
        answer.append(int(np.argmax(tiny.logits(config, params, batch)[0, last])))
        if answer[-1] == tiny.EOS:
            break
    return answer


def _run(config, params, inputs, decoding, *, converter, indices=None):
    indices = range(len(inputs)) if indices is None else indices
    return jax.jit(
        lambda p, b: generate(
            bind(config, p),
            b,
            eos_id=tiny.EOS,
            config=decoding,
            key_B=row_keys(decoding.seed, jnp.array(list(indices))),
        )
    )(params, prompt_batch(inputs, converter=converter))


@pytest.mark.parametrize("converter", tiny.CONVERTERS)
def test_cached_greedy_is_argmax_of_the_full_forward(converter):
    config = tiny.config(converter)
    params = tiny.params(config)
    inputs = tiny.prompts([1, 7, 12, 4, 33])
    tokens_BT, log_likelihood_B = _run(
        config, params, inputs, DecodingConfig(max_decode_length=LENGTH), converter=converter
    )
    tokens_BT = np.asarray(tokens_BT)
    for prompt, tokens_T in zip(inputs, tokens_BT, strict=True):
        expected = _naive_greedy(config, params, prompt, converter=converter, length=LENGTH)
        assert tokens_T[: len(expected)].tolist() == expected
        assert not tokens_T[len(expected) :].any()

    answers = [row[row != 0] for row in tokens_BT]
    decoder = Decoder(config, converter=converter, eos_id=tiny.EOS, batch_size=len(inputs))
    scored_B, _ = decoder.score(params, inputs, answers)
    np.testing.assert_allclose(log_likelihood_B, scored_B, rtol=1e-4, atol=1e-4)


class _CountingModel:
    """Calls `on_step` at each step that runs."""

    def __init__(self, model, on_step):
        self._model = model
        self._on_step = on_step
        self.prefill = model.prefill

    def step(self, tokens_B, cache):
        jax.debug.callback(self._on_step)
        return self._model.step(tokens_B, cache)


def test_rows_end_at_the_end_token_and_the_loop_with_the_last_row():
    config = tiny.config()
    steps = []
    decoding = DecodingConfig(strategy="sample", temperature=3.0, max_decode_length=500)

    @jax.jit
    def run(params, batch):
        model = _CountingModel(bind(config, params), lambda: steps.append(1))
        key_B = row_keys(0, jnp.arange(6))
        return generate(model, batch, eos_id=tiny.EOS, config=decoding, key_B=key_B)

    batch = prompt_batch(tiny.prompts([5] * 6), converter="encoder_decoder")
    tokens_BT = np.asarray(run(tiny.params(config), batch)[0])
    jax.effects_barrier()
    ends_B = (tokens_BT == tiny.EOS).argmax(-1)
    assert (tokens_BT == tiny.EOS).any(-1).all(), "choose a seed with which all rows end"
    assert len(set(ends_B)) > 1
    for tokens_T, end in zip(tokens_BT, ends_B, strict=True):
        assert not tokens_T[end + 1 :].any()
    assert len(steps) == ends_B.max()


@pytest.mark.parametrize("minimum", [0, 4])
def test_min_decode_length_holds_the_end_back(minimum):
    config = tiny.config()
    params = tiny.params(config)
    # Of a random model whose tokens all tie but for two, these prompts make one win every time.
    kernel = jnp.zeros_like(params["decoder"]["logits_dense"]["kernel"])
    kernel = kernel.at[0, tiny.EOS].set(-9.0).at[0, other := 7].set(-8.0)
    params["decoder"]["logits_dense"]["kernel"] = kernel
    decoding = DecodingConfig(max_decode_length=6, min_decode_length=minimum)
    tokens_BT, _ = _run(config, params, tiny.prompts([3, 8]), decoding, converter="encoder_decoder")
    expected = [other] * minimum + [tiny.EOS] + [0] * (5 - minimum)
    assert np.asarray(tokens_BT).tolist() == [expected] * 2


@pytest.mark.parametrize("converter", tiny.CONVERTERS)
def test_draws_do_not_depend_on_the_batch(converter):
    config = tiny.config(converter)
    params = tiny.params(config)
    inputs = tiny.prompts([5, 30, 9, 40, 2])
    decoding = DecodingConfig(strategy="sample", top_k=20, top_p=0.95, max_decode_length=LENGTH)
    arguments = {"converter": converter, "eos_id": tiny.EOS}
    together = Decoder(config, batch_size=5, **arguments).generate(params, inputs, config=decoding)
    decoder = Decoder(config, batch_size=2, **arguments)
    order = [3, 0, 4, 2]
    apart = decoder.generate(params, [inputs[i] for i in order], config=decoding, indices=order)
    assert [g.tokens.tolist() for g in apart] == [together[i].tokens.tolist() for i in order]
    assert len({tuple(g.tokens) for g in together}) > 1


@pytest.mark.parametrize("converter", tiny.CONVERTERS)
@pytest.mark.parametrize("strategy", ["greedy", "sample"])
def test_the_stream_is_the_generation(converter, strategy):
    config = tiny.config(converter)
    params = tiny.params(config)
    inputs = tiny.prompts([6, 3])
    decoding = DecodingConfig(strategy=strategy, max_decode_length=LENGTH, seed=2)
    decoder = Decoder(config, converter=converter, eos_id=tiny.EOS, batch_size=2)
    expected = [g.tokens.tolist() for g in decoder.generate(params, inputs, config=decoding)]
    for index, prompt in enumerate(inputs):
        stream = decoder.stream(params, prompt, config=decoding, index=index)
        assert list(stream) == expected[index]
