"""How rotary positions are stretched for texts longer than those a model was first trained on.

Names and formulas are those of transformers' `modeling_rope_utils.py`, so that the config.json of a
published model is one of these. Shapes: B batch, L length, I pairs of entries that are rotated.
"""

import dataclasses
import math
from typing import TYPE_CHECKING, Annotated

import numpy as np

from t5lite.messages.ranges import Positive, Range, Size
from t5lite.messages.value_types import check_numbers
from t5lite.models.checks import require

if TYPE_CHECKING:
    import jax

# A text is stretched, never compressed.
Stretch = Annotated[float, Range(least=1)]
Factors = tuple[Positive, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LinearScaling:
    """Position Interpolation (arXiv:2306.15595): positions are divided before they are rotated.

    Attributes:
      factor: What they are divided by; "linear" scaling in Hugging Face.
    """

    factor: Positive

    def __post_init__(self) -> None:
        """Raises ValueError where the factor is not positive."""
        check_numbers(self, of=LinearScaling)

    def scaled(self, frequency_I: np.ndarray, theta: float) -> tuple[np.ndarray, float]:
        """The frequencies to rotate by, and what cosines and sines are multiplied by besides."""
        return frequency_I / np.float32(self.factor), 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class NTKScaling:
    """NTK-aware scaling: a larger base, which slows the slowest pair by `factor`, the first by 1.

    Attributes:
      factor: How many times longer texts become.
    """

    factor: Stretch

    def __post_init__(self) -> None:
        """Raises ValueError where the factor is below 1."""
        check_numbers(self, of=NTKScaling)

    def scaled(self, frequency_I: np.ndarray, theta: float) -> tuple[np.ndarray, float]:
        """See `LinearScaling.scaled`."""
        return frequency_I * self.factor ** -_share_of_pairs(frequency_I), 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Llama3Scaling:
    """LLaMA 3.1's and later: slow pairs are interpolated, fast ones left, with a ramp between.

    Attributes:
      factor: What the slow pairs' positions are divided by.
      original_length: Tokens of the texts before.
      low_freq_factor: Pairs that turn fewer times within `original_length` are slow.
      high_freq_factor: Pairs that turn more often are fast.
    """

    factor: Stretch
    original_length: Size
    low_freq_factor: Positive = 1.0
    high_freq_factor: Positive = 4.0

    def __post_init__(self) -> None:
        """Raises ValueError, naming the field, where a value cannot be meant."""
        check_numbers(self, of=Llama3Scaling)
        low = self.low_freq_factor
        wanted = f"Llama3Scaling.high_freq_factor must exceed low_freq_factor ({low})"
        require(self.high_freq_factor > low, wanted, self.high_freq_factor)

    def scaled(self, frequency_I: np.ndarray, theta: float) -> tuple[np.ndarray, float]:
        """See `LinearScaling.scaled`."""
        turns_I = self.original_length * frequency_I / (2 * math.pi)
        width = self.high_freq_factor - self.low_freq_factor
        kept_I = np.clip((turns_I - self.low_freq_factor) / width, 0, 1)
        return frequency_I * (kept_I + (1 - kept_I) / self.factor), 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class YarnScaling:
    """YaRN (arXiv:2309.00071): as `Llama3Scaling` with a ramp over pairs, and sharper attention.

    Attributes:
      factor: What the slow pairs' positions are divided by.
      original_length: Tokens of the texts before.
      beta_fast: Pairs that turn more often within `original_length` are left as they are.
      beta_slow: Pairs that turn fewer times are interpolated.
      attention_factor: What cosines and sines are multiplied by; None for 0.1 ln(factor) + 1.
      truncate: Whether the ramp begins and ends at whole pairs.
    """

    factor: Stretch
    original_length: Size
    beta_fast: Positive = 32.0
    beta_slow: Positive = 1.0
    attention_factor: Positive | None = None
    truncate: bool = True

    def __post_init__(self) -> None:
        """Raises ValueError, naming the field, where a value cannot be meant."""
        check_numbers(self, of=YarnScaling)
        wanted = f"YarnScaling.beta_fast must be beta_slow ({self.beta_slow}) or more"
        require(self.beta_fast >= self.beta_slow, wanted, self.beta_fast)

    def scaled(self, frequency_I: np.ndarray, theta: float) -> tuple[np.ndarray, float]:
        """See `LinearScaling.scaled`."""
        num_pairs = len(frequency_I)

        def pair_of(turns: float) -> float:
            span = self.original_length / (2 * math.pi * turns)
            return num_pairs * math.log(span) / math.log(theta)

        first, last = pair_of(self.beta_fast), pair_of(self.beta_slow)
        if self.truncate:
            first, last = math.floor(first), math.ceil(last)
        first, last = max(first, 0), min(last, 2 * num_pairs - 1)
        # A ramp without width is a step.
        width = last - first if last != first else 0.001
        slow_I = np.clip((np.arange(num_pairs, dtype=np.float32) - first) / width, 0, 1)
        scale = yarn_mscale(self.factor) if self.attention_factor is None else self.attention_factor
        return frequency_I * (1 - slow_I + slow_I / self.factor), scale


@dataclasses.dataclass(frozen=True, kw_only=True)
class DynamicNTKScaling:
    """`NTKScaling` by as much as a text is too long, and not at all up to the original length.

    Attributes:
      factor: How strongly the base grows with the length.
      original_length: Tokens of the texts before.
    """

    factor: Stretch
    original_length: Size

    def __post_init__(self) -> None:
        """Raises ValueError, naming the field, where a value cannot be meant."""
        check_numbers(self, of=DynamicNTKScaling)

    def scaled(self, frequency_I: np.ndarray, theta: float) -> tuple[np.ndarray, float]:
        """See `LinearScaling.scaled`; for texts of the original length."""
        return frequency_I, 1.0

    def scaled_at(self, frequency_I: np.ndarray, length_BL: "jax.Array") -> "jax.Array":
        """Frequencies [B, L, I] at places in texts of these lengths."""
        longer_BL = (length_BL / self.original_length).clip(min=1)
        stretch_BL = self.factor * longer_BL - (self.factor - 1)
        return stretch_BL[..., None] ** -_share_of_pairs(frequency_I) * frequency_I


@dataclasses.dataclass(frozen=True, kw_only=True)
class LongRopeScaling:
    """LongRoPE (arXiv:2402.13753): divisors found by search, others for texts that are too long.

    Attributes:
      short_factor: What each pair's positions are divided by in texts up to `original_length`.
      long_factor: The same in longer texts.
      original_length: Tokens of the texts before.
      attention_factor: What cosines and sines are multiplied by; Phi-3's is
        sqrt(1 + ln(s) / ln(original_length)) for texts s times as long.
    """

    short_factor: Factors
    long_factor: Factors
    original_length: Size
    attention_factor: Positive = 1.0

    def __post_init__(self) -> None:
        """Raises ValueError, naming the field, where a value cannot be meant."""
        for name in ("short_factor", "long_factor"):  # gin and JSON give lists
            if isinstance(factors := getattr(self, name), list):
                object.__setattr__(self, name, tuple(factors))
        check_numbers(self, of=LongRopeScaling)

    def check_pairs(self, num_pairs: int) -> None:
        """Raises ValueError unless there is a divisor for each pair."""
        for name in ("short_factor", "long_factor"):
            wanted = f"LongRopeScaling.{name} must hold {num_pairs} numbers, one a rotated pair"
            found = len(getattr(self, name))
            require(found == num_pairs, wanted, found)

    def scaled(self, frequency_I: np.ndarray, theta: float) -> tuple[np.ndarray, float]:
        """See `LinearScaling.scaled`; for texts of the original length."""
        return frequency_I / np.array(self.short_factor, np.float32), self.attention_factor

    def scaled_at(self, frequency_I: np.ndarray, length_BL: "jax.Array") -> "jax.Array":
        """Frequencies [B, L, I] at places in texts of these lengths."""
        is_long_BL1 = (length_BL > self.original_length)[..., None]
        short_I, long_I = (np.array(f, np.float32) for f in (self.short_factor, self.long_factor))
        return (is_long_BL1 * long_I + (1 - is_long_BL1) * short_I) ** -1 * frequency_I


# Those under which the length of a text decides how all of it is rotated.
LengthScaling = DynamicNTKScaling | LongRopeScaling
Scaling = LinearScaling | NTKScaling | Llama3Scaling | YarnScaling | LengthScaling


def linear_scaling(factor: float) -> LinearScaling | None:
    """A `LinearScaling`, or None where the factor is 1."""
    return None if factor == 1 else LinearScaling(factor=factor)


def yarn_mscale(factor: float, weight: float = 1.0) -> float:
    """YaRN's growth of attention with the length of texts, 1 where they do not grow."""
    return 1.0 if factor <= 1 else 0.1 * weight * math.log(factor) + 1.0


def _share_of_pairs(frequency_I: np.ndarray) -> np.ndarray:
    """0 for the fastest pair to 1 for the slowest: dim / (dim - 2) of the exponent of the base."""
    num_pairs = len(frequency_I)
    return np.arange(num_pairs, dtype=np.float32) / np.float32(max(num_pairs - 1, 1))
