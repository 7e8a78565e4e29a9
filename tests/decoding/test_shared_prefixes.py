import subprocess
import sys

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from t5lite.decoding import compiled, shared_prefixes
from t5lite.decoding.config import DecodingConfig
from t5lite.decoding.prompt_batches import PromptBatches
from t5lite.decoding.shared_prefixes import Group, ReadingCost, plan
from t5lite.models.parameters import flatten_names, param_shapes
from t5lite.models.position_config import Learned
from tests import feature_converters
from tests.conftest import REPOSITORY, on_devices
from tests.decoding import sharing, tiny

# Its table of positions ends where the longest answer to these prompts does.
CONFIG = tiny.config("decoder_only", positions=Learned(max_positions=116))
# As in models of a hundred million parameters: a token costs what looking at 1,000 slots does.
COST = ReadingCost(per_token=1000, per_pair=1)


@pytest.fixture
def prefixes_read(monkeypatch):
    """Tokens of each prefix that is read, once it was."""
    lengths = []
    run = compiled.prefix_fn

    def noting(model_config, mesh):
        def read(params, batch):
            lengths.append(int(batch["prompt_lengths"][0]))
            return run(model_config, mesh)(params, batch)

        return read

    monkeypatch.setattr(compiled, "prefix_fn", noting)
    return lengths


def test_a_subject_is_a_group_and_what_stands_alone_is_not():
    chemistry, law = sharing.family(0, count=6, seed=0), sharing.family(100, count=5, seed=1)
    others = tiny.prompts([70, 9], seed=2)
    prompts = [x for row in zip(chemistry, law, strict=False) for x in row] + others
    found = plan(prompts, cost=COST, batch_size=8)
    assert sorted(found) == [
        Group(rows=(0, 2, 4, 6, 8), prefix_length=96),
        Group(rows=(1, 3, 5, 7, 9), prefix_length=96),
        Group(rows=(10, 11), prefix_length=0),
    ]


def test_a_short_prefix_before_long_remainders_is_not_worth_a_reading():
    rng = np.random.default_rng(0)
    same = rng.integers(3, 40, 20).astype(np.int32)
    prompts = [np.concatenate([same, rng.integers(3, 40, 230)]) for _ in range(16)]
    assert plan(prompts, cost=COST, batch_size=8) == [Group(tuple(range(16)), 0)]


def test_nested_groups_are_parted_where_that_costs_least():
    """What all have in common is short, what some have is long."""
    start = np.arange(3, 13, dtype=np.int32)
    groups = [sharing.family(0, count=8, seed=seed) for seed in range(3)]
    prompts = [np.concatenate([start, x]) for group in groups for x in group]
    found = plan(prompts, cost=COST, batch_size=8)
    assert [(group.rows, group.prefix_length) for group in sorted(found)] == [
        (tuple(range(n, n + 8)), 110) for n in (0, 8, 16)
    ]


def test_every_prompt_leaves_a_token_to_be_read():
    prompts = [np.arange(3, 103)] * 4 + [np.arange(3, 103 + n) for n in range(1500)]
    found = plan(prompts, cost=COST, batch_size=8)
    assert sorted(row for group in found for row in group.rows) == list(range(1504))
    for rows, prefix_length in found:
        assert all(len(prompts[row]) > prefix_length for row in rows)


@hypothesis.given(
    st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=80), max_size=12),
    st.integers(1, 5),
)
@hypothesis.settings(max_examples=60, deadline=None)
def test_groups_part_the_prompts_have_their_prefix_in_common_and_cost_less(prompts, batch_size):
    found = plan(prompts, cost=COST, batch_size=batch_size)
    assert sorted(row for group in found for row in group.rows) == list(range(len(prompts)))
    for rows, length in found:
        assert len({tuple(prompts[row][:length]) for row in rows}) == 1
        assert all(len(prompts[row]) > length for row in rows)
        if length:
            before = COST(length, num_slots=length)
            rest = sum(COST(len(prompts[r]) - length, num_slots=length) for r in rows)
            padded = [shared_prefixes.bucket_length(len(prompts[r])) for r in rows]
            assert before + rest < sum(COST(n, num_slots=n) for n in padded)


def test_operations_are_two_a_parameter_of_the_layers_products():
    config = tiny.config("decoder_only", num_kv_heads=1, mlp_activations=("silu", "linear"))
    layers = param_shapes(config)["decoder"]["layers"]
    kernels = sum(
        np.prod(leaf.shape)
        for name, leaf in flatten_names(layers).items()
        if name.endswith("kernel")
    )
    assert ReadingCost.of(config).per_token == 2 * kernels


