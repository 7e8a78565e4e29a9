"""Cached generation against the definition: the argmax of the full forward pass, token by token."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from t5lite.decoding import compiled
from t5lite.decoding.config import DecodingConfig
from t5lite.decoding.prompt_batches import PromptBatches
from t5lite.models.position_config import Learned
from tests.decoding import tiny

LENGTH = 9


def _naive_greedy(config, params, prompt, *, converter, length, change=lambda logits, answer: None):
    """Grows the answer by the argmax of the full forward pass, after `change`."""
    answer = []
    for _ in range(length):
        logits = tiny.full_logits(config, params, prompt, answer, converter=converter)
        change(logits, answer)
        answer.append(int(np.argmax(logits)))
        if answer[-1] == tiny.EOS:
            break
    return answer


def _tokens(generations):
    return [[answer.tokens.tolist() for answer in answers] for answers in generations]


@pytest.mark.parametrize(
    ("converter", "unstacked"),
    [
        ("encoder_decoder", True),
        ("encoder_decoder", False),
        ("decoder_only", True),
        ("prefix_lm", False),
    ],
    indirect=["unstacked"],
)
def test_cached_greedy_is_argmax_of_the_full_forward(converter, unstacked):
    config = tiny.config(converter)
    params = tiny.params(config)
    inputs = tiny.prompts([1, 7, 12, 4, 33])
    decoder = tiny.decoder(config, converter, batch_size=5)
    decoding = DecodingConfig(max_decode_length=LENGTH)
    answers = [answer for (answer,) in decoder.generate(params, inputs, config=decoding)]
    full = []
    for prompt, answer in zip(inputs, answers, strict=True):
        expected = _naive_greedy(config, params, prompt, converter=converter, length=LENGTH)
        full.append(expected)
        assert [*answer.tokens, tiny.EOS][: len(expected)] == expected
    scored_B, _ = decoder.score(params, inputs, full)
    found_B = [answer.log_likelihood for answer in answers]
    np.testing.assert_allclose(found_B, scored_B, rtol=1e-5, atol=1e-5)
    assert [answer.score for answer in answers] == found_B


@pytest.mark.parametrize("converter", ["encoder_decoder", "decoder_only"])
def test_id_0_is_a_token_like_any_other(converter):
    """In prompts, in answers, and as the end."""
    config = tiny.config(converter)
    params = tiny.params(config)
    inputs = [[4, 0, 5, 0], [0], [6, 0, 0]] if converter == "decoder_only" else tiny.prompts([3, 4])
    decoding = DecodingConfig(strategy="sample", temperature=9.0, max_decode_length=60)
    decoder = tiny.decoder(config, converter)
    found = [answer for (answer,) in decoder.generate(params, inputs, config=decoding)]
    assert any(0 in answer.tokens[:-1] for answer in found), "choose a seed that draws 0"
    targets = [[*a.tokens, *([tiny.EOS] if len(a.tokens) < 60 else [])] for a in found]
    scored, counts = decoder.score(params, inputs, targets)
    assert counts.tolist() == list(map(len, targets))
    np.testing.assert_allclose([a.log_likelihood for a in found], scored, rtol=1e-4)
    ending = tiny.decoder(config, converter, eos_ids=(0,))
    for answer, (cut,) in zip(found, ending.generate(params, inputs, config=decoding), strict=True):
        place = answer.tokens.tolist().index(0) if 0 in answer.tokens else len(answer.tokens)
        assert cut.tokens[:place].tolist() == answer.tokens[:place].tolist()
        assert 0 not in cut.tokens


def test_rows_end_at_the_end_token_and_the_loop_with_the_last_row():
    config = tiny.config()
    decoding = DecodingConfig(strategy="sample", temperature=3.0, max_decode_length=500)
    functions = compiled.functions(config, (tiny.EOS,), decoding, None)
    prepared = compiled.prepare(config, tiny.params(config), mesh=None)
    inputs = np.stack(tiny.prompts([5] * 6))
    batch = {"encoder_input_tokens": inputs, "example_index": np.arange(6)}
    state = functions.start(prepared.params, batch)
    state = functions.advance(prepared.step_params, state, 500)
    tokens_BT, lengths_B = np.asarray(state.tokens_BNT)[:, 0], np.asarray(state.lengths_BN)[:, 0]
    assert len(set(lengths_B)) > 1
    assert lengths_B.max() < 500, "choose a seed with which all rows end"
    assert int(state.step) == lengths_B.max()
    for tokens_T, length in zip(tokens_BT, lengths_B, strict=True):
        assert tokens_T[length - 1] == tiny.EOS
        assert tiny.EOS not in tokens_T[: length - 1]
        assert not tokens_T[length:].any()


@pytest.mark.parametrize(("minimum", "strategy"), [(0, "greedy"), (4, "greedy"), (4, "beam")])
def test_min_decode_length_holds_every_end_back(minimum, strategy):
    config = tiny.config()
    params = tiny.params(config)
    # All tokens tie but for three, and these prompts make one of them win every time.
    kernel = jnp.zeros_like(params["decoder"]["logits_dense"]["kernel"])
    kernel = kernel.at[0, tiny.EOS].set(-9.0).at[0, 5].set(-8.5).at[0, other := 7].set(-8.0)
    params["decoder"]["logits_dense"]["kernel"] = kernel
    decoding = DecodingConfig(
        strategy=strategy,
        num_beams=2 if strategy == "beam" else 1,
        max_decode_length=6,
        min_decode_length=minimum,
        stop_ids=(5,),
    )
    decoder = tiny.decoder(config)
    found = _tokens(decoder.generate(params, tiny.prompts([3, 8]), config=decoding))
    assert found == [[[other] * minimum]] * 2


@pytest.mark.parametrize("converter", ["encoder_decoder", "decoder_only"])
def test_stop_ids_end_an_answer_and_are_no_part_of_it(converter):
    config = tiny.config(converter)
    params = tiny.params(config)
    inputs = tiny.prompts([6, 3, 20])
    decoding = DecodingConfig(strategy="sample", temperature=3.0, max_decode_length=30)
    stopping = DecodingConfig(
        strategy="sample", temperature=3.0, max_decode_length=30, stop_ids=(8, 9)
    )
    decoder = tiny.decoder(config, converter)
    whole = _tokens(decoder.generate(params, inputs, config=decoding))
    assert any({8, 9} & set(answer) for (answer,) in whole)
    for (answer,), (cut,) in zip(
        whole, _tokens(decoder.generate(params, inputs, config=stopping)), strict=True
    ):
        stops = [place for place, token in enumerate(answer) if token in (8, 9)]
        assert cut == answer[: stops[0] if stops else None]


@pytest.mark.parametrize("converter", ["encoder_decoder", "decoder_only"])
def test_repetition_penalty_makes_what_was_there_less_likely(converter):
    config = tiny.config(converter)
    params = tiny.params(config)
    inputs = tiny.prompts([5, 9])
    decoding = DecodingConfig(max_decode_length=LENGTH, repetition_penalty=1.8)

    def answers(decoding):
        decoder = tiny.decoder(config, converter)
        return [a for (a,) in _tokens(decoder.generate(params, inputs, config=decoding))]

    for prompt, answer in zip(inputs, answers(decoding), strict=True):
        # An encoder's inputs are not what the decoder writes; its start token 0 counts.
        before = [0] if converter == "encoder_decoder" else prompt.tolist()

        def penalise(logits, so_far, before=before):
            for token in {*before, *so_far}:
                logits[token] *= 1.8 if logits[token] < 0 else 1 / 1.8

        expected = _naive_greedy(
            config, params, prompt, converter=converter, length=LENGTH, change=penalise
        )
        assert [*answer, tiny.EOS][: len(expected)] == expected
    assert answers(decoding) != answers(DecodingConfig(max_decode_length=LENGTH))


@pytest.mark.parametrize("converter", ["encoder_decoder", "decoder_only"])
def test_draws_do_not_depend_on_the_batch(converter):
    config = tiny.config(converter)
    params = tiny.params(config)
    inputs = tiny.prompts([5, 30, 9, 40, 2])
    decoding = DecodingConfig(strategy="sample", top_k=20, top_p=0.95, max_decode_length=LENGTH)
    together = _tokens(
        tiny.decoder(config, converter, batch_size=5).generate(params, inputs, config=decoding)
    )
    decoder = tiny.decoder(config, converter, batch_size=2)
    order = [4, 1, 0, 2]  # without the longest, so padded to half of what they were
    apart = decoder.generate(params, [inputs[i] for i in order], config=decoding, indices=order)
    assert _tokens(apart) == [together[i] for i in order]
    assert len({tuple(answer) for (answer,) in together}) > 1


@pytest.mark.parametrize(
    ("converter", "unstacked"),
    [("encoder_decoder", True), ("decoder_only", True), ("decoder_only", False)],
    indirect=["unstacked"],
)
def test_several_draws_of_a_prompt_are_likely_as_scored_and_the_first_is_the_single_one(
    converter, unstacked
):
    config = tiny.config(converter)
    params = tiny.params(config)
    inputs = tiny.prompts([5, 14, 2])
    decoder = tiny.decoder(config, converter)
    several, single = (
        decoder.generate(
            params,
            inputs,
            config=DecodingConfig(
                strategy="sample", max_decode_length=LENGTH, num_return_sequences=count
            ),
        )
        for count in (4, 1)
    )
    for prompt, answers, (first,) in zip(inputs, several, single, strict=True):
        assert answers[0].tokens.tolist() == first.tokens.tolist()
        assert len({tuple(answer.tokens) for answer in answers}) > 1
        targets = [
            [*answer.tokens, *([tiny.EOS] if len(answer.tokens) < LENGTH else [])]
            for answer in answers
        ]
        scored, _ = decoder.score(params, [prompt] * 4, targets)
        found = [answer.log_likelihood for answer in answers]
        np.testing.assert_allclose(found, scored, rtol=1e-4, atol=1e-5)


def test_rows_of_several_temperatures_draw_as_batches_of_each_do():
    config = tiny.config("decoder_only")
    params = tiny.params(config)
    inputs = tiny.prompts([5, 30, 9, 14])
    decoder = tiny.decoder(config, "decoder_only", batch_size=2)  # two batches of one shape

    def answers(temperature=1.0, **more):
        decoding = DecodingConfig(
            strategy="sample",
            temperature=temperature,
            top_p=0.9,
            num_return_sequences=2,
            max_decode_length=LENGTH,
        )
        return _tokens(decoder.generate(params, inputs, config=decoding, **more))

    temperatures = [0.25, 4.0, 1.0, 0.25]
    alone = {temperature: answers(temperature) for temperature in (0.25, 4.0)}
    alone[1.0] = answers()
    together = answers(temperatures=temperatures)
    assert together == [alone[t][row] for row, t in enumerate(temperatures)]
    assert together != alone[1.0]


@pytest.mark.parametrize(
    ("converter", "strategy"),
    [("encoder_decoder", "greedy"), ("decoder_only", "sample"), ("prefix_lm", "greedy")],
)
def test_the_stream_is_the_generation(converter, strategy):
    config = tiny.config(converter)
    params = tiny.params(config)
    inputs = tiny.prompts([6, 3])
    decoding = DecodingConfig(strategy=strategy, max_decode_length=LENGTH, seed=2)
    decoder = tiny.decoder(config, converter)
    prepared = decoder.prepare(params)
    expected = _tokens(decoder.generate(prepared, inputs, config=decoding))
    for index, prompt in enumerate(inputs):
        stream = decoder.stream(prepared, prompt, config=decoding, index=index)
        assert [list(stream)] == expected[index]


def test_a_table_of_positions_is_not_passed():
    config = tiny.config("decoder_only", positions=Learned(max_positions=24))
    params = jax.tree.map(lambda x: x, tiny.params(config))
    decoder = tiny.decoder(config, "decoder_only")
    decoding = DecodingConfig(max_decode_length=5)
    inputs = tiny.prompts([20, 3])
    for (answer,) in decoder.generate(params, inputs, config=decoding):
        assert np.isfinite(answer.log_likelihood)
    assert np.isfinite(decoder.score(params, inputs, tiny.prompts([5, 2]))[0]).all()
    with pytest.raises(ValueError, match=r"21 tokens and an answer of up to 5 need .* or low"):
        decoder.generate(params, tiny.prompts([21]), config=decoding)
    with pytest.raises(ValueError, match=r"the 24 that .* shorten the prompts or the answers$"):
        decoder.score(params, inputs, tiny.prompts([6, 2]))


def test_each_prompt_has_its_own_answer_in_a_table_of_positions():
    config = tiny.config("decoder_only", positions=Learned(max_positions=24))
    params = tiny.params(config)
    decoder = tiny.decoder(config, "decoder_only")
    inputs, targets = tiny.prompts([24, 20, 3]), tiny.prompts([1, 5, 22], seed=1)
    found, _ = decoder.score(params, inputs, targets)
    expected = [
        tiny.naive_score(config, params, prompt, target, converter="decoder_only")
        for prompt, target in zip(inputs, targets, strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_batches_are_planned_once(monkeypatch):
    planned = []
    plan = PromptBatches.plan

    def noted(self, prompts, **more):
        planned.append(len(prompts))
        return plan(self, prompts, **more)

    monkeypatch.setattr(PromptBatches, "plan", noted)
    config = tiny.config()
    decoder, inputs = tiny.decoder(config), tiny.prompts([3, 6])
    decoder.generate(tiny.params(config), inputs, config=DecodingConfig(max_decode_length=LENGTH))
    decoder.score(tiny.params(config), inputs, tiny.prompts([2, 2]))
    assert planned == [2, 2]


def test_stop_ids_that_the_model_does_not_have_are_refused():
    config = tiny.config()
    decoding = DecodingConfig(max_decode_length=2, stop_ids=(40,))
    with pytest.raises(ValueError, match=r"stop_ids .* holds 40, .* are 0 to 39"):
        tiny.decoder(config).generate(tiny.params(config), tiny.prompts([3]), config=decoding)
