"""What all feature converters have in common; the kinds are in `feature_converters.py`.

Names: N examples, F task features, R rows, L positions of a row, K tokens of all examples together.
"""

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import numpy.typing as npt

from t5lite.data.features import row_layout
from t5lite.data.features.row_layout import Features, Tokens


class ModelConfig(Protocol):
    """What a converter asks of a `TransformerConfig`."""

    @property
    def architecture(self) -> str:
        """`encoder_decoder` or `decoder_only`."""

    @property
    def vocab_size(self) -> int:
        """Rows of the embedding."""

    @property
    def max_positions(self) -> int | None:
        """Most positions that it knows; None where they have no end."""

    @property
    def soft_prompt_ids(self) -> tuple[int, ...]:
        """Ids of the tokens of its soft prompt."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeatureConverter(abc.ABC):
    """How the task features of examples become model features; see the two kinds of it.

    Around a prompt stand `prompt_prefix` and `prompt_suffix`, behind an answer `targets_suffix`.
    Tasks that end their features by themselves (`seqio.preprocessors.append_eos`) have that end
    token taken off first. What is longer than its length is cut at its end, the suffix included, as
    seqio cuts.

    Conversations are complete: their template writes what stands before them and what ends an
    answer, so nothing is put around them (nor does transformers' `apply_chat_template`). A target
    that bears no loss may come as its complement, `~id`.

    Attributes:
      task_feature_lengths: longest "inputs" and "targets" in tokens.
      eos_id: the vocabulary's end token.
      prompt_prefix: ids before the inputs.
      prompt_suffix: ids behind the inputs.
      targets_suffix: ids behind the targets.
      soft_prompt: ids of a soft prompt, which stand before all that is read, conversations too.
        Lengths of features, of prompts and of what is cut do not count them; positions do.
      pack: several examples a training row; otherwise one.
    """

    architecture: ClassVar[str]

    task_feature_lengths: Mapping[str, int]
    eos_id: int
    prompt_prefix: tuple[int, ...] = ()
    prompt_suffix: tuple[int, ...] = ()
    targets_suffix: tuple[int, ...] = ()
    soft_prompt: tuple[int, ...] = ()
    pack: bool = True

    def __post_init__(self) -> None:
        found = set(self.task_feature_lengths)
        allowed = self._feature_sets()
        if found not in allowed:
            wanted = " or ".join(str(sorted(names)) for names in allowed)
            raise ValueError(
                f"task_feature_lengths must name {wanted} for a model of architecture "
                f"{self.architecture!r}; found {sorted(found)}"
            )
        for feature, length in self.task_feature_lengths.items():
            if length < 1:
                raise ValueError(f"task_feature_lengths[{feature!r}] must be positive: {length}")

    # ------------------------------------------------------------------ what a converter says

    @property
    def features(self) -> tuple[str, ...]:
        """The task features in the order in which lengths and tokens are given."""
        return tuple(name for name in ("inputs", "targets") if name in self.task_feature_lengths)

    @property
    @abc.abstractmethod
    def longest_prompt(self) -> int:
        """Tokens of the longest prompt, with what stands around it."""

    @property
    @abc.abstractmethod
    def capacities(self) -> tuple[int, ...]:
        """Positions of a row: (encoder, decoder), or (decoder,)."""

    @abc.abstractmethod
    def num_positions(self, prompt_length: int, target_length: int) -> int:
        """Positions that either stack needs at most for a prompt and an answer to it."""

    @classmethod
    @abc.abstractmethod
    def _feature_sets(cls) -> list[set[str]]:
        """Which task features there may be."""

    def check_model(self, config: ModelConfig, *, vocab_size: int | None = None) -> None:
        """Compares what the converter makes with what a model reads.

        Args:
          config: the model's.
          vocab_size: ids of the vocabulary, where it has fewer than the model.

        Raises:
          ValueError: another architecture, another soft prompt, or an id that the vocabulary does
            not have.
        """
        check_architecture(self.architecture, config.architecture)
        if self.soft_prompt != config.soft_prompt_ids:
            raise ValueError(
                f"the feature converter puts {len(self.soft_prompt)} tokens of a soft prompt "
                f"before every example, and the model has {len(config.soft_prompt_ids)} "
                "(PromptTuning.num_tokens). Start from a base that has a feature converter: "
                "`t5lite convert` makes one of other formats."
            )
        limit = min(config.vocab_size, vocab_size or config.vocab_size)
        for field in ("prompt_prefix", "prompt_suffix", "targets_suffix"):
            for token in getattr(self, field):
                if not 0 <= token < limit:
                    raise ValueError(
                        f"{field} holds the id {token}, which the vocabulary of {limit} ids does "
                        "not have. Set DataConfig.bos_id to an id of the run's VOCABULARY."
                    )

    def check_rows(self, config: ModelConfig) -> None:
        """Raises ValueError where training rows are longer than a model's table of positions."""
        most = config.max_positions
        if most is not None and max(self.capacities) > most:
            raise ValueError(
                f"task_feature_lengths {dict(self.task_feature_lengths)} make rows of "
                f"{max(self.capacities)} positions, and the model has learned {most} "
                "(Learned.max_positions). Shorten TASK_FEATURE_LENGTHS."
            )

    def for_model(self, config: ModelConfig) -> Self:
        """This converter with the soft prompt of a model."""
        return dataclasses.replace(self, soft_prompt=config.soft_prompt_ids)

    def to_dict(self) -> dict[str, Any]:
        """All fields in JSON's types; `feature_converter_from_dict` reads them."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        plain = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in fields.items()
        }
        return {
            "converter": self.architecture,
            **plain,
            "task_feature_lengths": dict(self.task_feature_lengths),
        }

    def room(self, *, is_chat: bool = False) -> dict[str, int]:
        """How many tokens of each of `features` a row takes, beside what stands around them.

        Args:
          is_chat: of conversations, which nothing is put around.
        """
        num_around = {
            "inputs": len(self.prompt_prefix) + len(self.prompt_suffix),
            "targets": len(self.targets_suffix),
        }
        most = {"inputs": self.longest_prompt, "targets": self.task_feature_lengths["targets"]}
        return {
            feature: max(most[feature] - (0 if is_chat else num_around[feature]), 0)
            for feature in self.features
        }

    # ------------------------------------------------------------------------- one example

    def prompt(self, inputs: Tokens, *, is_chat: bool = False) -> npt.NDArray[np.int32]:
        """What the model is asked with for the tokens of a text, int32 `[length]`, cut.

        Args:
          inputs: ids of the text.
          is_chat: whether it is a conversation.
        """
        prefix, suffix = ((), ()) if is_chat else (self.prompt_prefix, self.prompt_suffix)
        whole = np.array([*prefix, *inputs, *suffix], np.int32)
        return whole[: self.longest_prompt]

    def targets(self, targets: Tokens, *, is_chat: bool = False) -> npt.NDArray[np.int32]:
        """The answer that the tokens of a text are, int32 `[length]`, cut.

        Args:
          targets: ids of the text.
          is_chat: whether it is a turn of a conversation.
        """
        whole = np.array([*targets, *(() if is_chat else self.targets_suffix)], np.int32)
        return whole[: self.task_feature_lengths["targets"]]

    def without_end(self, tokens: npt.NDArray[np.integer]) -> npt.NDArray[np.integer]:
        """The tokens of a Task's feature without the end token that the Task put behind them."""
        return tokens[:-1] if len(tokens) and tokens[-1] == self.eos_id else tokens

    # ------------------------------------------------------------------------ many examples

    def num_tokens(
        self,
        lengths_NF: npt.NDArray[np.integer],
        *,
        is_chat_N: npt.NDArray[np.bool_] | None = None,
    ) -> npt.NDArray[np.int64]:
        """Tokens of prompts and targets, `[N, 2]`, of examples with so many tokens a feature.

        Args:
          lengths_NF: tokens of each of `features` without ends, `[N, F]`.
          is_chat_N: which examples are conversations, `[N]`; None for none.
        """
        num_N2 = np.empty((len(lengths_NF), 2), np.int64)
        is_text_N = _is_text(lengths_NF, is_chat_N)
        num_N2[:, 0] = len(self.prompt_prefix) * is_text_N
        if "inputs" in self.features:
            num_N2[:, 0] += lengths_NF[:, 0] + len(self.prompt_suffix) * is_text_N
            np.minimum(num_N2[:, 0], self.longest_prompt, out=num_N2[:, 0])
        num_N2[:, 1] = np.minimum(
            lengths_NF[:, -1] + len(self.targets_suffix) * is_text_N,
            self.task_feature_lengths["targets"],
        )
        return num_N2

    @abc.abstractmethod
    def needs(self, num_N2: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """What prompts and targets of so many tokens take of each capacity, `[N, capacities]`."""

    def convert(
        self,
        tokens: Sequence[npt.NDArray[np.int32]],
        *,
        lengths_NF: npt.NDArray[np.integer],
        row_N: npt.NDArray[np.integer],
        num_rows: int,
        is_chat_N: npt.NDArray[np.bool_] | None = None,
    ) -> Features:
        """Materialises training rows.

        Args:
          tokens: for each of `features`, the tokens of all examples without ends, one after
            another.
          lengths_NF: how many tokens each example has of each feature.
          row_N: the row of each example, ascending; within a row, examples stand in this order.
          num_rows: R; rows that no example names are padding.
          is_chat_N: which examples are conversations, `[N]`; None for none.

        Returns:
          Arrays `[R, L]`, int32 but for the float32 `decoder_loss_weights`.
        """
        num_N2 = self.num_tokens(lengths_NF, is_chat_N=is_chat_N)
        has_inputs = "inputs" in self.features
        prompts_K = row_layout.framed(
            tokens[0] if has_inputs else np.zeros(0, np.int32),
            lengths_NF[:, 0] if has_inputs else np.zeros(len(lengths_NF), np.int64),
            prefix=self.prompt_prefix,
            num_before_N=len(self.prompt_prefix) * _is_text(lengths_NF, is_chat_N),
            suffix=self.prompt_suffix,
            num_N=num_N2[:, 0],
        )
        targets_K = row_layout.framed(
            tokens[-1], lengths_NF[:, -1], suffix=self.targets_suffix, num_N=num_N2[:, 1]
        )
        return self._rows(
            (prompts_K, targets_K),
            num_N2,
            row_N=row_N,
            num_rows=num_rows,
            capacities=self.capacities,
            pack=self.pack,
        )

    def padding(self, num_rows: int) -> Features:
        """Training rows without examples, of the names, shapes and types that all others have."""
        none, num_features = np.zeros(0, np.int32), len(self.features)
        return self.convert(
            [none] * num_features,
            lengths_NF=np.zeros((0, num_features), np.int64),
            row_N=none,
            num_rows=num_rows,
        )

    def scoring_batch(
        self, prompts: Sequence[Tokens], targets: Sequence[Tokens], *, capacities: tuple[int, ...]
    ) -> Features:
        """What training makes of one example a row, unpacked.

        Args:
          prompts: each row's prompt, as `prompt` makes it.
          targets: each row's targets, as `targets` makes them.
          capacities: positions of the rows, at least what `needs` says.

        Returns:
          As `convert`.

        Raises:
          ValueError: a decoder-only model has nothing to continue.
        """
        self._check_prompts(prompts)
        return self._rows(
            (row_layout.joined(prompts), row_layout.joined(targets)),
            np.array([[len(p), len(t)] for p, t in zip(prompts, targets, strict=True)], np.int64),
            row_N=np.arange(len(prompts)),
            num_rows=len(prompts),
            capacities=capacities,
            pack=False,
        )

    @abc.abstractmethod
    def prompt_batch(
        self, prompts: Sequence[Tokens], *, length: int, is_rest: bool = False
    ) -> dict[str, Any]:
        """What a model's `prefill` reads.

        Args:
          prompts: each row's prompt, as `prompt` makes it.
          length: at least that of the longest; with the soft prompt it is L.
          is_rest: whether they go on from a prefix that was read before, the soft prompt too.

        Returns:
          int32 `[N, L]` `encoder_input_tokens`, or for decoder-only `decoder_input_tokens` with
          `prompt_lengths` `[N]`, and `decoder_causal_attention` for prefix language models.

        Raises:
          ValueError: a decoder-only model has nothing to continue.
        """

    @abc.abstractmethod
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
        """Rows of prompts and targets that are complete."""

    def _with_soft_prompt(
        self, prompts_K: npt.NDArray[np.int32], num_N2: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """Prompts behind the soft prompt, one after another, and how many tokens there are now."""
        num_soft = len(self.soft_prompt)
        if not num_soft:
            return prompts_K, num_N2
        longer_N2 = num_N2 + np.array([num_soft, 0])
        longer_K = row_layout.framed(
            *(prompts_K, num_N2[:, 0]),
            prefix=self.soft_prompt,
            num_before_N=num_soft,
            num_N=longer_N2[:, 0],
        )
        return longer_K, longer_N2

    def _check_prompts(self, prompts: Sequence[Tokens]) -> None:  # noqa: B027 (a hook)
        """Refuses prompts that the model cannot continue."""


def check_architecture(converter: str, architecture: str) -> None:
    """Compares `DataConfig.converter` with the model's architecture.

    Raises:
      ValueError: they do not go together; names both.
    """
    wanted = "encoder_decoder" if converter == "encoder_decoder" else "decoder_only"
    if wanted != architecture:
        right = (
            '"encoder_decoder"'
            if architecture == "encoder_decoder"
            else '"decoder_only" or "prefix_lm"'
        )
        raise ValueError(
            f"DataConfig.converter is {converter!r}, which is for a model of architecture "
            f"{wanted!r}, but TransformerConfig.architecture is {architecture!r}. Set "
            f"DataConfig.converter = {right}, or the other architecture."
        )


def _is_text(
    lengths_NF: npt.NDArray[np.integer], is_chat_N: npt.NDArray[np.bool_] | None
) -> npt.NDArray[np.bool_]:
    return np.ones(len(lengths_NF), bool) if is_chat_N is None else ~is_chat_N
