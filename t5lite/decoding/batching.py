"""Token lists to padded model batches, in a small set of shapes so that little is compiled.

Shapes: B rows of the batch, L input length, T target length (decoder-only: of both together).
"""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from t5lite.data.converters import Converter, ConverterName

Tokens = Sequence[int] | np.ndarray
ModelBatch = dict[str, Any]

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
        causal_attention_BL = _padded([np.ones(len(row)) for row in rows], tokens_BL.shape[1])
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
    """The batch that `model.logits` reads: what training makes of one example a row, unpacked.

    Args:
      inputs: Each row's input tokens.
      targets: Each row's target tokens.
      converter: How examples became features in training. Only targets have a loss weight.
      longest: See `bucket_length`; for the inputs.

    Returns:
      Features [B, T], and [B, L] for an encoder.
    """
    features = Converter(
        name=cast(ConverterName, converter),  # it refuses any other
        task_feature_lengths={
            "inputs": _bucket(inputs, longest),
            "targets": _bucket(targets, None),
        },
        pack=False,
    )
    return features.convert(
        [np.concatenate(rows).astype(np.int32) for rows in (inputs, targets)],
        lengths_NF=np.array([list(map(len, rows)) for rows in (inputs, targets)]).T,
        row_N=np.arange(len(inputs)),
        num_rows=len(inputs),
    )


def _bucket(rows: Sequence[Tokens], longest: int | None) -> int:
    return bucket_length(max(len(row) for row in rows), longest=longest)


def _padded(rows: Sequence[Tokens], length: int) -> np.ndarray:
    padded = np.zeros((len(rows), length), np.int32)
    for row, tokens in zip(padded, rows, strict=True):
        row[: len(tokens)] = tokens
    return padded