def test_answers_are_those_of_prompts_read_alone(prefixes_read):
    params = tiny.params(CONFIG)
    decoder = sharing.decoder(CONFIG, batch_size=4)
    decoding = DecodingConfig(max_decode_length=6)
    prompts = sharing.prompts()
    together = decoder.generate(params, prompts, config=decoding)
    assert prefixes_read == [96, 96]
    options = sharing.options(len(prompts))
    ranked = decoder.rank(params, prompts, options)
    assert prefixes_read == [96] * 4
    alone = sharing.decoder(CONFIG, batch_size=1)
    for prompt, row, (answer,), ranking in zip(prompts, options, together, ranked, strict=True):
        ((expected,),) = alone.generate(params, [prompt], config=decoding)
        assert answer.tokens.tolist() == expected.tokens.tolist()
        np.testing.assert_allclose(answer.log_likelihood, expected.log_likelihood, rtol=1e-5)
        (scores,) = alone.rank(params, [prompt], [row])
        np.testing.assert_allclose(ranking.scores, scores.scores, rtol=1e-5)
    assert prefixes_read == [96] * 4


def test_draws_go_on_from_a_prefix(unstacked, prefixes_read):
    config = tiny.config("decoder_only")
    params = tiny.params(config)
    decoding = DecodingConfig(max_decode_length=4, strategy="sample", num_return_sequences=2)
    prompts = sharing.prompts()[:10]  # five of each of two families, a batch each
    together = sharing.decoder(config, batch_size=5).generate(params, prompts, config=decoding)
    assert prefixes_read == [96, 96]
    alone = sharing.decoder(config, batch_size=1)
    for index in (0, 7):
        (expected,) = alone.generate(params, [prompts[index]], config=decoding, indices=[index])
        found = [answer.tokens.tolist() for answer in together[index]]
        assert found == [answer.tokens.tolist() for answer in expected]


def test_a_penalty_for_what_was_there_reads_prompts_whole(prefixes_read):
    config = tiny.config("decoder_only")
    decoding = DecodingConfig(max_decode_length=1, repetition_penalty=1.5)
    decoder = sharing.decoder(config, batch_size=4)
    decoder.generate(tiny.params(config), sharing.prompts(), config=decoding)
    assert not prefixes_read


def test_few_examples_are_not_repeated_to_fill_a_batch():
    batches = PromptBatches(
        tiny.config(), converter=feature_converters.bare(), batch_size=32, mesh=None
    )
    for num_prompts, rows in ((1, [1]), (2, [2]), (7, [8]), (9, [32]), (40, [32, 32])):
        prompts = tiny.prompts([5] * num_prompts)
        planned = batches.plan(prompts)
        assert [batch.num_rows for batch in planned] == rows
        # What is counted in memory is what is read.
        read = [
            (*features["encoder_input_tokens"].shape, 0)
            for _, features in batches.read({}, planned, prompts)
        ]
        assert batches.sizes(planned, prompts) == sorted({*read})
    assert batches.plan([]) == []


def test_a_large_batch_size_is_no_reason_to_refuse_few_prompts():
    decoder = tiny.decoder(tiny.config(), batch_size=2**30)
    decoder.check(tiny.prompts([20, 18, 9]), config=DecodingConfig(max_decode_length=64))


@pytest.mark.parametrize("converter", ["encoder_decoder", "prefix_lm"])
def test_prompts_that_see_themselves_both_ways_are_read_whole(converter):
    batches = PromptBatches(
        tiny.config(converter),
        converter=feature_converters.bare(converter, task_feature_lengths=sharing.LENGTHS),
        batch_size=4,
        mesh=None,
    )
    prompts = sharing.prompts()
    assert len(batches.plan(prompts)) == 3
    assert not any(len(batch.prefix) for batch in batches.plan(prompts))


def test_a_prefix_is_read_with_the_parameters_of_the_call(prefixes_read):
    decoder = sharing.decoder(CONFIG, batch_size=4)
    prompts, options = sharing.prompts(), sharing.options(12)
    first, second = (
        decoder.rank(tiny.params(CONFIG, seed=seed), prompts, options) for seed in (0, 1)
    )
    assert len(prefixes_read) == 4
    alone = sharing.decoder(CONFIG, batch_size=1)
    (expected,) = alone.rank(tiny.params(CONFIG, seed=1), prompts[:1], options[:1])
    np.testing.assert_allclose(second[0].scores, expected.scores, rtol=1e-5)
    assert not np.allclose(first[0].scores, expected.scores, rtol=1e-3)


def test_devices_that_share_the_rows_answer_as_one():
    subprocess.run(
        [sys.executable, "-m", "tests.decoding.sharing"],
        env=on_devices(4),
        cwd=REPOSITORY,
        check=True,
        timeout=300,
    )
