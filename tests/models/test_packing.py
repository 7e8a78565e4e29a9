"""An example gives the same logits packed among others as alone."""

import numpy as np
import pytest

from tests.models.tiny import (
    ADAPTERS,
    decoder_only,
    encoder_decoder,
    family,
    logits,
    random_tokens,
    sharp_params,
    shift_right,
)


def pack(rows, length):
    """Lays lists of same-named sequences into rows of `length`, with T5X's segment ids."""
    packed = np.zeros((len(rows), length), np.int32)
    segments = np.zeros_like(packed)
    starts = []
    for row, sequences in enumerate(rows):
        start = 0
        starts.append([])
        for segment, sequence in enumerate(sequences, start=1):
            stop = start + len(sequence)
            packed[row, start:stop] = sequence
            segments[row, start:stop] = segment
            starts[-1].append((start, stop))
            start = stop
    return packed, segments, starts


def positions(segments):
    """T5X's positions: counted from 0 within each segment."""
    return np.array([[np.sum(row[:i] == row[i]) for i in range(len(row))] for row in segments])


def alone(rows, length):
    """Each sequence in a row of its own."""
    return pack([[sequence] for row in rows for sequence in row], length)[0]


def assert_same(packed_logits, alone_logits, starts):
    intervals = [
        (row, *interval) for row, row_starts in enumerate(starts) for interval in row_starts
    ]
    for example, (row, start, stop) in enumerate(intervals):
        np.testing.assert_allclose(
            packed_logits[row, start:stop],
            alone_logits[example, : stop - start],
            atol=3e-5,
            rtol=1e-4,
        )


def test_encoder_decoder():
    rng = np.random.default_rng(0)
    config = encoder_decoder(adapters=ADAPTERS)
    params = sharp_params(config)
    for trial in range(4):
        lengths = rng.integers(1, 12, (3, 4, 2))
        inputs = [[random_tokens(rng, n) for n in row[:, 0]] for row in lengths]
        if trial == 0:
            inputs[1][2] = inputs[1][2][:0]  # An example without an input.
        targets = [[shift_right(random_tokens(rng, n)) for n in row[:, 1]] for row in lengths]
        encoder_tokens, encoder_segments, _ = pack(inputs, 51)
        decoder_tokens, decoder_segments, starts = pack(targets, 47)
        packed_batch = {
            "encoder_input_tokens": encoder_tokens,
            "encoder_segment_ids": encoder_segments,
            "decoder_input_tokens": decoder_tokens,
            "decoder_segment_ids": decoder_segments,
        }
        alone_batch = {
            "encoder_input_tokens": alone(inputs, 13),
            "decoder_input_tokens": alone(targets, 12),
        }
        assert_same(
            logits(config, params, packed_batch), logits(config, params, alone_batch), starts
        )


@pytest.mark.parametrize(
    ("name", "with_prefix"),
    [("t5_lm", False), ("t5_lm", True), ("opt", False), ("mistral", False), ("mpt", True)],
)
def test_decoder_only(name, with_prefix):
    rng = np.random.default_rng(1)
    config = family(name)
    params = sharp_params(config)
    for _ in range(4):
        lengths = rng.integers(2, 12, (3, 4))
        tokens = [[shift_right(random_tokens(rng, n)) for n in row] for row in lengths]
        prefixes = [[np.arange(n) < rng.integers(1, n) for n in row] for row in lengths]
        decoder_tokens, segments, starts = pack(tokens, 50)
        packed_batch = {
            "decoder_input_tokens": decoder_tokens,
            "decoder_segment_ids": segments,
            "decoder_positions": positions(segments),
        }
        alone_batch = {"decoder_input_tokens": alone(tokens, 12)}
        if with_prefix:
            packed_batch["decoder_causal_attention"] = pack(prefixes, 50)[0]
            alone_batch["decoder_causal_attention"] = alone(prefixes, 12)
        assert_same(
            logits(config, params, packed_batch), logits(config, params, alone_batch), starts
        )


def test_learned_positions_are_asked_for():
    config = family("gpt2")
    ones = np.ones((2, 3), np.int32)
    with pytest.raises(ValueError, match="needs decoder_positions too"):
        logits(
            config,
            sharp_params(config),
            {"decoder_input_tokens": ones, "decoder_segment_ids": ones},
        )


def test_padding_on_the_left_changes_nothing():
    rng = np.random.default_rng(2)
    config = family("gpt2")
    params = sharp_params(config)
    tokens = random_tokens(rng, 2, 7)
    padded = np.concatenate([random_tokens(rng, 2, 5), tokens], axis=1)
    batch = {
        "decoder_input_tokens": padded,
        "decoder_segment_ids": np.tile(np.arange(12) >= 5, (2, 1)).astype(np.int32),
        "decoder_positions": np.tile(np.maximum(np.arange(12) - 5, 0), (2, 1)),
    }
    np.testing.assert_allclose(
        logits(config, params, batch)[:, 5:],
        logits(config, params, {"decoder_input_tokens": tokens}),
        atol=3e-5,
    )


def test_a_prefix_is_seen_both_ways_and_the_rest_is_not():
    rng = np.random.default_rng(0)
    config = decoder_only()
    params = sharp_params(config)
    tokens = shift_right(random_tokens(rng, 1, 9))
    prefix = (np.arange(9) < 4).astype(np.int32)[None]
    batch = {"decoder_input_tokens": tokens, "decoder_causal_attention": prefix}
    before = logits(config, params, batch)
    for position, first_changed in [(3, 0), (6, 6)]:
        changed = tokens.copy()
        changed[0, position] = 41 if tokens[0, position] != 41 else 40
        after = logits(config, params, batch | {"decoder_input_tokens": changed})
        moved = np.max(np.abs(after - before), axis=-1)[0]
        np.testing.assert_array_equal(moved > 1e-3, np.arange(9) >= first_changed)
