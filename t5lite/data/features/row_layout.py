"""Where the tokens of examples lie in rows, for many rows at once.

Names: N examples, R rows, L positions of a row, K tokens of all examples together.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Features = dict[str, npt.NDArray[np.generic]]
Tokens = Sequence[int] | npt.NDArray[np.integer]


class Layout:
    """Where the positions of the examples of a batch lie in its rows.

    Attributes:
      position_K: of each position in its example, from 0.
      segment_K: the number of each position's example in its row, from 1.
    """

    def __init__(
        self,
        length_N: npt.NDArray[np.integer],
        *,
        row_N: npt.NDArray[np.integer],
        num_rows: int,
        length: int,
    ):
        self._shape = (num_rows, length)
        length_N = length_N.astype(np.int64)
        start_N = np.cumsum(length_N) - length_N
        first_of_row_N = np.searchsorted(row_N, row_N)
        self.segment_K = np.repeat(np.arange(len(row_N)) - first_of_row_N + 1, length_N)
        self.position_K = places(length_N)
        # Tokens lie in the rows as they do one after another, but for the gap at each row's end.
        column_N = start_N - start_N[first_of_row_N] if len(row_N) else start_N
        self._place_K = self.position_K + np.repeat(row_N * length + column_N, length_N)

    def rows(
        self, values_K: npt.NDArray[np.generic], *, dtype: npt.DTypeLike = np.int32
    ) -> npt.NDArray[np.generic]:
        """Values at their places, `[R, L]`, and 0 elsewhere."""
        rows_RL = np.zeros(self._shape, dtype)
        rows_RL.reshape(-1)[self._place_K] = values_K
        return rows_RL


def places(length_N: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """0, 1, ... of each of several lengths, one after another."""
    start_N = np.cumsum(length_N) - length_N
    return np.arange(int(length_N.sum())) - np.repeat(start_N, length_N)


def framed(
    tokens_K: npt.NDArray[np.int32],
    length_N: npt.NDArray[np.integer],
    *,
    prefix: tuple[int, ...] = (),
    num_before_N: npt.NDArray[np.int64] | int = 0,
    suffix: tuple[int, ...] = (),
    num_N: npt.NDArray[np.int64],
) -> npt.NDArray[np.int32]:
    """Each example's tokens between prefix and suffix, the first `num_N` of them.

    The prefix, of `num_before_N` tokens, is whole or left out.
    """
    if not prefix and not suffix and np.array_equal(length_N, num_N):
        return tokens_K
    before_N = np.broadcast_to(np.asarray(num_before_N, np.int64), num_N.shape)
    place_K = places(num_N) - np.repeat(before_N, num_N)
    behind_K = place_K - np.repeat(length_N.astype(np.int64), num_N)
    is_token_K = (place_K >= 0) & (behind_K < 0)
    framed_K = np.empty(len(place_K), np.int32)
    framed_K[is_token_K] = tokens_K[places(length_N) < np.repeat(num_N - before_N, length_N)]
    if prefix:
        before_K = place_K < 0
        framed_K[before_K] = np.array(prefix, np.int32)[place_K[before_K]]
    if suffix:
        framed_K[behind_K >= 0] = np.array(suffix, np.int32)[behind_K[behind_K >= 0]]
    return framed_K


def shift_into_padding(features: Features) -> None:
    """Lets the decoder's input go on by one position into the padding, as seqio does unpacked."""
    inputs_RL, targets_RL = features["decoder_input_tokens"], features["decoder_target_tokens"]
    inputs_RL[:, 1:] = targets_RL[:, :-1]


def joined(rows: Sequence[Tokens]) -> npt.NDArray[np.int32]:
    """All tokens, one row after another."""
    return np.concatenate([np.zeros(0, np.int32), *(np.asarray(row, np.int32) for row in rows)])


def padded(
    rows: Sequence[Tokens], length: int, *, before: tuple[int, ...] = ()
) -> npt.NDArray[np.int32]:
    """Rows behind what stands `before` each, filled up with 0: `[R, len(before) + length]`."""
    padded_RL = np.zeros((len(rows), len(before) + length), np.int32)
    padded_RL[:, : len(before)] = before
    for row, tokens in zip(padded_RL, rows, strict=True):
        row[len(before) :][: len(tokens)] = tokens
    return padded_RL
