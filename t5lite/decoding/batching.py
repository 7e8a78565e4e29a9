"""Token lists to padded model batches, in a small set of shapes so that little is compiled.

Shapes: B rows of the batch, L input length, T target length (decoder-only: of both together).
"""

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np

from t5lite.data.converters import ConverterName

Tokens = Sequence[int] | np.ndarray
ModelBatch = dict[str, Any]


def bucket_length(length: int, *, longest: int | None = None, smallest: int = 32) -> int:
    """The padded length for `length` tokens: the next power of two.

    Args:
      length: Tokens to hold.
      longest: Lengths up to it never get a bucket above it.
      smallest: The smallest bucket.

    Returns:
      A length of at least `length`.
    """
    bucket = smallest
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
      inputs: Each row's prompt tokens, complete: for the decoder-only ones with whatever the model
        has in front of every prompt, and at least one.
      converter: `encoder_decoder`, `decoder_only` or `prefix_lm`: how examples became features in
        training.
      longest: See `bucket_length`.

    Returns:
      int32 [B, L] `encoder_input_tokens`, or for decoder-only `decoder_input_tokens` with
      `prompt_lengths` [B], and `decoder_causal_attention` for prefix language models.

    Raises:
      ValueError: A decoder-only model has nothing to go on from, or there is no such converter.
    """
    _check_converter(converter)
    tokens_BL = _padded(inputs, _bucket(inputs, longest))
    if converter == "encoder_decoder":
        return {"encoder_input_tokens": tokens_BL}
    lengths_B = _prompt_lengths(inputs)
    batch = {"decoder_input_tokens": tokens_BL, "prompt_lengths": lengths_B}
    if converter == "prefix_lm":
        batch["decoder_causal_attention"] = _first(lengths_B, tokens_BL.shape[1]).astype(np.int32)
    return batch


def scoring_batch(
    inputs: Sequence[Tokens],
    targets: Sequence[Tokens],
    *,
    converter: str,
    longest: int | None = None,
    longest_row: int | None = None,
) -> ModelBatch:
    """The batch that `model.logits` reads: what training makes of one example a row, unpacked.

    Args:
      inputs: Each row's prompt tokens, as for `prompt_batch`.
      targets: Each row's target tokens.
      converter: How examples became features in training.
      longest: See `bucket_length`; for an encoder's inputs.
      longest_row: Likewise, for the tokens that one row of the decoder reads.

    Returns:
      Features [B, T], and [B, L] for an encoder. `decoder_loss_weights` (float32) is 1 on targets.

    Raises:
      ValueError: As `prompt_batch`.
    """
    num_targets_B = np.array([len(row) for row in targets], np.int32)
    if converter == "encoder_decoder":
        prompt = prompt_batch(inputs, converter=converter, longest=longest)
        length = bucket_length(int(num_targets_B.max()), longest=longest_row)
        tokens_BT = _padded([[0, *row] for row in targets], length + 1)
        return prompt | _shifted(tokens_BT, _first(num_targets_B, length))
    _check_converter(converter)
    lengths_B = _prompt_lengths(inputs)
    rows = [[*prompt, *target] for prompt, target in zip(inputs, targets, strict=True)]
    length = bucket_length(max(map(len, rows)) - 1, longest=longest_row)
    # The prompt's last token is where the first target is predicted.
    weights_BT = _first(lengths_B - 1 + num_targets_B, length) & ~_first(lengths_B - 1, length)
    batch = _shifted(_padded(rows, length + 1), weights_BT)
    if converter == "prefix_lm":
        batch["decoder_causal_attention"] = _first(lengths_B, length).astype(np.int32)
    return batch


def _shifted(tokens_BT: np.ndarray, counts_BT: np.ndarray) -> ModelBatch:
    """Each token the input, and the one after it the target."""
    return {
        "decoder_input_tokens": tokens_BT[:, :-1],
        "decoder_target_tokens": tokens_BT[:, 1:],
        "decoder_loss_weights": counts_BT.astype(np.float32),
    }


def _check_converter(converter: str) -> None:
    if converter not in get_args(ConverterName):
        raise ValueError(
            f"converter is {converter!r}; it must be one of {', '.join(get_args(ConverterName))}"
        )


def _prompt_lengths(inputs: Sequence[Tokens]) -> np.ndarray:
    lengths_B = np.array([len(row) for row in inputs], np.int32)
    if not lengths_B.all():
        raise ValueError(
            "a prompt has no tokens, and this model has none that goes before every prompt, so "
            "there is nothing to go on from; write something in it"
        )
    return lengths_B


def _bucket(rows: Sequence[Tokens], longest: int | None) -> int:
    return bucket_length(max(len(row) for row in rows), longest=longest)


def _first(lengths_B: np.ndarray, length: int) -> np.ndarray:
    """Boolean [B, length], True on each row's first so many."""
    return np.arange(length) < lengths_B[:, None]


def _padded(rows: Sequence[Tokens], length: int) -> np.ndarray:
    padded = np.zeros((len(rows), length), np.int32)
    for row, tokens in zip(padded, rows, strict=True):
        row[: len(tokens)] = tokens
    return padded
