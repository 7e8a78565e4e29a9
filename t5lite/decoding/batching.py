"""Token lists to padded model batches, in a small set of shapes so that little is compiled.

Shapes: B rows of the batch, L prompt length, T length of targets (or of prompt and targets).
"""

from collections.abc import Sequence

import numpy as np

Tokens = Sequence[int] | np.ndarray
ModelBatch = dict[str, np.ndarray]

_SMALLEST_BUCKET = 32


def bucket_length(length: int, *, longest: int | None = None) -> int:
    """The padded length for `length` tokens: the next power of two from 32.

    Args:
      length: Tokens to hold.
      longest: Lengths up to it never get a bucket above it.

    Returns:
      A length of at least `length`.
    """
    bucket = _SMALLEST_BUCKET
    while bucket < length:
        bucket *= 2
    return bucket if longest is None else max(length, min(bucket, longest))


def plan_batches(sizes: Sequence[tuple[int, ...]], *, batch_size: int) -> list[list[int]]:
    """Groups examples of like size.

    The longest come first: if memory does not suffice, the first batch says so, and the time a
    progress bar promises only shrinks.

    Args:
      sizes: Of each example the lengths that matter, the most important first.
      batch_size: Most examples in a batch.

    Returns:
      Lists of at most `batch_size` indices into `sizes`; each index once. Ties keep their order.
    """

    def key(index: int) -> tuple[int, ...]:
        first, *rest = sizes[index]
        return (-bucket_length(first), *(-size for size in rest), -first)

    order = sorted(range(len(sizes)), key=key)
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def prompt_batch(
    inputs: Sequence[Tokens], *, converter: str, longest: int | None = None
) -> ModelBatch:
    """The batch that `model.prefill` reads.

    Args:
      inputs: Each row's prompt tokens.
      converter: `encoder_decoder`, `decoder_only` or `prefix_lm`: how examples became features in
        training. For the latter two the prompt follows the start token 0, as it did there.
      longest: See `bucket_length`.

    Returns:
      int32 [B, L] `encoder_input_tokens`, or for decoder-only `decoder_input_tokens`, with
      `decoder_causal_attention` for prefix language models.
    """
    if converter == "encoder_decoder":
        return {"encoder_input_tokens": _padded(inputs, _bucket(inputs, longest))}
    rows = [np.concatenate([[0], np.asarray(row, np.int32)]) for row in inputs]
    tokens_BL = _padded(rows, _bucket(rows, longest))
    if converter == "prefix_lm":
        causal_attention_BL = _ones(rows, tokens_BL.shape[1])
        return {
            "decoder_input_tokens": tokens_BL,
            "decoder_causal_attention": causal_attention_BL,
        }
    return {"decoder_input_tokens": tokens_BL}


def scoring_batch(
    inputs: Sequence[Tokens],
    targets: Sequence[Tokens],
    *,
    converter: str,
    longest: int | None = None,
) -> ModelBatch:
    """The batch that `model.logits` reads: one unpacked example a row, in T5X's features.

    Args:
      inputs: Each row's input tokens.
      targets: Each row's target tokens.
      converter: How examples became features in training. Decoder-only rows hold inputs and
        targets one after the other; only the targets have a loss weight.
      longest: See `bucket_length`; for the inputs.

    Returns:
      int32 features, and float32 `decoder_loss_weights`.
    """
    if converter == "encoder_decoder":
        target_tokens_BT = _padded(targets, _bucket(targets, None))
        return {
            "encoder_input_tokens": _padded(inputs, _bucket(inputs, longest)),
            "decoder_target_tokens": target_tokens_BT,
            "decoder_input_tokens": _shift_right(target_tokens_BT),
            "decoder_loss_weights": _ones(targets, target_tokens_BT.shape[1]).astype(np.float32),
        }
    rows = [np.concatenate([i, t]).astype(np.int32) for i, t in zip(inputs, targets, strict=True)]
    target_tokens_BT = _padded(rows, _bucket(rows, None))
    segments_BT = _ones(rows, target_tokens_BT.shape[1])
    weights_BT = segments_BT - _ones(inputs, target_tokens_BT.shape[1])
    batch = {
        "decoder_target_tokens": target_tokens_BT,
        "decoder_input_tokens": _shift_right(target_tokens_BT),
        "decoder_loss_weights": weights_BT.astype(np.float32),
        "decoder_segment_ids": segments_BT,
        "decoder_positions": _positions(segments_BT),
    }
    if converter == "prefix_lm":
        prefixes = [np.zeros(len(row) + 1) for row in inputs]  # the start token is prefix too
        batch["decoder_causal_attention"] = _ones(prefixes, segments_BT.shape[1])
    return batch


def _bucket(rows: Sequence[Tokens], longest: int | None) -> int:
    return bucket_length(max(len(row) for row in rows), longest=longest)


def _padded(rows: Sequence[Tokens], length: int) -> np.ndarray:
    padded = np.zeros((len(rows), length), np.int32)
    for row, tokens in zip(padded, rows, strict=True):
        row[: len(tokens)] = tokens
    return padded


def _ones(rows: Sequence[Tokens], length: int) -> np.ndarray:
    lengths = np.array([len(row) for row in rows])
    return (np.arange(length)[None, :] < lengths[:, None]).astype(np.int32)


def _positions(segments_BL: np.ndarray) -> np.ndarray:
    return np.arange(segments_BL.shape[1], dtype=np.int32)[None, :] * segments_BL


def _shift_right(tokens_BT: np.ndarray) -> np.ndarray:
    return np.pad(tokens_BT, ((0, 0), (1, 0)))[:, :-1]
