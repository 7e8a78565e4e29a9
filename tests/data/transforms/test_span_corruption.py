"""Span corruption: T5's numbers, every division equally likely, nothing lost, nothing too long."""

import collections

import numpy as np
import pytest

from t5lite.data.transforms.listed_examples import ListedExamples
from t5lite.data.transforms.span_corruption import SpanCorruption
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary

VOCABULARY = ByteVocabulary(extra_ids=100)
FIRST_SENTINEL = VOCABULARY.vocab_size - 1
NO_TOKENS = np.zeros(0, np.int32)


def texts(lengths, *, room, **fields):
    """Texts of so many tokens; their tokens count, so that any order or loss is seen."""
    examples = [(NO_TOKENS, (3 + np.arange(n) % 250).astype(np.int32)) for n in lengths]
    fields = {"vocabulary": VOCABULARY} | fields
    return ListedExamples(
        examples=examples, room=dict(zip(("inputs", "targets"), room, strict=True)), **fields
    )


def keys(count, seed=0):
    return np.random.default_rng(seed).integers(0, 1 << 32, (count, 2), dtype=np.uint32)


def spans_of(tokens):
    """{sentinel's number: tokens that follow it}, in order; what precedes the first under -1."""
    found = {-1: []}
    for token in tokens.tolist():
        if token >= FIRST_SENTINEL - 99:
            found[FIRST_SENTINEL - token] = []
        else:
            found[list(found)[-1]].append(token)
    return found


def published(length, density, mean):
    """Noise tokens and spans, as in `random_spans_noise_mask` of Raffel et al.'s code."""
    noise = int(np.rint(np.float32(length) * np.float32(density)))
    noise = min(max(noise, 1), length - 1)
    return noise, max(int(np.rint(np.float32(noise) / np.float32(mean))), 1)


@pytest.mark.parametrize("density, mean", [(0.15, 3.0), (0.5, 3.0), (0.15, 8.0), (0.5, 32.0)])
def test_any_text_is_taken_apart_into_what_was_told_and_can_be_put_together(density, mean):
    transform = SpanCorruption(noise_density=density, mean_noise_span_length=mean)
    lengths = [0, 1, 2, 3, *np.random.default_rng(1).integers(4, 900, 60).tolist()]
    examples = texts(lengths, room=(200, 90))
    which = np.arange(len(lengths))
    announced = transform.lengths(examples, which, keys(len(which)))
    made = transform(examples, which, keys(len(which)))
    assert announced.tolist() == [[len(inputs), len(targets)] for inputs, targets in made]
    assert (announced <= [200, 90]).all()
    for length, (inputs, targets) in zip(lengths, made, strict=True):
        kept, noise = spans_of(inputs), spans_of(targets)
        assert list(kept) == list(noise) == list(range(-1, len(kept) - 1)) and not noise[-1]
        whole = [t for n in range(len(kept) - 1) for t in [*kept[n - 1], *noise[n]]]
        assert not kept[len(kept) - 2] or length == 0
        if length > 1:
            assert (sum(map(len, noise.values())), len(noise) - 1) == published(
                len(whole), density, mean
            )
            assert all(kept[n - 1] and noise[n] for n in range(len(kept) - 1))
        if len(whole) == length:
            assert whole == examples.tokens(np.array([lengths.index(length)]))[0][1].tolist()
        else:  # a piece of it, on from a multiple of the longest
            assert np.all(np.diff(whole) % 250 == 1) and length > len(whole)


def test_a_row_of_t5_takes_568_tokens():
    """512 positions for inputs and 114 for targets, an end token in each: as T5's pretraining."""
    examples = texts([568, 569], room=(511, 113))
    announced = SpanCorruption().lengths(examples, np.array([0, 0, 1, 1]), keys(4))
    assert announced[0].tolist() == announced[1].tolist() == [511, 113]
    pieces = SpanCorruption().lengths(examples, np.ones(64, np.int64), keys(64))
    assert set(map(tuple, pieces.tolist())) == {(511, 113), (2, 1)}  # 568 tokens, and the last one


def test_all_divisions_are_equally_likely():
    """Ten tokens, four of them noise, two spans: five divisions of the rest, three of noise."""
    transform = SpanCorruption(noise_density=0.4, mean_noise_span_length=2.0)
    num = 6000
    made = transform(texts([10], room=(64, 64)), np.zeros(num, np.int64), keys(num, seed=2))
    counts = collections.Counter(tuple(inputs.tolist()) for inputs, _ in made)
    assert len(counts) == 15
    expected = num / 15
    assert sum((n - expected) ** 2 / expected for n in counts.values()) < 36.1  # p = 0.001


def test_what_a_draw_becomes_depends_on_its_key_alone():
    examples = texts([300, 40, 700], room=(100, 40))
    which, some_keys = np.array([0, 1, 2, 1, 0]), keys(5)
    together = SpanCorruption()(examples, which, some_keys)
    for draw in range(5):
        (alone,) = SpanCorruption()(examples, which[[draw]], some_keys[[draw]])
        assert [a.tolist() for a in alone] == [t.tolist() for t in together[draw]]
    assert together[1][0].tolist() != together[3][0].tolist()


@pytest.mark.parametrize(
    "fields, changes, message",
    [
        ({"noise_density": 1.0}, {}, "noise_density must be a finite number above 0 and below 1"),
        ({"mean_noise_span_length": 0.5}, {}, "mean_noise_span_length must be .* of 1 or more"),
        ({}, {"room": (2048, 512)}, "leaves 114 spans out .* has 100 sentinels.*EXTRA_IDS"),
        ({"num_sentinels": 5}, {}, "has 5 sentinels"),
        ({}, {"room": (1, 1)}, "too little for any text"),
        ({}, {"is_chat": True}, "found conversations"),
    ],
)
def test_what_cannot_be_corrupted_is_refused(fields, changes, message):
    with pytest.raises(ValueError, match=message):
        examples = texts([9], **{"room": (200, 90)} | changes)
        SpanCorruption(**fields).lengths(examples, np.zeros(1, np.int64), keys(1))


def test_examples_with_inputs_are_refused():
    with_inputs = ListedExamples(
        examples=[(np.ones(3, np.int32), np.ones(9, np.int32))],
        vocabulary=VOCABULARY,
        room={"inputs": 64, "targets": 64},
    )
    with pytest.raises(ValueError, match="some have inputs"):
        SpanCorruption().lengths(with_inputs, np.zeros(1, np.int64), keys(1))
