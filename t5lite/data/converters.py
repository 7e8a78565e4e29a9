"""Converters: the tokens of examples to the features of rows, with the values that seqio gives.

T5X's feature names and the values of seqio's feature converters, made for many rows at once.

Names: N examples, F task features, R rows, L positions of a row, K tokens of all examples together.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

ConverterName = Literal["encoder_decoder", "decoder_only", "prefix_lm"]
Features = dict[str, npt.NDArray[np.generic]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Converter:
    """How the task features of examples become the model features of rows.

    Attributes:
      name: "encoder_decoder" as seqio.EncDecFeatureConverter, "prefix_lm" as
        seqio.PrefixLMFeatureConverter, "decoder_only" likewise without `decoder_causal_attention`
        (and as seqio.LMFeatureConverter where the tasks have targets only).
      task_feature_lengths: longest "inputs" and "targets"; what is longer is cut at its end.
      pack: several examples a row; otherwise one.
      loss_on_targets_only: for the decoder-only ones, whether inputs bear no loss.
      bos_id: the token that opens every example of `decoder_input_tokens`.
    """

    name: ConverterName
    task_feature_lengths: Mapping[str, int]
    pack: bool = True
    loss_on_targets_only: bool = True
    bos_id: int = 0

    def __post_init__(self) -> None:
        if self.name not in get_args(ConverterName):
            names = ", ".join(get_args(ConverterName))
            raise ValueError(f"converter must be one of {names}; found {self.name!r}")
        found = set(self.task_feature_lengths)
        allowed = [{"inputs", "targets"}]
        if self.name == "decoder_only":
            allowed.append({"targets"})
        if found not in allowed:
            wanted = " or ".join(str(sorted(names)) for names in allowed)
            raise ValueError(
                f"task_feature_lengths must name {wanted} for converter={self.name!r}; "
                f"found {sorted(found)}"
            )
        if self.name == "encoder_decoder" and self.bos_id != 0:
            raise ValueError(
                f"bos_id must be 0 for converter='encoder_decoder', as in T5; found {self.bos_id}"
            )
        for feature, length in self.task_feature_lengths.items():
            if length < 1:
                raise ValueError(f"task_feature_lengths[{feature!r}] must be positive: {length}")

    @property
    def features(self) -> tuple[str, ...]:
        """The task features in the order in which lengths and tokens are given."""
        return tuple(name for name in ("inputs", "targets") if name in self.task_feature_lengths)

    @property
    def capacities(self) -> tuple[int, ...]:
        """Positions of a row: (encoder, decoder), or (decoder,)."""
        lengths = tuple(self.task_feature_lengths[name] for name in self.features)
        return lengths if self.name == "encoder_decoder" else (sum(lengths),)

    def needs(self, lengths_NF: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """What examples of these (cut) lengths take of each capacity, `[N, len(capacities)]`."""
        need_NF: npt.NDArray[np.int64] = lengths_NF.astype(np.int64)
        if self.name == "encoder_decoder":
            return need_NF
        return need_NF.sum(axis=1, keepdims=True)

    def convert(
        self,
        tokens: Sequence[npt.NDArray[np.int32]],
        *,
        lengths_NF: npt.NDArray[np.integer],
        row_N: npt.NDArray[np.integer],
        num_rows: int,
    ) -> Features:
        """Materialises rows.

        Args:
          tokens: for each of `features`, the (cut) tokens of all examples, one after another.
          lengths_NF: how many tokens each example has of each feature.
          row_N: the row of each example, ascending; within a row, examples stand in this order.
          num_rows: R; rows that no example names are padding.

        Returns:
          Arrays `[R, L]`, int32 but for the float32 `decoder_loss_weights`.
        """
        if self.name == "encoder_decoder":
            return self._encoder_decoder(tokens, lengths_NF, row_N=row_N, num_rows=num_rows)
        return self._decoder(tokens, lengths_NF, row_N=row_N, num_rows=num_rows)

    def _encoder_decoder(
        self,
        tokens: Sequence[npt.NDArray[np.int32]],
        lengths_NF: npt.NDArray[np.integer],
        *,
        row_N: npt.NDArray[np.integer],
        num_rows: int,
    ) -> Features:
        encoder_length, decoder_length = self.capacities
        encoder = _Layout(lengths_NF[:, 0], row_N=row_N, num_rows=num_rows, length=encoder_length)
        decoder = _Layout(lengths_NF[:, 1], row_N=row_N, num_rows=num_rows, length=decoder_length)
        inputs_K, targets_K = tokens
        features: Features = {
            "encoder_input_tokens": encoder.rows(inputs_K),
            **self._autoregressive(decoder, targets_K),
        }
        features["decoder_loss_weights"] = decoder.rows(np.ones(len(targets_K)), dtype=np.float32)
        if self.pack:
            features["encoder_segment_ids"] = encoder.rows(encoder.segment_K)
            features["encoder_positions"] = encoder.rows(encoder.position_K)
            features["decoder_segment_ids"] = decoder.rows(decoder.segment_K)
            features["decoder_positions"] = decoder.rows(decoder.position_K)
        return features

    def _decoder(
        self,
        tokens: Sequence[npt.NDArray[np.int32]],
        lengths_NF: npt.NDArray[np.integer],
        *,
        row_N: npt.NDArray[np.integer],
        num_rows: int,
    ) -> Features:
        layout = _Layout(
            lengths_NF.sum(axis=1), row_N=row_N, num_rows=num_rows, length=self.capacities[0]
        )
        has_inputs = "inputs" in self.features
        prefix_N = lengths_NF[:, 0] if has_inputs else np.zeros(len(lengths_NF), np.int64)
        prefix_K = np.repeat(prefix_N, layout.length_N)
        is_input_K = layout.position_K < prefix_K
        tokens_K = tokens[-1]
        if has_inputs:
            tokens_K = np.empty(len(is_input_K), np.int32)
            tokens_K[is_input_K], tokens_K[~is_input_K] = tokens
        # By place, not by id: in some vocabularies 0 is a token like any other.
        bears_loss_K = ~is_input_K if self.loss_on_targets_only else np.ones(len(tokens_K), bool)
        features: Features = {
            **self._autoregressive(layout, tokens_K),
            "decoder_loss_weights": layout.rows(bears_loss_K, dtype=np.float32),
            "decoder_segment_ids": layout.rows(layout.segment_K),
            "decoder_positions": layout.rows(layout.position_K),
        }
        if self.name == "prefix_lm":
            # One position more than the inputs: there their last token is read, and the first
            # target predicted.
            features["decoder_causal_attention"] = layout.rows(layout.position_K <= prefix_K)
        return features

    def _autoregressive(self, layout: "_Layout", targets_K: npt.NDArray[np.int32]) -> Features:
        """Targets, and the same shifted right by one, `bos_id` opening every segment."""
        targets_RL = layout.rows(targets_K)
        if self.pack:
            shifted_K = np.zeros_like(targets_K)
            shifted_K[1:] = targets_K[:-1]
            shifted_K[layout.position_K == 0] = self.bos_id
            inputs_RL = layout.rows(shifted_K)
        else:
            # As seqio does, the shift goes on into the padding by one position.
            inputs_RL = np.zeros_like(targets_RL)
            inputs_RL[:, 1:] = targets_RL[:, :-1]
            inputs_RL[:, 0] = self.bos_id
        return {"decoder_target_tokens": targets_RL, "decoder_input_tokens": inputs_RL}


class _Layout:
    """Where the tokens of the examples of a batch lie in its rows.

    Attributes:
      length_N: tokens of each example.
      position_K: of each token in its example, from 0.
      segment_K: the number of each token's example in its row, from 1.
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
        self.length_N = length_N.astype(np.int64)
        start_N = np.cumsum(self.length_N) - self.length_N
        first_of_row_N = np.searchsorted(row_N, row_N)
        self.segment_K = np.repeat(np.arange(len(row_N)) - first_of_row_N + 1, self.length_N)
        num_tokens = int(self.length_N.sum())
        self.position_K = np.arange(num_tokens) - np.repeat(start_N, self.length_N)
        # Tokens lie in the rows as they do one after another, but for the gap at each row's end.
        column_N = start_N - start_N[first_of_row_N] if len(row_N) else start_N
        self._place_K = self.position_K + np.repeat(row_N * length + column_N, self.length_N)

    def rows(
        self, values_K: npt.NDArray[np.generic], *, dtype: npt.DTypeLike = np.int32
    ) -> npt.NDArray[np.generic]:
        """Values of the tokens at their places, `[R, L]`, and 0 elsewhere."""
        rows_RL = np.zeros(self._shape, dtype)
        rows_RL.reshape(-1)[self._place_K] = values_K
        return rows_RL
