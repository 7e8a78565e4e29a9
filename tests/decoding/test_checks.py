"""What a caller gives is refused by name before anything is compiled."""

import numpy as np
import pytest

from t5lite.decoding import compiled
from t5lite.decoding.config import DecodingConfig
from tests.decoding import tiny

CONFIG = tiny.config("encoder_decoder")
PARAMS = tiny.params(CONFIG)
SIZE = CONFIG.vocab_size

NO_IDS = [
    ([SIZE], f"holds {SIZE} at place 0, and the ids of the model are 0 to {SIZE - 1}"),
    ([3, -1], "holds -1 at place 1"),
    (np.array([3, 1 << 40]), "holds 1099511627776 at place 1"),
    ([1 << 70], "type object|no list of ids"),
    ([3.0], "type float64"),
    ([True], "type bool"),
    ([[3]], r"shape \(1, 1\)"),
    ([[3], [4, 5]], "no list of ids"),
    (["3"], "type <U1"),
    ("text", "is a str; give its ids"),
    (3, r"shape \(\)"),
    (None, r"shape \(\) and type object"),
]


@pytest.fixture(autouse=True)
def nothing_compiled(monkeypatch):
    for name in ("functions", "prefix_fn", "rank_fn", "prepare_fn"):
        monkeypatch.setattr(compiled, name, lambda *_: pytest.fail("compiled"))


@pytest.fixture(scope="module")
def decoder():
    return tiny.decoder(CONFIG, "encoder_decoder")


@pytest.mark.parametrize(("ids", "said"), NO_IDS, ids=lambda x: str(x)[:20])
def test_what_is_no_list_of_ids(decoder, ids, said):
    config = DecodingConfig(max_decode_length=2)
    good = [3, 4]
    with pytest.raises(ValueError, match=rf"^inputs\[1\] .*({said})"):
        decoder.generate(PARAMS, [good, ids], config=config)
    with pytest.raises(ValueError, match=rf"^inputs\[0\] .*({said})"):
        next(decoder.stream(PARAMS, ids, config=config))
    with pytest.raises(ValueError, match=rf"^inputs\[0\] .*({said})"):
        decoder.score(PARAMS, [ids], [good])
    with pytest.raises(ValueError, match=rf"^targets\[0\] .*({said})"):
        decoder.score(PARAMS, [good], [ids])
    with pytest.raises(ValueError, match=rf"^options\[0\]\[1\] .*({said})"):
        decoder.rank(PARAMS, [good], [[good, ids]])
    with pytest.raises(ValueError, match=rf"^eos_ids .*({said})"):
        tiny.decoder(CONFIG, "encoder_decoder", eos_ids=ids)


def test_lists_of_other_lengths(decoder):
    with pytest.raises(ValueError, match="2 inputs and 1 targets"):
        decoder.score(PARAMS, [[3], [4]], [[3]])
    with pytest.raises(ValueError, match="1 inputs and 2 lists of options"):
        decoder.rank(PARAMS, [[3]], [[[3]], [[4]]])
    with pytest.raises(ValueError, match="1 inputs and 2 indices"):
        decoder.generate(PARAMS, [[3]], config=DecodingConfig(), indices=[0, 1])
    with pytest.raises(ValueError, match="inputs is a str"):
        decoder.score(PARAMS, "text", [[3]])


NO_NUMBERS = [
    (3, "is a int; give a list"),
    ("a", "is a str; give a list"),
    (["a"], r"\[0\] must be .*, got 'a'"),
    ([-1], r"\[0\] must be .*, got -1"),
    (np.array([np.nan]), r"\[0\] must be .*, got nan"),
    ([1 << 70], r"\[0\] must be .*, got 1180591620717411303424"),
]


@pytest.mark.parametrize(("values", "said"), NO_NUMBERS, ids=lambda x: str(x)[:20])
def test_numbers_of_each_example(decoder, values, said):
    sampling = DecodingConfig(max_decode_length=2, strategy="sample")
    for name in ("indices", "adapters", "temperatures"):
        with pytest.raises(ValueError, match=f"^{name}.*{said}"):
            decoder.generate(PARAMS, [[3]], config=sampling, **{name: values})
    num_bytes = values if isinstance(values, int | str) else [list(values)]
    said = said.replace("got ", r"got \[")
    with pytest.raises(ValueError, match=f"^num_bytes.*{said}"):
        decoder.rank(PARAMS, [[3]], [[[3]]], by="mean_byte", num_bytes=num_bytes)


@pytest.mark.parametrize("options", [None, 3, "a", {}])
def test_what_is_no_list_of_options(decoder, options):
    with pytest.raises(ValueError, match=r"options.* is a .*; give a list"):
        decoder.rank(PARAMS, [[3]], options)


def test_options_by_name(decoder):
    with pytest.raises(
        ValueError, match=r"by must be one of sum, .*unconditional; got 'maen'\. Did you mean"
    ):
        decoder.rank(PARAMS, [[3]], [[[3]]], by="maen")
    with pytest.raises(ValueError, match=r"batch_size must be .*, got 2\.5"):
        tiny.decoder(CONFIG, "encoder_decoder", batch_size=2.5)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        (None, "params is a NoneType"),
        ([1], "params is a list"),
        ({}, "do not fit the model's config"),
        (tiny.params(tiny.config("decoder_only")), "do not fit the model's config"),
        (PARAMS | {"more": np.zeros(3)}, r"unknown more \(3,\)"),
        (PARAMS | {"token_embedder": {"embedding": 3}}, "nested dict of arrays"),
    ],
)
def test_parameters_of_another_model(decoder, params, said):
    for ask in (
        lambda: decoder.prepare(params),
        lambda: decoder.generate(params, [[3]], config=DecodingConfig()),
        lambda: decoder.score(params, [[3]], [[3]]),
        lambda: decoder.rank(params, [[3]], [[[3]]]),
    ):
        with pytest.raises(ValueError, match=said):
            ask()
