"""Feature converters: what a model's examples and prompts look like, wherever they are made.

One frozen object a model, saved with it in `t5lite.json`. Training rows, evaluation's prompts,
texts typed at a terminal, scored answers and the exported tokenizer all ask it, so that a model is
asked just what it was trained on. Features have T5X's names and the values of seqio's feature
converters; they are made for many rows at once.

Names: N examples, F task features, R rows, L positions of a row, K tokens of all examples together.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import numpy.typing as npt

from t5lite.data.features import row_layout
from t5lite.data.features.feature_converter import FeatureConverter as FeatureConverter
from t5lite.data.features.row_layout import Features as Features
from t5lite.data.features.row_layout import Tokens as Tokens
from t5lite.messages.value_types import check_type

ConverterName = Literal["encoder_decoder", "decoder_only", "prefix_lm"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderDecoderFeatureConverter(FeatureConverter):
    """As seqio.EncDecFeatureConverter: prompts to the encoder, targets to the decoder.

    The decoder's first token is 0, as in T5. The prompt's length holds what stands around it.
    """

    architecture: ClassVar[str] = "encoder_decoder"

    @classmethod
    def _feature_sets(cls) -> list[set[str]]:
        return [{"inputs", "targets"}]

    @property
    def longest_prompt(self) -> int:
        """Tokens of the longest prompt, with what stands around it."""
        return self.task_feature_lengths["inputs"]

    @property
    def capacities(self) -> tuple[int, ...]:
        """Positions of a row: (encoder, decoder)."""
        longest_prompt = len(self.soft_prompt) + self.task_feature_lengths["inputs"]
        return longest_prompt, self.task_feature_lengths["targets"]

    def num_positions(self, prompt_length: int, target_length: int) -> int:
        """Positions that either stack needs at most for a prompt and an answer to it."""
        return max(len(self.soft_prompt) + prompt_length, target_length)

    def needs(self, num_N2: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """Positions of encoder and decoder, `[N, 2]`."""
        return num_N2.astype(np.int64) + np.array([len(self.soft_prompt), 0])

    def prompt_batch(
        self, prompts: Sequence[Tokens], *, length: int, is_rest: bool = False
    ) -> dict[str, Any]:
        """See `FeatureConverter.prompt_batch`."""
        before = () if is_rest else self.soft_prompt
        return {"encoder_input_tokens": row_layout.padded(prompts, length, before=before)}

    def _rows(
        self,
        tokens: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]],
        num_N2: npt.NDArray[np.int64],
        *,
        row_N: npt.NDArray[np.integer],
        num_rows: int,
        capacities: tuple[int, ...],
        pack: bool,
    ) -> Features:
        prompts_K, num_N2 = self._with_soft_prompt(tokens[0], num_N2)
        encoder, decoder = (
            row_layout.Layout(num_N, row_N=row_N, num_rows=num_rows, length=length)
            for num_N, length in zip(num_N2.T, capacities, strict=True)
        )
        targets_K = tokens[1]
        shifted_K = np.zeros_like(targets_K)
        shifted_K[1:] = targets_K[:-1]
        shifted_K[decoder.position_K == 0] = 0
        features: Features = {
            "encoder_input_tokens": encoder.rows(prompts_K),
            "decoder_target_tokens": decoder.rows(targets_K),
            "decoder_input_tokens": decoder.rows(shifted_K),
            "decoder_loss_weights": decoder.rows(np.ones(len(targets_K)), dtype=np.float32),
        }
        if not pack:
            row_layout.shift_into_padding(features)
            return features
        return features | {
            "encoder_segment_ids": encoder.rows(encoder.segment_K),
            "encoder_positions": encoder.rows(encoder.position_K),
            "decoder_segment_ids": decoder.rows(decoder.segment_K),
            "decoder_positions": decoder.rows(decoder.position_K),
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class DecoderOnlyFeatureConverter(FeatureConverter):
    """As seqio.PrefixLMFeatureConverter, and as seqio.LMFeatureConverter without inputs.

    An example is one sequence, prompt and targets; each token predicts the next. What stands before
    a prompt comes on top of its length, as seqio's start token does.

    Attributes:
      prefix_lm: whether the tokens of a prompt see one another both ways
        (`decoder_causal_attention`).
      loss_on_targets_only: whether inputs bear no loss.
    """

    architecture: ClassVar[str] = "decoder_only"

    prefix_lm: bool = False
    loss_on_targets_only: bool = True

    @classmethod
    def _feature_sets(cls) -> list[set[str]]:
        return [{"inputs", "targets"}, {"targets"}]

    @property
    def longest_prompt(self) -> int:
        """Tokens of the longest prompt; a model trained on targets alone takes prompts as long."""
        lengths = self.task_feature_lengths
        return len(self.prompt_prefix) + lengths.get("inputs", lengths["targets"])

    @property
    def capacities(self) -> tuple[int, ...]:
        """Positions of a row: (decoder,)."""
        num_before = len(self.soft_prompt) + len(self.prompt_prefix)
        num_tokens = num_before + sum(self.task_feature_lengths.values())
        return (max(num_tokens - 1, 1),)

    def num_positions(self, prompt_length: int, target_length: int) -> int:
        """Positions that a prompt and an answer to it need; nothing follows the last token."""
        return len(self.soft_prompt) + prompt_length + target_length - 1

    def needs(self, num_N2: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """Positions of the decoder, `[N, 1]`: one less than there are tokens."""
        num_N1 = num_N2.sum(axis=1, keepdims=True, dtype=np.int64) + len(self.soft_prompt)
        return np.maximum(num_N1 - 1, 0)

    def prompt_batch(
        self, prompts: Sequence[Tokens], *, length: int, is_rest: bool = False
    ) -> dict[str, Any]:
        """See `FeatureConverter.prompt_batch`."""
        self._check_prompts(prompts)
        before = () if is_rest else self.soft_prompt
        lengths_N = np.array([len(before) + len(prompt) for prompt in prompts], np.int32)
        tokens_NL = row_layout.padded(prompts, length, before=before)
        batch = {"decoder_input_tokens": tokens_NL, "prompt_lengths": lengths_N}
        if self.prefix_lm:
            is_prompt_NL = np.arange(tokens_NL.shape[1]) < lengths_N[:, None]
            batch["decoder_causal_attention"] = is_prompt_NL.astype(np.int32)
        return batch

    def _check_prompts(self, prompts: Sequence[Tokens]) -> None:
        if not self.soft_prompt and not all(len(prompt) for prompt in prompts):
            raise ValueError(
                "a prompt has no tokens, and this model has none that goes before every prompt, so "
                "there is nothing to continue; write something in it"
            )

    def _rows(
        self,
        tokens: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]],
        num_N2: npt.NDArray[np.int64],
        *,
        row_N: npt.NDArray[np.integer],
        num_rows: int,
        capacities: tuple[int, ...],
        pack: bool,
    ) -> Features:
        prompts_K, num_N2 = self._with_soft_prompt(tokens[0], num_N2)
        num_N = num_N2.sum(axis=1)
        place_K = row_layout.places(num_N)
        is_prompt_K = place_K < np.repeat(num_N2[:, 0], num_N)
        tokens_K = np.empty(len(place_K), np.int32)
        tokens_K[is_prompt_K], tokens_K[~is_prompt_K] = prompts_K, tokens[1]
        is_learned_K = ~is_prompt_K & (tokens_K >= 0)
        tokens_K = np.maximum(tokens_K, ~tokens_K)
        # All but a sequence's first token are predicted, each from the one before it.
        predicted = np.flatnonzero(place_K > 0)
        layout = row_layout.Layout(
            np.maximum(num_N - 1, 0), row_N=row_N, num_rows=num_rows, length=capacities[0]
        )
        # By place, not by id: in some vocabularies 0 is a token like any other.
        bears_loss_K = is_learned_K[predicted]
        if not self.loss_on_targets_only:
            bears_loss_K = place_K[predicted] >= len(self.soft_prompt + self.prompt_prefix)
        features: Features = {
            "decoder_target_tokens": layout.rows(tokens_K[predicted]),
            "decoder_input_tokens": layout.rows(tokens_K[predicted - 1]),
            "decoder_loss_weights": layout.rows(bears_loss_K, dtype=np.float32),
            "decoder_segment_ids": layout.rows(layout.segment_K),
            "decoder_positions": layout.rows(layout.position_K),
        }
        if self.prefix_lm:
            features["decoder_causal_attention"] = layout.rows(is_prompt_K[predicted - 1])
        if not pack:
            row_layout.shift_into_padding(features)
        return features


def make_feature_converter(
    name: str,
    *,
    prefix_lm: bool = False,
    loss_on_targets_only: bool = True,
    **fields: Any,
) -> FeatureConverter:
    """The converter of a name.

    Args:
      name: "encoder_decoder", "decoder_only", or "prefix_lm", which is decoder-only with
        `prefix_lm`.
      prefix_lm: see `DecoderOnlyFeatureConverter`.
      loss_on_targets_only: likewise; of no meaning to an encoder-decoder.
      **fields: those of `FeatureConverter`.

    Raises:
      ValueError: there is no such name, or the fields contradict themselves.
    """
    if name not in get_args(ConverterName):
        names = ", ".join(get_args(ConverterName))
        raise ValueError(f"converter must be one of {names}; found {name!r}")
    if name == "encoder_decoder":
        return EncoderDecoderFeatureConverter(**fields)
    return DecoderOnlyFeatureConverter(
        prefix_lm=prefix_lm or name == "prefix_lm",
        loss_on_targets_only=loss_on_targets_only,
        **fields,
    )


_DECODER_FIELDS = ("prefix_lm", "loss_on_targets_only")
_RECORD_TYPES: Mapping[str, Any] = {
    "task_feature_lengths": Mapping[str, int],
    "eos_id": int,
    "prompt_prefix": Sequence[int],
    "prompt_suffix": Sequence[int],
    "targets_suffix": Sequence[int],
    "pack": bool,
    "soft_prompt": Sequence[int],
    "prefix_lm": bool,
    "loss_on_targets_only": bool,
}


def feature_converter_from_dict(record: Mapping[str, Any]) -> FeatureConverter:
    """The inverse of `FeatureConverter.to_dict`; other entries of the record are ignored.

    Raises:
      KeyError: an entry is missing.
      ValueError: entries contradict themselves.
    """
    record = {"soft_prompt": [], **record}  # which older records lack
    check_type(record["converter"], ConverterName, name="converter")
    is_decoder = record["converter"] != "encoder_decoder"
    for name, hint in _RECORD_TYPES.items():
        if is_decoder or name not in _DECODER_FIELDS:
            check_type(record[name], hint, name=name)
    options = _DECODER_FIELDS if is_decoder else ()
    return make_feature_converter(
        record["converter"],
        task_feature_lengths=record["task_feature_lengths"],
        eos_id=record["eos_id"],
        prompt_prefix=tuple(record["prompt_prefix"]),
        prompt_suffix=tuple(record["prompt_suffix"]),
        targets_suffix=tuple(record["targets_suffix"]),
        soft_prompt=tuple(record["soft_prompt"]),
        pack=record["pack"],
        **{name: record[name] for name in options},
    )
