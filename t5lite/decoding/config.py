"""How to decode: every choice, and which of them go together."""

import dataclasses
import math
from typing import Annotated, Any, Literal, get_args

from t5lite.messages.ranges import Count, Range, Seed, Size
from t5lite.messages.value_types import check_numbers
from t5lite.models.checks import check_choice

Strategy = Literal["greedy", "sample", "beam"]
LengthPenaltyStyle = Literal["t5x", "hugging_face"]

# What logits are divided or multiplied by, and stay finite in float32.
Temperature = Annotated[
    float, Range(least=1e-20, most=1e20, note="for the most likely token, decode greedily")
]
Penalty = Annotated[float, Range(least=1e-20, most=1e20, note="1 is off")]
TopP = Annotated[float, Range(above=0, most=1, note="1 is off")]
# The logarithm of the most that a length penalty divides or multiplies a score by: so much, and
# the score of what is not there, `beam._NEVER`, are finite in float32.
_MOST_LOG_PENALTY = 64

# Most tokens of an answer, and of one in a conversation, where nothing else is said.
DECODE_LENGTH = 64
CHAT_DECODE_LENGTH = 512

# T5X's and Hugging Face's own defaults.
_DEFAULT_LENGTH_PENALTY: dict[str, float] = {"t5x": 0.6, "hugging_face": 1.0}


@dataclasses.dataclass(frozen=True)
class DecodingConfig:
    """How to decode.

    Attributes:
      strategy: `"greedy"` takes the most likely token; `"sample"` draws one; `"beam"` searches for
        the most likely answer, `num_beams` at a time.
      temperature: Logits are divided by it before a draw.
      top_k: Draw among the k most likely tokens; 0 draws among all.
      top_p: Draw among the smallest set of most likely tokens whose probability reaches it
        (nucleus sampling, https://arxiv.org/abs/1904.09751); 1.0 draws among all.
      num_beams: Answers that a beam search grows side by side; 1 for the other strategies.
      length_penalty_style: How finished beams of unequal length compare, and when a search ends:
        `"t5x"` or `"hugging_face"`, see `beam`.
      length_penalty: The exponent of that comparison: 0 is none, and more favours the long. None is
        the style's own default, 0.6 or 1.0.
      repetition_penalty: Above 1 makes tokens that were there before less likely (Keskar et al.,
        https://arxiv.org/abs/1909.05858); 1.0 is off. See `penalties.repeated`.
      num_return_sequences: Answers an example: draws, or the best beams.
      max_decode_length: Most tokens generated for one example, the end token included. None is 64,
        and 512 in a conversation; see `inference.prompts.decoding_for`.
      min_decode_length: No end token may be generated before this many other tokens.
      stop_ids: Tokens that end an answer besides the vocabulary's own end.
      stop_strings: Texts that end an answer, and are not part of it.
      seed: Seed of the draws. An example's draws depend on the seed and its index only.
    """

    strategy: Strategy = "greedy"
    temperature: Temperature = 1.0
    top_k: Count = 0
    top_p: TopP = 1.0
    num_beams: Size = 1
    length_penalty_style: LengthPenaltyStyle = "t5x"
    length_penalty: float | None = None
    repetition_penalty: Penalty = 1.0
    num_return_sequences: Size = 1
    max_decode_length: Size | None = None
    min_decode_length: Count = 0
    stop_ids: tuple[Count, ...] = ()
    stop_strings: tuple[str, ...] = ()
    seed: Seed = 0

    def __post_init__(self) -> None:
        check_numbers(self, of=DecodingConfig)
        # Gin and JSON give lists.
        object.__setattr__(self, "stop_ids", tuple(self.stop_ids))
        object.__setattr__(self, "stop_strings", tuple(self.stop_strings))
        check_choice("DecodingConfig.strategy", self.strategy, get_args(Strategy))
        styles = get_args(LengthPenaltyStyle)
        check_choice("DecodingConfig.length_penalty_style", self.length_penalty_style, styles)
        self._require(
            "min_decode_length",
            self.max_decode_length is None or self.min_decode_length < self.max_decode_length,
            f"below max_decode_length={self.max_decode_length}",
        )
        self._require("stop_strings", all(self.stop_strings), "texts that are not empty")
        self._check_sampling()
        self._check_beams()

    @property
    def changes(self) -> dict[str, Any]:
        """The fields that are not as they are by default."""
        fields = {field.name: field.default for field in dataclasses.fields(self)}
        return {n: getattr(self, n) for n, usual in fields.items() if getattr(self, n) != usual}

    @property
    def decode_length(self) -> int:
        """`max_decode_length`, or that of an answer outside conversations."""
        return DECODE_LENGTH if self.max_decode_length is None else self.max_decode_length

    @property
    def length_exponent(self) -> float:
        """`length_penalty`, or its style's default."""
        if self.length_penalty is not None:
            return self.length_penalty
        return _DEFAULT_LENGTH_PENALTY[self.length_penalty_style]

    @property
    def num_branches(self) -> int:
        """Answers that grow side by side for one example."""
        return self.num_beams if self.strategy == "beam" else self.num_return_sequences

    def _check_sampling(self) -> None:
        warped = self.temperature != 1.0 or self.top_k != 0 or self.top_p != 1.0
        if self.strategy != "sample" and warped:
            raise ValueError(
                f"DecodingConfig.strategy is {self.strategy!r}, which ignores temperature, top_k "
                f"and top_p (found {self.temperature}, {self.top_k}, {self.top_p}); set "
                "strategy='sample', or leave them at 1.0, 0 and 1.0."
            )

    def _check_beams(self) -> None:
        if self.strategy == "beam":
            self._require(
                "num_beams",
                self.num_beams >= 2,
                "2 or more in a beam search, which length penalties are for (without either, "
                "decoding is greedy)",
            )
            self._require(
                "num_return_sequences",
                self.num_return_sequences <= self.num_beams,
                f"at most num_beams={self.num_beams}",
            )
            self._require(
                "stop_strings",
                not self.stop_strings,
                "empty in a beam search, which ends a beam at tokens only; use stop_ids",
            )
            longest = self.decode_length + 1
            base = longest if self.length_penalty_style == "hugging_face" else (5 + longest) / 6
            most = _MOST_LOG_PENALTY / math.log(base)
            self._require(
                "length_penalty",
                abs(self.length_exponent) <= most,
                f"between -{most:.1f} and {most:.1f} for {self.decode_length} tokens",
            )
            return
        self._require("num_beams", self.num_beams == 1, "1 unless strategy='beam'")
        self._require("length_penalty", self.length_penalty is None, "None unless strategy='beam'")
        if self.strategy == "greedy":
            self._require(
                "num_return_sequences",
                self.num_return_sequences == 1,
                "1 in greedy decoding, which has one answer; sample (temperature, top_k, top_p) or "
                "search (num_beams)",
            )

    def _require(self, field: str, holds: bool, wanted: str) -> None:
        if not holds:
            raise ValueError(
                f"DecodingConfig.{field} is {getattr(self, field)!r}; it must be {wanted}."
            )
