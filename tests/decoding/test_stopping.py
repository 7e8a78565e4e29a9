import numpy as np
import pytest

from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.decoding import sequence_generator
from t5lite.decoding.config import DecodingConfig
from t5lite.decoding.stopping import cut, pieces, stopped_length
from tests.decoding import tiny

VOCABULARY = ByteVocabulary()


@pytest.mark.parametrize(
    ("text", "stops", "expected"),
    [
        ("a b c", (), "a b c"),
        ("a b c", ("x",), "a b c"),
        ("a b c", ("c", "b c"), "a "),
        ("b", ("b",), ""),
    ],
)
def test_text_ends_before_the_first_stop_string(text, stops, expected):
    assert cut(text, stops) == expected


def test_the_length_is_that_at_which_the_stop_string_is_whole():
    tokens = VOCABULARY.encode("ab☃ stop here, stop")
    decode = VOCABULARY.decode
    assert stopped_length(tokens, decode=decode, stop_strings=("no",)) is None
    length = stopped_length(tokens, decode=decode, stop_strings=("never", " stop"))
    assert decode(tokens[:length]) == "ab☃ stop"
    assert stopped_length(tokens, decode=decode, stop_strings=(" stop",), known=8) == length


@pytest.mark.parametrize("text", ["a €☃ b", "Q: who\n\nA", "aaab aaaab", "nothing of it", ""])
@pytest.mark.parametrize("stops", [(), ("\n\n",), ("aaaa", "who\nx"), ("☃",)])
def test_pieces_are_the_text_before_the_stop_and_no_more(text, stops):
    tokens = VOCABULARY.encode(text)
    found = list(pieces(tokens, decode=VOCABULARY.decode, stop_strings=stops))
    expected = cut(text, stops)
    assert "".join(found) == expected
    assert all(expected.startswith("".join(found[:n])) for n in range(len(found)))
    if not stops:
        assert [piece for piece in found if piece] == list(text)


def _decode(tokens):
    return "".join(chr(ord("a") + token) for token in tokens)


@pytest.mark.parametrize(
    ("converter", "count"), [("encoder_decoder", 1), ("decoder_only", 3), ("prefix_lm", 1)]
)
def test_answers_end_where_a_stop_string_is_whole(converter, count, monkeypatch):
    monkeypatch.setattr(sequence_generator, "_STEPS_BETWEEN_LOOKS", 5)
    config = tiny.config(converter)
    params = tiny.params(config)
    inputs = tiny.prompts([5, 3, 20, 7])
    settings = {
        "strategy": "sample",
        "temperature": 3.0,
        "max_decode_length": 23,
        "min_decode_length": 9,
        "num_return_sequences": count,
    }
    decoder = tiny.decoder(config, converter, decode=_decode)
    whole = decoder.generate(params, inputs, config=DecodingConfig(**settings))
    # Pairs of letters that some answers hold, early and late.
    stops = (_decode(whole[0][0].tokens[6:8]), _decode(whole[2][-1].tokens[1:3]))
    stopping = DecodingConfig(**settings, stop_strings=stops)
    found = decoder.generate(params, inputs, config=stopping)
    num_cut = 0
    for prompt, answers, whole_answers in zip(inputs, found, whole, strict=True):
        for answer, whole_answer in zip(answers, whole_answers, strict=True):
            tokens = whole_answer.tokens.tolist()
            length = stopped_length(tokens, decode=_decode, stop_strings=stops)
            assert answer.tokens.tolist() == tokens[:length]
            num_cut += length is not None
            if length is not None:
                (scored,), _ = decoder.score(params, [prompt], [answer.tokens])
                np.testing.assert_allclose(answer.log_likelihood, scored, rtol=1e-4)
            else:
                assert answer.log_likelihood == pytest.approx(whole_answer.log_likelihood)
    assert num_cut >= 2
    if count == 1:
        for index, prompt in enumerate(inputs):
            stream = decoder.stream(params, prompt, config=stopping, index=index)
            assert list(stream) == found[index][0].tokens.tolist()


def test_generation_stops_soon_after_all_answers_have(monkeypatch):
    """Far from the longest length: looks are a few steps apart."""
    monkeypatch.setattr(sequence_generator, "_STEPS_BETWEEN_LOOKS", 4)
    config = tiny.config()
    looked = []

    def decode(tokens):
        looked.append(len(tokens))
        return "x" * len(tokens)

    decoder = tiny.decoder(config, eos_ids=(), decode=decode)
    decoding = DecodingConfig(max_decode_length=400, stop_strings=("xxxxxx",))
    for (answer,) in decoder.generate(tiny.params(config), tiny.prompts([4, 9]), config=decoding):
        assert len(answer.tokens) == 6
    assert max(looked) == 9
